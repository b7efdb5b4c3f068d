#include "core/job.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

namespace catena {
namespace {

constexpr std::size_t token_length = 10;
// No vowels: no words, and no "nan" or "inf" for PBS's JSON to trip over.
constexpr std::string_view alphabet = "0123456789bcdfghjklmnpqrstvwxyz";

std::uint64_t mix(std::uint64_t x) {  // the finaliser of splitmix64
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

}  // namespace

std::string make_token(std::string_view run_directory, std::string_view node, int attempt) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  auto add = [&hash](std::string_view text) {
    for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3U;
    hash = (hash ^ 0xffU) * 0x100000001b3U;  // no text holds this byte: parts cannot run together
  };
  add(run_directory);
  add(node);
  add(std::to_string(attempt));
  hash = mix(hash);
  std::string token;
  for (std::size_t i = 0; i < token_length; ++i) {
    token += alphabet[hash % alphabet.size()];
    hash /= alphabet.size();
  }
  return token;
}

ArrayPlace array_place(std::string_view run_directory, const Node& element, int attempt, int largest) {
  const auto count = static_cast<int>(element.element) - 1;
  const auto name = fmt::format("{}[{}]", element.name.substr(0, element.name.rfind('.')), count / largest);
  return {make_token(run_directory, name, attempt), count % largest + 1};
}

std::string log_path(std::string_view run_directory, const Node& node, int attempt,
                     const std::optional<ArrayPlace>& array) {
  std::string_view name = node.name;
  std::string counted;
  // The scheduler fills in the index, which is not the element's number where there are several arrays.
  if (array && array->index != static_cast<int>(node.element)) {
    counted = fmt::format("{}+{}.{}", name.substr(0, name.rfind('.')),
                          static_cast<int>(node.element) - array->index, array->index);
    name = counted;
  }
  return fmt::format("{}/{}/{}.{}", run_directory, log_folder, name, attempt);
}

std::pair<std::string, std::string> around_index(const Job& element, const std::string& log) {
  const auto extension = log.substr(log.rfind('.'));
  const auto end = fmt::format(".{}{}", element.attempt, extension);
  const auto index = std::to_string(element.array->index).size();
  return {log.substr(0, log.size() - end.size() - index), end};
}

std::string ranges_of(std::vector<int> numbers) {
  std::ranges::sort(numbers);
  std::string text;
  for (std::size_t i = 0, end = 0; i < numbers.size(); i = end) {
    for (end = i + 1; end < numbers.size() && numbers[end] == numbers[end - 1] + 1;) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ",", numbers[i]);
    if (end - i > 1) text += fmt::format("-{}", numbers[end - 1]);
  }
  return text;
}

std::string element_token(std::string_view array_token, std::string_view index) {
  return std::string(array_token).append("_").append(index);
}

bool in_array(std::string_view token) {
  return token.find('_') != token.npos;
}

bool is_index(std::string_view text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
}

std::string job_name(std::string_view node, std::string_view token) {
  const auto index = token.find('_');
  if (index != token.npos) node = node.substr(0, node.rfind('.'));
  return std::string(node).append(".").append(token.substr(0, index));
}

std::string_view token_of(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const auto token = name.substr(dot + 1);
  const bool ours = token.size() == token_length && std::ranges::all_of(token, [](char c) {
                      return alphabet.find(c) != std::string_view::npos;
                    });
  return ours ? token : std::string_view{};
}

}  // namespace catena
