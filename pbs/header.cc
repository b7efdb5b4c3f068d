#include "pbs/header.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/quote.h"
#include "pbs/request.h"

namespace catena::pbs {
namespace {

constexpr std::string_view directive = "#PBS";
constexpr std::string_view blanks = " \t\v\f\r";

bool blank(char c) {
  return blanks.find(c) != blanks.npos;
}

enum class Use { verbatim, portable, left_out, refused };

struct OptionSpec {
  char letter;
  bool value;
  Use use;
  std::string_view note;  // portable: the field; else what to do instead
};

// qsub of OpenPBS, and Torque's -d, -t, -w and -x.
constexpr OptionSpec table[] = {
    {'a', true, Use::portable, "begin"},
    {'A', true, Use::portable, "account"},
    {'c', true, Use::verbatim, {}},
    {'C', true, Use::left_out, "only #PBS lines are read"},
    {'d', true, Use::portable, "workdir"},
    {'e', true, Use::portable, "stderr"},
    {'f', false, Use::left_out, "catena always waits for qsub"},
    {'h', false, Use::left_out, "catena holds and releases its jobs itself"},
    {'I', false, Use::refused, "an interactive job cannot be part of a workflow"},
    {'j', true, Use::portable, "join"},
    {'J', true, Use::refused, "use foreach"},
    {'k', true, Use::verbatim, {}},
    {'l', true, Use::portable, "resources"},
    {'m', true, Use::verbatim, {}},
    {'M', true, Use::verbatim, {}},
    {'N', true, Use::portable, "name"},
    {'o', true, Use::portable, "stdout"},
    {'p', true, Use::portable, "priority"},
    {'P', true, Use::portable, "project"},
    {'q', true, Use::portable, "queue"},
    {'r', true, Use::verbatim, {}},
    {'R', true, Use::verbatim, {}},
    {'S', true, Use::portable, "shell"},
    {'t', true, Use::refused, "use foreach"},
    {'u', true, Use::left_out, "jobs are submitted as the one who runs catena"},
    {'v', true, Use::portable, "variables"},
    {'V', false, Use::left_out, "use env for what the job needs"},
    {'w', true, Use::portable, "workdir"},
    {'W', true, Use::portable, "attributes"},
    {'X', false, Use::left_out, "a job of a workflow has no display"},
    {'x', false, Use::left_out, "a job of a workflow is not interactive"},
    {'z', false, Use::left_out, "catena reads the id that qsub prints"},
};

const OptionSpec* find_option(char letter) {
  const auto* found = std::ranges::find(table, letter, &OptionSpec::letter);
  return found != std::end(table) ? found : nullptr;
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
    header_.dialect = "pbs";
    if (script.find("\r\n") != script.npos) {
      problem("the script has DOS line ends (CR LF)", "convert it with dos2unix", true);
    }
    for (line_ = 1; !script.empty(); ++line_) {
      auto text = next_line(script);
      const auto first = std::min(text.find_first_not_of(blanks), text.size());
      if (line_ == 1 && text.starts_with("#!")) {
        const auto start = std::min(text.find_first_not_of(blanks, 2), text.size());
        header_.shell = text.substr(start, text.find_last_not_of(blanks) + 1 - start);
      } else if (std::string_view(text).substr(first).starts_with(directive)) {
        header_.found = true;
        int continued = 0;
        for (; text.ends_with('\\') && !script.empty(); ++continued) {
          text.pop_back();
          text += next_line(script);
        }
        take_words(words_of(std::string_view(text).substr(first + directive.size())));
        line_ += continued;
      } else if (first < text.size() && text[first] != '#') {
        break;  // the first command
      }
    }
    finish();
    return std::move(header_);
  }

 private:
  static std::string next_line(std::string_view& script) {
    const auto end = std::min(script.find('\n'), script.size());
    std::string text(script.substr(0, end));
    script.remove_prefix(std::min(end + 1, script.size()));
    return text;
  }

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

  // make_argv in qsub.c, but for '#' at the start of a word, after which Torque reads no further.
  std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0;;) {
      while (at < text.size() && blank(text[at])) ++at;
      if (at == text.size() || text[at] == '#') return words;
      std::string word;
      for (; at < text.size() && !blank(text[at]); ++at) {
        const char c = text[at];
        if (c == '\'' || c == '"') {
          const auto end = text.find(c, at + 1);
          if (end == text.npos) {
            error(fmt::format("a {} is not closed", c));
            return {};
          }
          word += text.substr(at + 1, end - at - 1);
          at = end;
        } else if (c == '\\' && at + 1 < text.size()) {
          word += text[++at];
        } else {
          word += c;
        }
      }
      words.push_back(std::move(word));
    }
  }

  void take_words(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string_view word = words[i];
      if (word.size() < 2 || word[0] != '-') {
        error(fmt::format("'{}' is no option", word));
        continue;
      }
      for (std::size_t at = 1; at < word.size(); ++at) {
        const auto* spec = find_option(word[at]);
        if (spec == nullptr) {
          error(fmt::format("qsub has no option -{}", word[at]));
          break;
        }
        if (!spec->value) {
          take(*spec, {});
          continue;
        }
        if (at + 1 < word.size()) {
          take(*spec, word.substr(at + 1));
        } else if (i + 1 < words.size()) {
          take(*spec, words[++i]);
        } else {
          error(fmt::format("-{} needs a value", word[at]));
        }
        break;
      }
    }
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
