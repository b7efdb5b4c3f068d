#include "pbs/script.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace catena::pbs {
namespace {

constexpr std::string_view directive = "#PBS";
constexpr std::string_view blanks = " \t\v\f\r";

// qsub of OpenPBS, and Torque's -d, -t, -w and -x.
constexpr std::string_view with_value = "aAcCdejJklmMNopPqrRStuvwW";
constexpr std::string_view without_value = "fhIVXxz";

bool blank(char c) {
  return blanks.find(c) != blanks.npos;
}

struct Word {
  std::string text;
  std::size_t at = 0;
};

class Reader {
 public:
  ScriptOptions read(std::string_view script) {
    if (script.find("\r\n") != script.npos)
      problem(1, 0, "the script has DOS line ends (CR LF)", "convert it with dos2unix");
    for (int line = 1; !script.empty(); ++line) {
      all_.body = line;
      auto text = next_line(script);
      const auto first = std::min(text.find_first_not_of(blanks), text.size());
      if (line == 1 && text.starts_with("#!")) {
        const auto start = std::min(text.find_first_not_of(blanks, 2), text.size());
        all_.shell = text.substr(start, text.find_last_not_of(blanks) + 1 - start);
      } else if (std::string_view(text).substr(first).starts_with(directive)) {
        starts_ = {{0, line}};
        all_.directives.push_back(line);
        while (text.ends_with('\\') && !script.empty()) {
          text.pop_back();
          starts_.emplace_back(text.size(), ++line);
          all_.directives.push_back(line);
          text += next_line(script);
        }
        take(words_of(text, first + directive.size()));
      } else if (first < text.size() && text[first] != '#') {
        return std::move(all_);  // the first command
      }
      all_.body = line + 1;
    }
    return std::move(all_);
  }

 private:
  static std::string next_line(std::string_view& script) {
    const auto end = std::min(script.find('\n'), script.size());
    std::string text(script.substr(0, end));
    script.remove_prefix(std::min(end + 1, script.size()));
    return text;
  }

  // Line and column of a place in the directive, whose continuations are joined.
  std::pair<int, int> place(std::size_t at) const {
    const auto next =
        std::ranges::upper_bound(starts_, at, {}, [](const auto& start) { return start.first; });
    const auto& start = *std::prev(next);
    return {start.second, static_cast<int>(at - start.first + 1)};
  }
  void problem(int line, int column, std::string message, std::string hint = {}) {
    all_.problems.push_back({line, std::move(message), std::move(hint), true, column});
  }
  void error(std::size_t at, std::string message) {
    const auto [line, column] = place(at);
    problem(line, column, std::move(message));
  }

  // make_argv in qsub.c, but for '#' at the start of a word, after which Torque reads no further.
  std::vector<Word> words_of(std::string_view text, std::size_t at) {
    std::vector<Word> words;
    while (true) {
      while (at < text.size() && blank(text[at])) ++at;
      if (at < text.size() && text[at] == '#') all_.comments.emplace_back(place(at).first, text.substr(at));
      if (at == text.size() || text[at] == '#') return words;
      Word word{{}, at};
      for (; at < text.size() && !blank(text[at]); ++at) {
        const char c = text[at];
        if (c == '\'' || c == '"') {
          const auto end = text.find(c, at + 1);
          if (end == text.npos) {
            error(at, fmt::format("a {} is not closed", c));
            return {};
          }
          word.text += text.substr(at + 1, end - at - 1);
          at = end;
        } else if (c == '\\' && at + 1 < text.size()) {
          word.text += text[++at];
        } else {
          word.text += c;
        }
      }
      words.push_back(std::move(word));
    }
  }

  void take(const std::vector<Word>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string_view word = words[i].text;
      const auto at = words[i].at;
      if (word.size() < 2 || word[0] != '-') {
        error(at, fmt::format("'{}' is no option", word));
        continue;
      }
      for (std::size_t letter = 1; letter < word.size(); ++letter) {
        const auto give = [&](std::string_view value) {
          const auto [line, column] = place(at);
          all_.options.push_back({word[letter], std::string(value), line, column});
        };
        if (without_value.find(word[letter]) != word.npos) {
          give({});
          continue;
        }
        if (with_value.find(word[letter]) == word.npos) {
          error(at, fmt::format("qsub has no option -{}", word[letter]));
        } else if (letter + 1 < word.size()) {
          give(word.substr(letter + 1));
        } else if (i + 1 < words.size()) {
          give(words[++i].text);
        } else {
          error(at, fmt::format("-{} needs a value", word[letter]));
        }
        break;
      }
    }
  }

  ScriptOptions all_;
  std::vector<std::pair<std::size_t, int>> starts_;  // of the directive's lines, in its joined text
};

}  // namespace

ScriptOptions script_options(std::string_view script) {
  return Reader().read(script);
}

}  // namespace catena::pbs
