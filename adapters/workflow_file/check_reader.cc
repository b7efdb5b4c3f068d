// `checks` and `summary` of a node.
#include <algorithm>
#include <array>

#include "adapters/workflow_file/node_reader.h"
#include "core/render.h"
#include "core/resources.h"

namespace catena {
namespace {

using Kind = NodeCheck::Kind;

constexpr std::array kinds{Kind::file,       Kind::directory, Kind::env,         Kind::command,
                           Kind::free_space, Kind::text,      Kind::vasp_potcar, Kind::qe_pseudo};

std::string path(const Scope& scope, const Item& item, const What& what) {
  auto text = read_line(scope, item, what);
  if (!text) return {};
  if (!text->starts_with("~")) return std::move(*text);
  scope.error(item.at, fmt::format("{}: '~' is not expanded", what.text()), "write $HOME");
  return {};
}

void space_path(const Scope& scope, const Item& item, NodeCheck& check) {
  check.subject = path(scope, item, "checks.free_space.path");
}

void space_at_least(const Scope& scope, const Item& item, NodeCheck& check) {
  auto text = read_line(scope, item, "checks.free_space.at_least");
  if (!text) return;
  if (!has_template(*text) && !parse_size(*text)) {
    scope.error(item.at, fmt::format("checks.free_space.at_least: '{}' is not a size", *text),
                "write 500M, 10G or 1.5T");
  }
  check.limit = std::move(*text);
}

void text_file(const Scope& scope, const Item& item, NodeCheck& check) {
  check.subject = path(scope, item, "checks.text.file");
}

void text_regex(const Scope& scope, const Item& item, NodeCheck& check) {
  auto regex = read_line(scope, item, "checks.text.regex");
  if (!regex) return;
  std::string hint;
  if (auto wrong = check_regex(*regex, hint); !wrong.empty())
    scope.error(item.at, fmt::format("checks.text.regex: {}", wrong), hint);
  check.regex = std::move(*regex);
}

void text_message(const Scope& scope, const Item& item, NodeCheck& check) {
  check.message = read_line(scope, item, "checks.text.message").value_or("");
}

void potcar_poscar(const Scope& scope, const Item& item, NodeCheck& check) {
  check.subject = path(scope, item, "checks.vasp_potcar.poscar");
}
void potcar_path(const Scope& scope, const Item& item, NodeCheck& check) {
  check.limit = path(scope, item, "checks.vasp_potcar.path");
}
void pseudo_input(const Scope& scope, const Item& item, NodeCheck& check) {
  check.subject = path(scope, item, "checks.qe_pseudo.input");
}

constexpr Field<NodeCheck> space_fields[] = {{"path", space_path}, {"at_least", space_at_least}};
constexpr Field<NodeCheck> text_fields[] = {
    {"file", text_file}, {"regex", text_regex}, {"message", text_message}};
constexpr Field<NodeCheck> potcar_fields[] = {{"poscar", potcar_poscar}, {"path", potcar_path}};
constexpr Field<NodeCheck> pseudo_fields[] = {{"input", pseudo_input}};

// A kind whose value is a map: which keys it has, and which it must have.
struct MapKind {
  Kind kind;
  std::span<const Field<NodeCheck>> fields;
  std::array<std::string_view, 2> needed;
  std::string_view form;
};
constexpr MapKind map_kinds[] = {
    {Kind::free_space, space_fields, {"path", "at_least"}, "{path: DIRECTORY, at_least: 10G}"},
    {Kind::text, text_fields, {"file", "regex"}, "{file: INPUT, regex: '…'}"},
    {Kind::vasp_potcar, potcar_fields, {"poscar"}, "{poscar: POSCAR, path: $VASP_PP_PATH}"},
    {Kind::qe_pseudo, pseudo_fields, {"input"}, "{input: INPUT}"},
};

// What a name must look like where it becomes part of a shell program without quotes.
void check_name_of(const Scope& scope, const Item& item, const NodeCheck& check) {
  if (check.kind == Kind::env && !has_template(check.subject) && !is_identifier(check.subject)) {
    scope.error(item.at, fmt::format("checks.env: '{}' is not a variable's name", check.subject),
                "the name alone, without '$'");
  }
}

// The values of one key: a text, or a list of texts, each a check of its own.
void read_simple(const Scope& scope, const Item& item, Kind kind, std::vector<NodeCheck>& checks) {
  const What what("checks", to_string(kind));
  auto one = [&](const Item& each) {
    NodeCheck check;
    check.kind = kind;
    check.at = each.at;
    check.file = std::string(scope.file);
    const bool is_path = kind == Kind::file || kind == Kind::directory;
    check.subject = is_path ? path(scope, each, what) : read_line(scope, each, what).value_or("");
    check_name_of(scope, each, check);
    checks.push_back(std::move(check));
  };
  if (item.kind != Item::Kind::list) return one(item);
  for (const Item& child : item.children()) one(child);
}

void read_map(const Scope& scope, const Item& item, const MapKind& kind, std::vector<NodeCheck>& checks) {
  const What what("checks", to_string(kind.kind));
  if (item.kind != Item::Kind::map) {
    scope.error(item.at, fmt::format("{}: expected a map, got {}", what.text(), describe(item.kind)),
                fmt::format("write {}", kind.form));
    return;
  }
  NodeCheck check;
  check.kind = kind.kind;
  check.at = item.key_at;
  check.file = std::string(scope.file);
  if (kind.kind == Kind::vasp_potcar) check.limit = "$VASP_PP_PATH";
  read_fields<NodeCheck>(scope, item, what.text(), kind.fields, check);
  for (const auto needed : kind.needed) {
    if (!needed.empty() && item.find(needed) == nullptr)
      scope.error(item.at, fmt::format("{}: '{}' is missing", what.text(), needed),
                  fmt::format("write {}", kind.form));
  }
  checks.push_back(std::move(check));
}

void item_label(const Scope& scope, const Item& item, SummaryItem& summary) {
  summary.label = read_line(scope, item, "summary.label").value_or("");
}
void item_result(const Scope& scope, const Item& item, SummaryItem& summary) {
  summary.result = read_line(scope, item, "summary.result").value_or("");
}
void item_unit(const Scope& scope, const Item& item, SummaryItem& summary) {
  summary.unit = read_text(scope, item, "summary.unit").value_or("");
}
constexpr Field<SummaryItem> summary_fields[] = {
    {"label", item_label}, {"result", item_result}, {"unit", item_unit}};

}  // namespace

std::vector<NodeCheck> read_checks(const Scope& scope, const Item& item) {
  std::vector<NodeCheck> checks;
  if (!expect(scope, item, Item::Kind::list, "checks")) return checks;
  for (const Item& child : item.children()) {
    if (child.kind != Item::Kind::map || child.size != 1) {
      scope.error(child.at,
                  child.kind == Item::Kind::map
                      ? fmt::format("checks: expected one check, got {} keys", child.size)
                      : fmt::format("checks: expected a map, got {}", describe(child.kind)),
                  "write each as {file: PATH}");
      continue;
    }
    const Item& value = *child.children().begin();
    const auto* known = std::ranges::find(kinds, value.key, [](Kind kind) { return to_string(kind); });
    if (known == kinds.end()) {
      std::array<std::string_view, kinds.size()> names;
      std::ranges::transform(kinds, names.begin(), [](Kind kind) { return to_string(kind); });
      unknown_key(scope, value, "checks", names);
      continue;
    }
    const auto* map = std::ranges::find(map_kinds, *known, &MapKind::kind);
    if (map == std::end(map_kinds)) {
      read_simple(scope, value, *known, checks);
    } else {
      read_map(scope, value, *map, checks);
    }
  }
  return checks;
}

std::vector<SummaryItem> read_summary(const Scope& scope, const Item& item) {
  std::vector<SummaryItem> list;
  if (!expect(scope, item, Item::Kind::list, "summary")) return list;
  for (const Item& child : item.children()) {
    if (!expect(scope, child, Item::Kind::map, "summary")) continue;
    SummaryItem summary;
    read_fields<SummaryItem>(scope, child, "summary", summary_fields, summary);
    if (child.find("result") == nullptr)
      scope.error(child.at, "summary: 'result' is missing", "write {label: TEXT, result: NAME, unit: UNIT}");
    if (summary.label.empty()) summary.label = summary.result;
    list.push_back(std::move(summary));
  }
  return list;
}

}  // namespace catena
