// catena translate FILE --to SCHEDULER: an ordinary batch script for another scheduler; touches nothing but
// --output.
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapters/local/local_transport.h"
#include "cli/registry.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

struct Script {
  std::string text;
  int mode = 0644;
};

Script read_script(const std::string& path) {
  struct ::stat info {};
  std::ifstream in(path, std::ios::binary);
  if (!in || ::stat(path.c_str(), &info) != 0 || S_ISDIR(info.st_mode)) {
    const int fault = errno != 0 ? errno : EISDIR;
    throw Error(ErrorKind::not_found, fmt::format("cannot read {}: {}", path, std::strerror(fault)));
  }
  std::ostringstream text;
  text << in.rdbuf();
  return {std::move(text).str(), static_cast<int>(info.st_mode & 0777)};
}

int translate_file(const std::string& file, const std::string& to, const std::string& output, bool strict) {
  const auto languages = batch_languages();
  const auto script = read_script(file);
  const auto made =
      translate(script.text, file, languages, *std::ranges::find(languages, to, &BatchLanguage::name));
  for (const auto& warning : made.warnings) fmt::print(stderr, "warning: {}\n", format(warning));
  if (strict && !made.warnings.empty()) {
    throw Error(ErrorKind::config, fmt::format("{} cannot be translated without loss", file),
                "without --strict it is translated but for the lines above");
  }
  if (output.empty()) {
    const bool written = std::fwrite(made.script.data(), 1, made.script.size(), stdout) == made.script.size();
    if (!written || std::fflush(stdout) != 0)
      throw Error(ErrorKind::not_found, fmt::format("cannot write: {}", std::strerror(errno)));
    return exit_ok;
  }
  FileToPut result;
  result.content = made.script;
  result.target = std::filesystem::absolute(output).string();
  result.mode = script.mode;
  try {
    LocalTransport().put({&result, 1}, {});
  } catch (const Error& error) {
    throw Error(ErrorKind::not_found, error.what());  // no login node has to do with it
  }
  return exit_ok;
}

}  // namespace

void add_translate(CLI::App& app, Context&, Chosen& chosen) {
  struct Options {
    std::string file, to, output;
    bool strict = false;
  };
  auto* verb = app.add_subcommand("translate", "write an ordinary batch script for another scheduler");
  auto options = std::make_shared<Options>();
  std::vector<std::string> names;
  for (const auto& language : batch_languages()) names.emplace_back(language.name);
  verb->add_option("file", options->file, "a batch script with #SBATCH or #PBS lines")
      ->required()
      ->type_name("FILE");
  verb->add_option("--to", options->to, "the scheduler to write it for")
      ->required()
      ->check(CLI::IsMember(names));
  verb->add_option("-o,--output", options->output, "where to write it, instead of the standard output")
      ->type_name("FILE");
  verb->add_flag("--strict", options->strict, "write nothing if there is a warning");
  verb->footer("Example:  catena translate old.pbs --to slurm --output new.sbatch");
  verb->callback([&chosen, options] {
    chosen.action = [options] {
      return translate_file(options->file, options->to, options->output, options->strict);
    };
  });
}

}  // namespace catena::cli
