#include "slurm/header.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/error.h"
#include "slurm/options.h"
#include "slurm/text.h"

namespace catena::slurm {
namespace {

constexpr std::string_view directive = "#SBATCH";
constexpr std::string_view blanks = " \t\v\f\r";

class Reader {
 public:
  ScriptHeader read(std::string_view script) {
    header_.dialect = "slurm";
    if (script.find("\r\n") != script.npos) {
      problem(1, "the script has DOS line ends (CR LF), which sbatch refuses", "convert it with dos2unix",
              true);
    }
    if (const auto nul = script.find('\0'); nul != script.npos) {
      problem(1, "the script holds a NUL byte, which sbatch refuses", {}, true);
      script = script.substr(0, nul);
    }
    collect(script);
    const auto given = read_options(words_);
    for (const auto& option : given) take(option);
    return std::move(header_);
  }

 private:
  void problem(int line, std::string message, std::string hint, bool error) {
    header_.problems.push_back({line, std::move(message), std::move(hint), error});
  }

  // The words of all #SBATCH lines: sbatch reads them as one command line.
  void collect(std::string_view script) {
    for (int line = 1; !script.empty(); ++line) {
      const auto end = std::min(script.find('\n'), script.size());
      const auto text = script.substr(0, end);
      script.remove_prefix(std::min(end + 1, script.size()));
      if (line == 1 && text.starts_with("#!")) {
        const auto first = text.find_first_not_of(blanks, 2);
        const auto last = text.find_last_not_of(blanks);
        if (first != text.npos) header_.shell = text.substr(first, last + 1 - first);
      } else if (text.starts_with(directive)) {
        header_.found = true;
        add_words(line, text.substr(directive.size()));
      } else {
        const auto first = text.find_first_not_of(blanks);
        if (first != text.npos && text[first] != '#') return;  // the first command
      }
    }
  }

  void add_words(int line, std::string_view text) {
    if (std::min(text.find('\r'), text.size()) + 1 < text.size()) {
      problem(line, "a carriage return in the middle of a line", {}, true);
      return;
    }
    try {
      for (auto& word : directive_words(text)) {
        if (word == "hetjob" || word == "packjob") {
          problem(line, "heterogeneous jobs are not supported", "make each component a node of its own",
                  true);
          continue;
        }
        words_.push_back(std::move(word));
        lines_.push_back(line);
      }
    } catch (const Error& error) {
      problem(line, error.what(), {}, true);
    }
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
  std::vector<std::string> words_;
  std::vector<int> lines_;  // of each word
};

}  // namespace

ScriptHeader read_header(std::string_view script) {
  return Reader().read(script);
}

}  // namespace catena::slurm
