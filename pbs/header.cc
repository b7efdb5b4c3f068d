#include "pbs/header.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/quote.h"
#include "pbs/request.h"
#include "pbs/script.h"

namespace catena::pbs {
namespace {

enum class Use { verbatim, portable, left_out, refused };

struct OptionSpec {
  char letter;
  Use use;
  std::string_view note;  // portable: the field; else what to do instead
};

constexpr OptionSpec table[] = {
    {'a', Use::portable, "begin"},
    {'A', Use::portable, "account"},
    {'c', Use::verbatim, {}},
    {'C', Use::left_out, "only #PBS lines are read"},
    {'d', Use::portable, "workdir"},
    {'e', Use::portable, "stderr"},
    {'f', Use::left_out, "catena always waits for qsub"},
    {'h', Use::left_out, "catena holds and releases its jobs itself"},
    {'I', Use::refused, "an interactive job cannot be part of a workflow"},
    {'j', Use::portable, "join"},
    {'J', Use::refused, "use foreach"},
    {'k', Use::verbatim, {}},
    {'l', Use::portable, "resources"},
    {'m', Use::verbatim, {}},
    {'M', Use::verbatim, {}},
    {'N', Use::portable, "name"},
    {'o', Use::portable, "stdout"},
    {'p', Use::portable, "priority"},
    {'P', Use::portable, "project"},
    {'q', Use::portable, "queue"},
    {'r', Use::verbatim, {}},
    {'R', Use::verbatim, {}},
    {'S', Use::portable, "shell"},
    {'t', Use::refused, "use foreach"},
    {'u', Use::left_out, "jobs are submitted as the one who runs catena"},
    {'v', Use::portable, "variables"},
    {'V', Use::left_out, "use env for what the job needs"},
    {'w', Use::portable, "workdir"},
    {'W', Use::portable, "attributes"},
    {'X', Use::left_out, "a job of a workflow has no display"},
    {'x', Use::left_out, "a job of a workflow is not interactive"},
    {'z', Use::left_out, "catena reads the id that qsub prints"},
};

// script_options lets only these through.
const OptionSpec* find_option(char letter) {
  return std::ranges::find(table, letter, &OptionSpec::letter);
}

// [[CC]YY]MMDDhhmm[.SS] with its century, as the field `begin` spells it; empty: qsub knows more of it than
// we do.
std::string begin_of(std::string_view text) {
  if (text.size() != 12 && text.size() != 15) return {};
  if (text.size() == 15 && text[12] != '.') return {};
  const auto part = [&](std::size_t at, std::size_t size) { return text.substr(at, size); };
  return fmt::format("{}-{}-{}T{}:{}:{}", part(0, 4), part(4, 2), part(6, 2), part(8, 2), part(10, 2),
                     text.size() == 15 ? part(13, 2) : "00");
}

class Reader {
 public:
  ScriptHeader read(std::string_view script) {
    auto all = script_options(script);
    header_.dialect = "pbs";
    header_.found = !all.directives.empty();
    header_.shell = std::move(all.shell);
    header_.problems = std::move(all.problems);
    for (const auto& option : all.options) {
      line_ = option.line;
      take(*find_option(option.letter), option.value);
    }
    finish();
    return std::move(header_);
  }

 private:
  void problem(std::string message, std::string_view hint, bool error) {
    header_.problems.push_back({line_, std::move(message), std::string(hint), error});
  }
  void error(const std::string& message) {
    if (!message.empty()) problem(message, {}, true);
  }
  void verbatim(char letter, std::string_view value) {
    header_.options.push_back(value.empty() ? fmt::format("-{}", letter)
                                            : fmt::format("-{} {}", letter, shell_quote(value)));
  }

  void take(const OptionSpec& spec, std::string_view value) {
    if (spec.use == Use::verbatim) {
      verbatim(spec.letter, value);
    } else if (spec.use == Use::left_out) {
      problem(fmt::format("-{} is left out", spec.letter), spec.note, false);
    } else if (spec.use == Use::refused) {
      problem(fmt::format("-{} is not read from a script", spec.letter), spec.note, true);
    } else {
      take_portable(spec.letter, value);
    }
  }

  void take_portable(char letter, std::string_view value) {
    switch (letter) {
      case 'N':
        header_.job_name = value;
        break;
      case 'o':
        header_.stdout_file = value;
        break;
      case 'e':
        header_.stderr_file = value;
        break;
      case 'j':
        join_ = value;
        break;
      case 'd':
      case 'w':
        header_.workdir = value;
        break;
      case 'S':
        header_.shell = value;
        break;
      case 'A':
        set("account", value);
        break;
      case 'P':
        project_ = value;
        break;
      case 'q':
        set("queue", value);
        break;
      case 'p':
        set("priority", value);
        break;
      case 'a':
        take_begin(value);
        break;
      case 'v':
        take_variables(value);
        break;
      case 'W':
        take_attributes(value);
        break;
      default:
        requests_.emplace_back(line_, value);
        break;
    }
  }

  void set(std::string_view field, std::string_view value) {
    error(set_resource(header_.resources, field, value));
  }

  void take_begin(std::string_view value) {
    const auto begin = begin_of(value);
    if (begin.empty()) {
      verbatim('a', value);
    } else {
      set("begin", begin);
    }
  }

  void take_variables(std::string_view value) {
    for (const auto& part : comma_parts(value)) {
      const auto equals = part.find('=');
      if (equals != part.npos && equals > 0) {
        header_.env.emplace_back(part.substr(0, equals), part.substr(equals + 1));
      } else if (!part.empty()) {
        problem(fmt::format("-v {}: only NAME=value parts are taken", part), "use env", false);
      }
    }
  }

  void take_attributes(std::string_view value) {
    if (value.starts_with("depend=")) {
      problem("-W depend is left out", "use after", false);
    } else if (value.starts_with("block=")) {
      problem("-W block is left out", "use catena wait", false);
    } else {
      verbatim('W', value);
    }
  }

  void finish() {
    // What -l mem= means depends on the number of nodes, wherever that stands.
    std::stable_partition(requests_.begin(), requests_.end(), [](const auto& each) {
      return each.second.starts_with("select=") || each.second.starts_with("nodes=");
    });
    for (const auto& [line, request] : requests_) {
      line_ = line;
      std::string problem;
      for (const auto& rest : read_request(request, header_.resources, problem)) verbatim('l', rest);
      error(problem);
    }
    if (!project_.empty()) {
      if (header_.resources.account.empty()) {
        header_.resources.account = project_;
      } else {
        verbatim('P', project_);
      }
    }
    if (join_ == "oe") header_.stderr_file.clear();
    if (join_ == "eo") header_.stdout_file = std::exchange(header_.stderr_file, {});
  }

  ScriptHeader header_;
  std::vector<std::pair<int, std::string>> requests_;  // the values of -l, with their lines
  std::string join_, project_;
  int line_ = 1;
};

}  // namespace

ScriptHeader read_header(std::string_view script) {
  return Reader().read(script);
}

}  // namespace catena::pbs
