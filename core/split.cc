#include "core/split.h"

#include <algorithm>

namespace catena {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto length = text.find(separator);
    parts.push_back(text.substr(0, length));
    if (length == text.npos) return parts;
    text.remove_prefix(length + 1);
  }
}

std::vector<std::string_view> split_ended(std::string_view text, char end) {
  auto parts = split(text, end);
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

std::vector<std::string_view> split_words(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto length = std::min(text.find_first_of(separators), text.size());
    if (length > 0) words.push_back(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return words;
}

std::vector<std::string_view> lines(std::string_view text) {
  return split_words(text, "\n");
}

}  // namespace catena
