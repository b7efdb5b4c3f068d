#include "core/quantity.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "core/resources.h"
#include "core/split.h"

namespace catena {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool digits_only(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), digit);
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number result{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return result;
}

// One part of a time: digits, below `limit`.
std::optional<std::int64_t> part(std::string_view text, std::int64_t limit) {
  if (!digits_only(text)) return std::nullopt;
  const auto value = number<std::int64_t>(text);
  return value && *value < limit ? value : std::nullopt;
}

constexpr std::int64_t any_number = 1'000'000'000;  // no product of it with a unit of time overflows

// Behind "now+" or "+": a number and a unit as sbatch --begin knows them, seconds without one.
std::optional<std::int64_t> delay(std::string_view text) {
  const std::size_t end =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), digit) - text.begin());
  const auto count = part(text.substr(0, end), any_number);
  const std::string unit = lower_case(text.substr(end));
  static constexpr std::tuple<std::string_view, std::string_view, std::int64_t> units[] = {
      {"s", "second", 1},
      {"m", "minute", 60},
      {"h", "hour", 3600},
      {"d", "day", 86400},
      {"w", "week", 604800}};
  if (!count) return std::nullopt;
  if (unit.empty()) return count;
  for (const auto& [letter, word, seconds] : units) {
    if (unit == letter || unit == word || unit == std::string(word) + "s") return *count * seconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> whole_number(std::string_view text) {
  return number<int>(text);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::optional<std::string> normalised_begin(std::string_view text) {
  if (lower_case(text) == "now") return "+0";
  if (lower_case(text.substr(0, 4)) == "now+") text.remove_prefix(3);
  if (text.starts_with('+')) {
    const auto seconds = delay(text.substr(1));
    return seconds ? std::optional(fmt::format("+{}", *seconds)) : std::nullopt;
  }
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = part(text.substr(0, 4), 10'000);
  const auto month = part(text.substr(5, 2), 13);
  const auto day = part(text.substr(8, 2), 32);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::string time = "00:00:00";
  if (text.size() > 10) {
    if ((text[10] != 'T' && text[10] != ' ') || (text.size() != 16 && text.size() != 19)) return std::nullopt;
    time = text.size() == 16 ? std::string(text.substr(11)) + ":00" : std::string(text.substr(11));
    const std::vector<std::string_view> parts = split(time, ':');
    if (parts.size() != 3 || parts[0].size() != 2 || parts[1].size() != 2 || !part(parts[0], 24) ||
        !part(parts[1], 60) || !part(parts[2], 60)) {
      return std::nullopt;
    }
  }
  return fmt::format("{}T{}", text.substr(0, 10), time);
}

std::optional<Seconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  static constexpr std::pair<char, std::int64_t> units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  for (const auto& [letter, seconds] : units) {
    if (text.back() != letter) continue;
    const auto count = part(text.substr(0, text.size() - 1), any_number);
    return count ? std::optional(Seconds(*count * seconds)) : std::nullopt;
  }
  const std::size_t dash = text.find('-');
  const bool with_days = dash != std::string_view::npos;
  const auto days = with_days ? part(text.substr(0, dash), any_number) : 0;
  const std::vector<std::string_view> parts = split(with_days ? text.substr(dash + 1) : text, ':');
  if (!days || parts.size() > 3) return std::nullopt;
  // The units of the parts: D-HH[:MM[:SS]]; without days MM, MM:SS, HH:MM:SS. Only the first part may be
  // large.
  const std::size_t first_unit = with_days || parts.size() == 3 ? 0 : 1;
  static constexpr std::int64_t seconds_of[] = {3600, 60, 1};
  std::int64_t total = *days * 86400;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::int64_t limit = i > 0 ? 60 : with_days ? 24 : any_number;
    const auto value = part(parts[i], limit);
    if (!value) return std::nullopt;
    total += *value * seconds_of[first_unit + i];
  }
  return Seconds(total);
}

std::optional<Bytes> parse_size(std::string_view text) {
  const auto in_number = [](char c) { return digit(c) || c == '.'; };
  const std::size_t end =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), in_number) - text.begin());
  std::string unit = lower_case(text.substr(end));
  int shift = 20;
  if (!unit.empty()) {
    const std::size_t power = std::string_view("bkmgtp").find(unit.front());
    const std::string_view tail = std::string_view(unit).substr(1);
    if (power == std::string_view::npos || !(tail.empty() || (power > 0 && (tail == "b" || tail == "ib"))))
      return std::nullopt;
    shift = static_cast<int>(power) * 10;
  }
  const std::string_view digits = text.substr(0, end);
  const std::size_t dot = digits.find('.');
  const std::string_view whole = digits.substr(0, dot);
  if (!digits_only(whole)) return std::nullopt;
  const auto count = number<Bytes>(whole);
  const Bytes size = Bytes{1} << shift;
  if (!count || *count > (std::numeric_limits<Bytes>::max() >> shift) - 1) return std::nullopt;
  Bytes fraction = 0;
  if (dot != std::string_view::npos) {
    const std::string_view decimals = digits.substr(dot + 1);
    constexpr std::size_t most = 3;  // so that no product overflows
    if (!digits_only(decimals) || decimals.size() > most || shift == 0) return std::nullopt;
    Bytes scale = 1;
    for (std::size_t i = 0; i < decimals.size(); ++i) scale *= 10;
    fraction = (*number<Bytes>(decimals) * size + scale - 1) /
               scale;  // what is asked for is never less than what was written
  }
  return *count * size + fraction;
}

std::string format_walltime(Seconds duration) {
  const std::int64_t seconds = duration.count();
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string format_size(Bytes size) {
  static constexpr std::pair<char, int> units[] = {{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}};
  for (const auto& [letter, shift] : units) {
    if (size != 0 && size % (Bytes{1} << shift) == 0) return fmt::format("{}{}", size >> shift, letter);
  }
  return fmt::format("{}B", size);
}

}  // namespace catena
