#include "core/resources.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/diagnostic.h"

namespace catena {
namespace {

using Member = std::variant<std::optional<int> Resources::*, std::optional<Bytes> Resources::*,
                            std::optional<Seconds> Resources::*, std::optional<bool> Resources::*,
                            std::string Resources::*>;

struct Field {
  std::string_view name;
  Member member;
  std::string_view characters = {};  // of a text: what it may hold beside letters and digits
};

// A text goes into a directive line as it stands: nothing that such a line or a shell could read as something
// else.
constexpr std::string_view name_characters = "_-.";
constexpr std::string_view list_characters = "_-.,:@+/=";
constexpr std::string_view constraint_characters = "_-.,:@+/=&|*[]()";

const std::array<Field, 19> fields{{
    {"nodes", &Resources::nodes},
    {"tasks", &Resources::tasks},
    {"tasks_per_node", &Resources::tasks_per_node},
    {"cpus_per_task", &Resources::cpus_per_task},
    {"gpus", &Resources::gpus},
    {"gpu_type", &Resources::gpu_type, name_characters},
    {"memory", &Resources::memory},
    {"memory_per_cpu", &Resources::memory_per_cpu},
    {"walltime", &Resources::walltime},
    {"queue", &Resources::queue, list_characters},
    {"account", &Resources::account, list_characters},
    {"qos", &Resources::qos, list_characters},
    {"reservation", &Resources::reservation, list_characters},
    {"constraint", &Resources::constraint, constraint_characters},
    {"exclusive", &Resources::exclusive},
    {"licenses", &Resources::licenses, list_characters},
    {"scratch", &Resources::scratch},
    {"begin", &Resources::begin},
    {"priority", &Resources::priority},
}};

const std::array<std::string_view, fields.size()> names = [] {
  std::array<std::string_view, fields.size()> list;
  std::transform(fields.begin(), fields.end(), list.begin(), [](const Field& field) { return field.name; });
  return list;
}();

const Field* field_of(std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool digits_only(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), digit);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
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

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Behind "now+" or "+": a number and a unit as sbatch --begin knows them, seconds without one.
std::optional<std::int64_t> delay(std::string_view text) {
  const std::size_t end =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), digit) - text.begin());
  const auto count = part(text.substr(0, end), any_number);
  const std::string unit = lower(text.substr(end));
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

// "+SECONDS" or "YYYY-MM-DDThh:mm:ss", or nullopt.
std::optional<std::string> normalised_begin(std::string_view text) {
  if (lower(text) == "now") return "+0";
  if (lower(text.substr(0, 4)) == "now+") text.remove_prefix(3);
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

std::string set(std::optional<int>& field, const Field& of, std::string_view text) {
  const bool priority = of.name == "priority";
  const int least = priority ? -1024 : 1;
  const int most = priority ? 1023 : std::numeric_limits<int>::max();
  const auto value = number<int>(text);
  if (!value || *value < least || *value > most) {
    return priority
               ? fmt::format("priority must be a whole number from {} to {}, not '{}'", least, most, text)
               : fmt::format("{} must be a whole number from 1 to {}, not '{}'", of.name, most, text);
  }
  field = value;
  return {};
}

std::string set(std::optional<Bytes>& field, const Field& of, std::string_view text) {
  const auto value = parse_size(text);
  if (!value || *value == 0) {
    return fmt::format("{} must be a size above 0 such as 500M, 4G or 1.5T (a bare number is MiB), not '{}'",
                       of.name, text);
  }
  field = value;
  return {};
}

std::string set(std::optional<Seconds>& field, const Field& of, std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || value->count() == 0) {
    return fmt::format(
        "{} must be a time above 0 such as 30s, 10m, 2h, 1d, 01:30:00 or 2-12:00:00 (a bare number is "
        "minutes), "
        "not '{}'",
        of.name, text);
  }
  if (value->count() > std::numeric_limits<std::int32_t>::max()) {
    return fmt::format("{} '{}' is longer than any scheduler takes", of.name, text);
  }
  field = value;
  return {};
}

std::string set(std::optional<bool>& field, const Field& of, std::string_view text) {
  const std::string value = lower(text);
  if (value != "yes" && value != "true" && value != "no" && value != "false") {
    return fmt::format("{} must be yes or no, not '{}'", of.name, text);
  }
  field = value == "yes" || value == "true";
  return {};
}

std::string set(std::string& field, const Field& of, std::string_view text) {
  if (of.name == "begin") {
    const auto value = normalised_begin(text);
    if (!value) {
      return fmt::format(
          "begin must be a delay such as +90 (seconds) or now+1h, or a date such as 2030-01-31T08:00, not "
          "'{}'",
          text);
    }
    field = *value;
    return {};
  }
  if (text.empty()) return fmt::format("{} may not be empty", of.name);
  const auto odd = std::find_if_not(text.begin(), text.end(), [&](char c) {
    return digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           of.characters.find(c) != std::string_view::npos;
  });
  if (odd != text.end()) {
    return fmt::format("{} may hold letters, digits and {} only, not '{}'", of.name, of.characters, text);
  }
  if (text.front() == '-') return fmt::format("{} may not begin with '-': '{}'", of.name, text);
  field = text;
  return {};
}

std::string show(const std::optional<int>& value) {
  return value ? std::to_string(*value) : "";
}
std::string show(const std::optional<Bytes>& value) {
  return value ? format_size(*value) : "";
}
std::string show(const std::optional<Seconds>& value) {
  return value ? format_walltime(*value) : "";
}
std::string show(const std::optional<bool>& value) {
  return value ? (*value ? "yes" : "no") : "";
}
std::string show(const std::string& value) {
  return value;
}

int product(int a, int b) {
  return static_cast<int>(std::min<std::int64_t>(std::int64_t{a} * b, std::numeric_limits<int>::max()));
}

}  // namespace

std::span<const std::string_view> resource_names() {
  return names;
}

std::string set_resource(Resources& resources, std::string_view name, std::string_view text) {
  const Field* field = field_of(name);
  if (field == nullptr) {
    const std::string meant = suggestion(name, names);
    return fmt::format("unknown resource '{}'{}", name, meant.empty() ? "" : fmt::format(" ({})", meant));
  }
  return std::visit([&](auto member) { return set(resources.*member, *field, text); }, field->member);
}

std::string get_resource(const Resources& resources, std::string_view name) {
  const Field* field = field_of(name);
  if (field == nullptr) return {};
  return std::visit([&](auto member) { return show(resources.*member); }, field->member);
}

Resources merge(Resources base, const Resources& over) {
  if (over.memory || over.memory_per_cpu) base.memory = base.memory_per_cpu = std::nullopt;
  for (const Field& field : fields) {
    std::visit(
        [&](auto member) {
          if (!show(over.*member).empty()) base.*member = over.*member;
        },
        field.member);
  }
  return base;
}

std::string check(const Resources& resources) {
  std::vector<std::string> sentences;
  if (resources.memory && resources.memory_per_cpu) {
    sentences.emplace_back("memory (per node) and memory_per_cpu exclude each other.");
  }
  if (resources.tasks && resources.nodes && *resources.tasks < *resources.nodes) {
    sentences.push_back(fmt::format("{} tasks cannot fill {} nodes.", *resources.tasks, *resources.nodes));
  }
  if (resources.tasks && resources.nodes && resources.tasks_per_node &&
      *resources.tasks > std::int64_t{*resources.nodes} * *resources.tasks_per_node) {
    sentences.push_back(fmt::format("{} tasks do not fit on {} nodes with {} tasks per node.",
                                    *resources.tasks, *resources.nodes, *resources.tasks_per_node));
  }
  if (resources.tasks && !resources.nodes && resources.tasks_per_node &&
      *resources.tasks < *resources.tasks_per_node) {
    sentences.push_back(fmt::format("tasks_per_node ({}) is more than tasks in all ({}).",
                                    *resources.tasks_per_node, *resources.tasks));
  }
  std::string text;
  for (const std::string& sentence : sentences) text += text.empty() ? sentence : " " + sentence;
  return text;
}

int cpus(const Resources& resources) {
  const int nodes = resources.nodes.value_or(1);
  const int tasks = resources.tasks.value_or(product(nodes, resources.tasks_per_node.value_or(1)));
  return std::max(1, product(tasks, resources.cpus_per_task.value_or(1)));
}

Bytes memory_in_all(const Resources& resources) {
  const Bytes each = resources.memory ? *resources.memory : resources.memory_per_cpu.value_or(0);
  const Bytes count = resources.memory ? resources.nodes.value_or(1) : cpus(resources);
  return each > std::numeric_limits<Bytes>::max() / count ? std::numeric_limits<Bytes>::max() : each * count;
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
  std::string unit = lower(text.substr(end));
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
