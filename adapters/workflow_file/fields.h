// Reading maps by tables of their keys, with a word for every mistake.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/workflow_file/document.h"
#include "core/diagnostic.h"

namespace catena {

// Where mistakes are reported: in which file, of which node.
struct Scope {
  Diagnostics& diagnostics;
  std::string_view file;
  std::string_view node;  // empty: of the whole workflow
  void error(Position at, std::string message, std::string hint = {}) const {
    diagnostics.add({std::string(file), at, std::string(node), std::move(message), std::move(hint)});
  }
};

// A field's name for messages, put together only when there is something to say: "env", or "env.PATH".
struct What {
  std::string_view field;
  std::string_view name;
  What(const char* whole) : field(whole) {}       // NOLINT: "env" is a What
  What(std::string_view whole) : field(whole) {}  // NOLINT
  What(std::string_view of, std::string_view part) : field(of), name(part) {}
  std::string text() const { return name.empty() ? std::string(field) : fmt::format("{}.{}", field, name); }
};

// Each of these reports what is wrong, naming the field as `what`, and then gives nothing or false.
bool expect(const Scope& scope, const Item& item, Item::Kind kind, const What& what);
// A scalar's characters: a number or a boolean is also a text.
std::optional<std::string> read_text(const Scope& scope, const Item& item, const What& what);
// As read_text, and neither empty nor longer than one line.
std::optional<std::string> read_line(const Scope& scope, const Item& item, const What& what);
std::optional<bool> read_bool(const Scope& scope, const Item& item, const What& what);
std::optional<int> read_int(const Scope& scope, const Item& item, const What& what, int low, int high);
std::vector<std::string> read_lines(const Scope& scope, const Item& item, const What& what);
// "unknown key 'inptus' in node" with a suggestion.
void unknown_key(const Scope& scope, const Item& item, std::string_view where,
                 std::span<const std::string_view> known);
// [A-Za-z_][A-Za-z0-9_]*: what a shell variable and a {{ }} may be called.
bool is_identifier(std::string_view text);

// One key of a map that is read into a T.
template <class T>
struct Field {
  std::string_view name;
  void (*read)(const Scope& scope, const Item& item, T& target);
};

// Reads every key of the map through its field; others are mistakes. `where` names the map: "the workflow",
// "retry".
template <class T>
void read_fields(const Scope& scope, const Item& map, std::string_view where,
                 std::span<const Field<T>> fields, T& target) {
  for (const Item& child : map.children()) {
    const Field<T>* found = nullptr;
    for (const Field<T>& field : fields) {
      if (field.name == child.key) found = &field;
    }
    if (found != nullptr) {
      found->read(scope, child, target);
      continue;
    }
    std::vector<std::string_view> known;
    for (const Field<T>& field : fields) known.push_back(field.name);
    unknown_key(scope, child, where, known);
  }
}

}  // namespace catena
