// Lists within a text.
#pragma once

#include <string_view>
#include <vector>

namespace catena {

// What stands between the separators: split("a,,b,", ',') is a, "", b, "". One part at least.
std::vector<std::string_view> split(std::string_view text, char separator);

// What each `end` ends; the last one's may be missing: split_ended("a,,b,", ',') is a, "", b.
std::vector<std::string_view> split_ended(std::string_view text, char end);

// What stands between any of the separators, and is not empty.
std::vector<std::string_view> split_words(std::string_view text, std::string_view separators = " \t");

// Those that are not empty.
std::vector<std::string_view> lines(std::string_view text);

}  // namespace catena
