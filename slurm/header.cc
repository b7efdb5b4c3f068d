#include "slurm/header.h"

#include <fmt/core.h>

#include "slurm/options.h"
#include "slurm/script.h"

namespace catena::slurm {
namespace {

class Reader {
 public:
  ScriptHeader read(std::string_view script) {
    auto all = script_words(script);
    header_.dialect = "slurm";
    header_.found = !all.directives.empty();
    header_.shell = std::move(all.shell);
    header_.problems = std::move(all.problems);
    std::vector<std::string> words;
    for (auto& word : all.words) {
      words.push_back(std::move(word.text));
      lines_.push_back(word.line);
    }
    for (const auto& option : read_options(words)) take(option);
    return std::move(header_);
  }

 private:
  void problem(int line, std::string message, std::string hint, bool error) {
    header_.problems.push_back({line, std::move(message), std::move(hint), error});
  }

  void take(const GivenOption& option) {
    const int line = lines_[option.word];
    if (!option.problem.empty()) {
      problem(line, option.problem, {}, true);
      return;
    }
    if (option.spec == nullptr || option.spec->use == Use::verbatim) {
      header_.options.push_back(option.text());
    } else if (option.spec->use == Use::portable) {
      std::string wrong;
      const auto result = set_portable(option, header_.resources, wrong);
      if (result == Portable::impossible) header_.options.push_back(option.text());
      if (result == Portable::wrong) problem(line, fmt::format("--{}: {}", option.name, wrong), {}, true);
    } else {
      take_reserved(option, line);
    }
  }

  void take_reserved(const GivenOption& option, int line) {
    if (option.name == "job-name") {
      header_.job_name = option.value;
    } else if (option.name == "chdir") {
      header_.workdir = option.value;
    } else if (option.name == "output") {
      header_.stdout_file = option.value;
    } else if (option.name == "error") {
      header_.stderr_file = option.value;
    } else if (option.name == "export") {
      take_export(option.value, line);
    } else if (option.name == "array") {
      problem(line, "--array is not read from a script", "use foreach", true);
    } else {
      problem(line, fmt::format("--{} is left out", option.name), std::string(option.spec->note), false);
    }
  }

  // ALL and plain names say what is passed on from the submitting shell, which the site decides.
  void take_export(const std::string& value, int line) {
    bool others = false;
    for (auto& part : comma_parts(value)) {
      const auto equals = part.find('=');
      if (equals != part.npos && equals > 0) {
        header_.env.emplace_back(part.substr(0, equals), part.substr(equals + 1));
      } else if (!part.empty() && part != "ALL") {
        others = true;
      }
    }
    if (others) {
      problem(line, fmt::format("--export={}: only its NAME=value parts are taken", value),
              "use env, or export in the site file", false);
    }
  }

  ScriptHeader header_;
  std::vector<int> lines_;  // of each word
};

}  // namespace

ScriptHeader read_header(std::string_view script) {
  return Reader().read(script);
}

}  // namespace catena::slurm
