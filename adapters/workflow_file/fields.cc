#include "adapters/workflow_file/fields.h"

#include <algorithm>
#include <charconv>

namespace catena {

bool expect(const Scope& scope, const Item& item, Item::Kind kind, const What& what) {
  if (item.kind == kind) return true;
  std::string hint;
  if (kind == Item::Kind::list && item.scalar() && item.kind != Item::Kind::null) {
    hint = fmt::format("write [{}]", item.text.size() <= 40 ? item.text : "…");
  }
  scope.error(item.at,
              fmt::format("{}: expected {}, got {}", what.text(), describe(kind), describe(item.kind)),
              std::move(hint));
  return false;
}

std::optional<std::string> read_text(const Scope& scope, const Item& item, const What& what) {
  if (item.scalar() && item.kind != Item::Kind::null) return std::string(item.text);
  std::string hint;
  if (item.kind == Item::Kind::null) hint = "give it a value (\"\" for an empty text), or leave the key out";
  // The commonest way to a map where a text is meant: YAML takes {{ x }} at a value's start for a map.
  if (item.kind == Item::Kind::map) hint = "put a text that starts with '{' or holds ': ' in quotes";
  scope.error(item.at, fmt::format("{}: expected a text, got {}", what.text(), describe(item.kind)),
              std::move(hint));
  return std::nullopt;
}

std::optional<std::string> read_line(const Scope& scope, const Item& item, const What& what) {
  auto text = read_text(scope, item, what);
  if (!text) return text;
  if (text->find_first_not_of(" \t") == std::string::npos) {
    scope.error(item.at, fmt::format("{}: it is empty", what.text()));
    return std::nullopt;
  }
  auto control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::ranges::any_of(*text, control)) {
    scope.error(item.at, fmt::format("{}: it holds a line break or a control character", what.text()),
                "one line is wanted");
    return std::nullopt;
  }
  return text;
}

std::optional<bool> read_bool(const Scope& scope, const Item& item, const What& what) {
  if (item.kind == Item::Kind::boolean) return item.text == "true";
  scope.error(item.at,
              item.scalar() && item.kind != Item::Kind::null
                  ? fmt::format("{}: expected true or false, got '{}'", what.text(), item.text)
                  : fmt::format("{}: expected true or false, got {}", what.text(), describe(item.kind)));
  return std::nullopt;
}

std::optional<int> read_int(const Scope& scope, const Item& item, const What& what, int low, int high) {
  int value = 0;
  const char* end = item.text.data() + item.text.size();
  const auto [stop, code] = std::from_chars(item.text.data(), end, value);
  if (item.kind == Item::Kind::number && code == std::errc() && stop == end && value >= low && value <= high)
    return value;
  scope.error(item.at,
              fmt::format("{}: expected a whole number from {} to {}, got {}", what.text(), low, high,
                          item.scalar() && item.kind != Item::Kind::null ? fmt::format("'{}'", item.text)
                                                                         : std::string(describe(item.kind))));
  return std::nullopt;
}

std::vector<std::string> read_lines(const Scope& scope, const Item& item, const What& what) {
  std::vector<std::string> lines;
  if (!expect(scope, item, Item::Kind::list, what)) return lines;
  lines.reserve(item.size);
  for (const Item& child : item.children()) {
    if (auto line = read_line(scope, child, what)) lines.push_back(std::move(*line));
  }
  return lines;
}

void unknown_key(const Scope& scope, const Item& item, std::string_view where,
                 std::span<const std::string_view> known) {
  std::string hint = suggestion(item.key, known);
  if (hint.empty()) hint = fmt::format("known keys: {}", fmt::join(known, ", "));
  scope.error(item.key_at, fmt::format("unknown key '{}' in {}", item.key, where), std::move(hint));
}

bool is_identifier(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto inner = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, inner);
}

}  // namespace catena
