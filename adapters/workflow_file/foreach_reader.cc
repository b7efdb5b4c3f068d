#include <charconv>
#include <cstdint>

#include "adapters/workflow_file/node_reader.h"

namespace catena {
namespace {

constexpr std::uint64_t element_limit = 1'000'000;

struct Range {
  std::int64_t first = 0, last = 0;
  std::uint64_t step = 1;
  std::uint64_t count() const {
    // Unsigned differences hold the whole width of the signed numbers.
    const std::uint64_t width = first <= last
                                    ? static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first)
                                    : static_cast<std::uint64_t>(first) - static_cast<std::uint64_t>(last);
    return width / step == UINT64_MAX ? UINT64_MAX : width / step + 1;
  }
};

// FIRST..LAST or FIRST..LAST..STEP. False if the text has not that form; `wrong` if it has and makes no
// sense.
bool parse_range(std::string_view text, Range& range, std::string& wrong) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return false;
  const std::size_t more = text.find("..", dots + 2);
  std::string_view parts[3] = {text.substr(0, dots), text.substr(dots + 2), {}};
  if (more != std::string_view::npos) {
    parts[1] = text.substr(dots + 2, more - dots - 2);
    parts[2] = text.substr(more + 2);
  }
  std::int64_t step = 1;
  std::int64_t* const numbers[3] = {&range.first, &range.last, &step};
  const int count = more == std::string_view::npos ? 2 : 3;
  for (int i = 0; i < count; ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto [stop, code] = std::from_chars(parts[i].data(), end, *numbers[i]);
    if (stop != end || parts[i].empty() || code == std::errc::invalid_argument) return false;
    const std::string_view digits = parts[i].substr(parts[i].starts_with("-") ? 1 : 0);
    if (code != std::errc()) wrong = fmt::format("'{}' is too large a number", parts[i]);
    // Dropping the zeros without a word would surprise whoever names files after the numbers.
    if (digits.size() > 1 && digits.front() == '0')
      wrong = fmt::format("a range has no leading zeros: '{}'", parts[i]);
  }
  if (!wrong.empty()) return true;
  const bool down = range.first > range.last;
  if (count == 3 && (step == 0 || (step < 0 && !down))) {
    wrong = step == 0 ? "a range's step cannot be 0" : "a range that goes up has a step above 0";
    return true;
  }
  if (count == 3)
    range.step = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  return true;
}

std::vector<Value> range_values(const Range& range) {
  std::vector<Value> values;
  const std::uint64_t count = range.count();
  values.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t first = static_cast<std::uint64_t>(range.first);
    const std::uint64_t value = range.first <= range.last ? first + i * range.step : first - i * range.step;
    values.push_back(Value::of(std::to_string(static_cast<std::int64_t>(value)), Value::Kind::number));
  }
  return values;
}

std::vector<Value> axis_values(const Scope& scope, const Item& item, const What& what) {
  std::vector<Value> values;
  Range range;
  std::string wrong;
  if (item.kind == Item::Kind::string && parse_range(item.text, range, wrong)) {
    if (wrong.empty() && range.count() > element_limit) {
      wrong = fmt::format("'{}' has more than {} values", item.text, element_limit);
    }
    if (wrong.empty()) return range_values(range);
    scope.error(item.at, fmt::format("{}: {}", what.text(), wrong));
    return values;
  }
  if (item.kind != Item::Kind::list) {
    scope.error(item.at,
                fmt::format("{}: expected a list or a range, got {}", what.text(), describe(item.kind)),
                "write [1, 2, 3], 1..100 or 1..100..5");
    return values;
  }
  if (item.size == 0)
    scope.error(item.at, fmt::format("{}: the list is empty", what.text()),
                "a node needs one element at least");
  values.reserve(item.size);
  for (const Item& child : item.children()) {
    auto value = value_of(child);
    if (!value) {
      scope.error(child.at, fmt::format("{}: a list holds texts, numbers, true and false, not {}",
                                        what.text(), describe(child.kind)));
    } else if (child.kind == Item::Kind::string && parse_range(child.text, range, wrong)) {
      scope.error(child.at, fmt::format("{}: a range cannot stand in a list", what.text()),
                  fmt::format("write {}: {}", item.key, child.text));
    } else {
      values.push_back(std::move(*value));
    }
  }
  return values;
}

// False if a mistake was found.
bool read_axes(const Scope& scope, const Item& map, std::string_view where, Foreach& foreach) {
  const std::size_t mistakes = scope.diagnostics.list().size();
  for (const Item& child : map.children()) {
    if (!foreach.zip && child.key == "zip") continue;
    if (auto wrong = check_parameter_name(child.key); !wrong.empty()) {
      scope.error(child.key_at, fmt::format("{}: {}", where, wrong));
      continue;
    }
    foreach
      .axes.push_back({std::string(child.key), axis_values(scope, child, {where, child.key})});
  }
  return scope.diagnostics.list().size() == mistakes;
}

}  // namespace

std::optional<Foreach> read_foreach(const Scope& scope, const Item& item) {
  if (!expect(scope, item, Item::Kind::map, "foreach")) return std::nullopt;
  Foreach foreach;
  const Item* zip = item.find("zip");
  if (zip != nullptr) {
    if (item.size > 1) {
      scope.error(item.at, "foreach: zip stands alone", "put all axes into zip, or none");
      return std::nullopt;
    }
    if (!expect(scope, *zip, Item::Kind::map, "foreach.zip")) return std::nullopt;
    foreach
      .zip = true;
  }
  const Item& axes = zip != nullptr ? *zip : item;
  const std::string_view where = zip != nullptr ? "foreach.zip" : "foreach";
  if (axes.size == 0) {
    scope.error(axes.at, fmt::format("{}: it is empty", where), "write {alat: [10.0, 10.1]}");
    return std::nullopt;
  }
  if (!read_axes(scope, axes, where, foreach)) return foreach;
  std::uint64_t elements = 1;
  for (const Axis& axis : foreach.axes) {
    if (foreach.zip && axis.values.size() != foreach.axes.front().values.size()) {
      const Axis& first = foreach.axes.front();
      scope.error(axes.at,
                  fmt::format("foreach.zip: '{}' has {} values and '{}' has {}", first.name,
                              first.values.size(), axis.name, axis.values.size()),
                  "the lists of a zip are equally long");
      return foreach;
    }
    elements = foreach.zip ? axis.values.size() : elements * axis.values.size();
    if (elements > element_limit) {
      scope.error(item.at, fmt::format("foreach: more than {} elements", element_limit));
      break;
    }
  }
  return foreach;
}

}  // namespace catena
