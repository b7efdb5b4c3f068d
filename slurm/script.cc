#include "slurm/script.h"

#include <algorithm>

#include "core/error.h"
#include "slurm/text.h"

namespace catena::slurm {
namespace {

constexpr std::string_view directive = "#SBATCH";
constexpr std::string_view blanks = " \t\v\f\r";

void add_words(ScriptWords& all, int line, std::string_view text) {
  const auto error = [&](std::string message, std::string hint = {}) {
    all.problems.push_back({line, std::move(message), std::move(hint), true});
  };
  all.directives.push_back(line);
  if (std::min(text.find('\r'), text.size()) + 1 < text.size()) {
    error("a carriage return in the middle of a line");
    return;
  }
  try {
    auto placed = placed_words(text);
    if (!placed.comment.empty()) all.comments.emplace_back(line, placed.comment);
    for (auto& word : placed.words) {
      if (word.text == "hetjob" || word.text == "packjob") {
        error("heterogeneous jobs are not supported", "make each component a node of its own");
        continue;
      }
      all.words.push_back({std::move(word.text), line, static_cast<int>(directive.size() + word.at + 1)});
    }
  } catch (const Error& wrong) {
    error(wrong.what());
  }
}

}  // namespace

ScriptWords script_words(std::string_view script) {
  ScriptWords all;
  if (script.find("\r\n") != script.npos) {
    all.problems.push_back(
        {1, "the script has DOS line ends (CR LF), which sbatch refuses", "convert it with dos2unix", true});
  }
  if (const auto nul = script.find('\0'); nul != script.npos) {
    all.problems.push_back({1, "the script holds a NUL byte, which sbatch refuses", {}, true});
    script = script.substr(0, nul);
  }
  for (int line = 1; !script.empty(); ++line) {
    const auto end = std::min(script.find('\n'), script.size());
    const auto text = script.substr(0, end);
    all.body = line;
    if (line == 1 && text.starts_with("#!")) {
      const auto first = text.find_first_not_of(blanks, 2);
      const auto last = text.find_last_not_of(blanks);
      if (first != text.npos) all.shell = text.substr(first, last + 1 - first);
    } else if (text.starts_with(directive)) {
      add_words(all, line, text.substr(directive.size()));
    } else {
      const auto first = text.find_first_not_of(blanks);
      if (first != text.npos && text[first] != '#') return all;
    }
    script.remove_prefix(std::min(end + 1, script.size()));
    all.body = line + 1;
  }
  return all;
}

}  // namespace catena::slurm
