#include "adapters/local/bare_start.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <system_error>
#include <thread>
#include <vector>

#include "adapters/local/launcher.h"
#include "core/job_tool.h"

namespace catena::local {
namespace {

constexpr int cannot_execute = 126, not_found = 127;  // as a shell says it

struct Variable {
  std::string_view name;
  const char* entry;  // NAME=value
};

Variable variable(const char* entry) {
  const std::string_view text = entry;
  return {text.substr(0, text.find('=')), entry};
}

// By name, each once: of several, the last one counts.
void settle_names(std::vector<Variable>& list) {
  std::ranges::stable_sort(list, {}, &Variable::name);
  const auto kept = std::unique(list.rbegin(), list.rend(), [](const Variable& a, const Variable& b) {
                      return a.name == b.name;
                    }).base();
  list.erase(list.begin(), kept);
}

// Every body gets these: they are taken apart once.
const std::vector<Variable>& of_this_process() {
  static const auto list = [] {
    std::vector<Variable> all;
    for (char** entry = environ; *entry; ++entry) all.push_back(variable(*entry));
    std::ranges::reverse(all);  // getenv() takes the first one of a name
    settle_names(all);
    std::erase_if(all, [](const Variable& each) { return each.name == "OLDPWD"; });
    return all;
  }();
  return list;
}

// This process's environment, over it what every job gets, over that the job's own.
class Environment {
 public:
  explicit Environment(const BareLine& bare)
      : id_("CATENA_JOB_ID=" + bare.queued.id), directory_("PWD=" + bare.queued.workdir) {
    std::vector<Variable> given{variable(id_.c_str()),
                                variable(directory_.c_str())};  // a shell that changes its directory says so
    for (const auto& entry : bare.environment) given.push_back(variable(entry.c_str()));
    settle_names(given);
    const auto& inherited = of_this_process();
    std::vector<Variable> all;
    all.reserve(given.size() + inherited.size());
    std::ranges::set_union(given, inherited, std::back_inserter(all), {}, &Variable::name, &Variable::name);

    const auto value = [&](std::string_view name, std::string_view otherwise) {
      const auto found = std::ranges::lower_bound(all, name, {}, &Variable::name);
      if (found == all.end() || found->name != name) return otherwise;
      const std::string_view entry = found->entry;
      return entry.substr(std::min(name.size() + 1, entry.size()));
    };
    // The run's own catena is found where there is no other.
    path_ = fmt::format("PATH={}:{}/{}", value("PATH", "/usr/local/bin:/usr/bin:/bin"),
                        value("CATENA_RUN_DIR", ""), tool_folder);
    entries_.reserve(all.size() + 2);
    for (const auto& each : all) {
      if (each.name != "PATH") entries_.push_back(const_cast<char*>(each.entry));
    }
    entries_.push_back(path_.data());
    entries_.push_back(nullptr);
  }
  char* const* entries() const { return entries_.data(); }
  std::string_view path() const { return std::string_view(path_).substr(5); }

 private:
  std::string id_, directory_, path_;
  std::vector<char*> entries_;
};

bool is_program(const std::string& path) {
  struct stat info;
  return access(path.c_str(), X_OK) == 0 && stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// Empty: there is none.
std::string search(const std::string& word, std::string_view path, const std::string& directory) {
  for (;;) {
    const auto end = std::min(path.find(':'), path.size());
    auto folder = std::string(path.substr(0, end));
    if (!folder.starts_with('/')) folder = directory + "/" + folder;
    if (auto found = folder + "/" + word; is_program(found)) return found;
    if (end == path.size()) return {};
    path.remove_prefix(end + 1);
  }
}

// Job after job asks for the same shell: what was found last is looked at first.
std::string find_program(const std::string& word, std::string_view path, const std::string& directory) {
  if (word.find('/') != std::string::npos) return word;
  static std::string last_word, last_path, found;
  if (word == last_word && path == last_path && is_program(found)) return found;
  last_word = word;
  last_path = path;
  return found = search(word, path, directory);
}

bool may_pass(int error) {
  return error == EAGAIN || error == ENOMEM || error == ENFILE;
}

[[noreturn]] void no_interpreter(int err, int status, std::string_view word, std::string_view why) {
  const auto text = fmt::format("catena: exec: {}: {}\n", word, why);
  if (err >= 0 && write(err, text.data(), text.size()) < 0) err = -1;  // the record says it too
  throw CannotStart{status, fmt::format("its shell cannot be run: {}: {}", word, why)};
}

}  // namespace

pid_t start_body(const BareLine& bare, const std::string& body_file, int out, int err) {
  const auto& job = bare.queued;
  const Environment environment(bare);
  Launch body{.argv = bare.shell,
              .program = find_program(bare.shell[0], environment.path(), job.workdir),
              .directory = job.workdir,
              .out = out,
              .err = err,
              .environment = environment.entries()};
  body.argv.push_back(body_file);
  for (;;) {
    try {
      if (body.program.empty()) throw std::system_error(ENOENT, std::generic_category());
      return launch(body);
    } catch (const std::system_error& error) {
      const int code = error.code().value();
      if (may_pass(code)) {
        std::this_thread::sleep_for(std::chrono::seconds{1});
        continue;
      }
      if (access(job.workdir.c_str(), X_OK) != 0)
        throw CannotStart{1, "cannot enter the working directory " + job.workdir};
      if (code == ENOENT) no_interpreter(err, not_found, bare.shell[0], "not found");
      no_interpreter(err, cannot_execute, bare.shell[0], error.code().message());
    }
  }
}

}  // namespace catena::local
