#include "slurm/text.h"

#include "core/error.h"

namespace catena::slurm {
namespace {

bool blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string doubled(std::string_view text, char c) {
  std::string result;
  for (char each : text) {
    result += each;
    if (each == c) result += each;
  }
  return result;
}

}  // namespace

PlacedWords placed_words(std::string_view text) {
  PlacedWords all;
  std::size_t at = 0;
  while (true) {
    while (at < text.size() && blank(text[at])) ++at;
    const auto start = at;
    std::string word;
    bool escaped = false;
    char quote = 0;
    for (; at < text.size() && (quote != 0 || !blank(text[at])); ++at) {
      const char c = text[at];
      if (escaped) {
        escaped = false;
      } else if (c == '\\') {
        escaped = true;
        continue;
      } else if (quote != 0) {
        if (c == quote) {
          quote = 0;
          continue;
        }
      } else if (c == '"' || c == '\'') {
        quote = c;
        continue;
      } else if (c == '#') {
        all.comment = text.substr(at);
        at = text.size();
        break;
      }
      word += c;
    }
    if (quote != 0) throw Error(ErrorKind::config, std::string("a ") + quote + " is not closed");
    if (word.empty()) return all;  // sbatch stops at an empty word ("") too
    all.words.push_back({std::move(word), start});
  }
}

std::vector<std::string> directive_words(std::string_view text) {
  std::vector<std::string> words;
  for (auto& word : placed_words(text).words) words.push_back(std::move(word.text));
  return words;
}

std::string directive_word(std::string_view word) {
  if (word.find_first_of(std::string_view("\n\r\0", 3)) != std::string_view::npos) {
    throw Error(ErrorKind::config, "a #SBATCH line cannot hold a line break: '" + std::string(word) + "'");
  }
  if (word.find_first_of(" \t\v\f\"'\\#") == std::string_view::npos) return std::string(word);
  std::string result = "\"";
  for (char c : word) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string file_pattern(std::string_view path) {
  return doubled(path, path.find('\\') == std::string_view::npos ? '%' : '\\');
}

}  // namespace catena::slurm
