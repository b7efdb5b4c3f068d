#include "adapters/workflow_file/node_reader.h"

#include <algorithm>
#include <array>

#include "core/render.h"

namespace catena {
namespace {

void run(const Scope& scope, const Item& item, NodeDraft& draft) {
  ++draft.bodies;
  draft.body_at = item.at;
  auto text = read_text(scope, item, "run");
  if (!text) return;
  if (text->find_first_not_of(" \t\r\n") == std::string::npos) {
    scope.error(item.at, "run: it is empty", "write the commands to run; 'true' does nothing");
  }
  // YAML itself turns CRLF into LF, so one that is left was meant to be there, or comes from a JSON text made
  // on Windows.
  if (text->find('\r') != std::string::npos) {
    scope.error(item.at, "run: it holds a carriage return (\\r), which a shell takes for a part of a word",
                "end lines with \\n alone");
  }
  draft.spec.body = std::move(*text);
  draft.spec.origin = "run";
}

void script(const Scope& scope, const Item& item, NodeDraft& draft) {
  ++draft.bodies;
  draft.body_at = item.at;
  auto path = read_line(scope, item, "script");
  if (!path) return;
  if (has_template(*path)) {
    scope.error(item.at, "script: a script's path cannot hold {{ }}", "write the path, or use run");
  } else if (path->starts_with("~")) {
    scope.error(item.at, "script: '~' is not expanded", "write the whole path");
  } else {
    draft.script = std::move(*path);
  }
}

void template_name(const Scope& scope, const Item& item, NodeDraft& draft) {
  ++draft.bodies;
  draft.body_at = item.at;
  auto name = read_line(scope, item, "template");
  if (!name) return;
  auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  if (!std::ranges::all_of(*name, plain) || name->starts_with(".")) {
    scope.error(item.at, fmt::format("template: '{}' is not a template's name", *name),
                "letters, digits, '-', '_' and '.': it is found as NAME.yaml in the template folders");
  } else {
    draft.template_name = std::move(*name);
  }
}

void after(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.after = read_after(scope, item);
}
void foreach (const Scope& scope, const Item& item, NodeDraft & draft) {
  draft.spec.foreach = read_foreach(scope, item);
}
void params(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.params = read_params(scope, item);
}
void resources(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.resources_at = item.at;
  read_resources(scope, item, draft.spec);
}
void env(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.env = read_env(scope, item);
}
void inputs(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.inputs = read_inputs(scope, item);
}
void outputs(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.outputs = read_outputs(scope, item);
}
void results(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.results = read_results(scope, item);
}
void checks(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.checks = read_checks(scope, item);
}
void summary(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.summary = read_summary(scope, item);
}
void retry(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.retry = read_retry(scope, item);
}

// A word that stands for one of two values.
template <class T>
std::optional<T> one_of(const Scope& scope, const Item& item, std::string_view key,
                        const std::array<std::pair<std::string_view, T>, 2>& words) {
  const auto text = read_text(scope, item, key);
  if (!text) return std::nullopt;
  for (const auto& [word, value] : words) {
    if (*text == word) return value;
  }
  const std::array names = {words[0].first, words[1].first};
  scope.error(item.at, fmt::format("{}: expected {} or {}, got '{}'", key, names[0], names[1], *text),
              suggestion(*text, names));
  return std::nullopt;
}

void on_failure(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.on_failure = one_of<OnFailure>(scope, item, "on_failure",
                                            {{{"stop", OnFailure::stop}, {"continue", OnFailure::proceed}}});
}
void kind(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.kind =
      one_of<NodeKind>(scope, item, "kind", {{{"job", NodeKind::job}, {"service", NodeKind::service}}});
}
void run_in(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.spec.run_in =
      one_of<RunIn>(scope, item, "run_in", {{{"workdir", RunIn::workdir}, {"scratch", RunIn::scratch}}});
}

void workdir(const Scope& scope, const Item& item, NodeDraft& draft) {
  auto text = read_line(scope, item, "workdir");
  if (!text) return;
  if (text->starts_with("~")) {
    scope.error(item.at, "workdir: '~' is not expanded", "write the whole path");
  } else {
    draft.spec.workdir = std::move(*text);
  }
}

void shell(const Scope& scope, const Item& item, NodeDraft& draft) {
  auto text = read_line(scope, item, "shell");
  if (!text) return;
  if (has_template(*text)) {
    scope.error(item.at, "shell: an interpreter's name cannot hold {{ }}");
  } else {
    draft.spec.shell = std::move(*text);
  }
}

void scheduler_options(const Scope& scope, const Item& item, NodeDraft& draft) {
  if (!expect(scope, item, Item::Kind::map, "scheduler_options")) return;
  for (const Item& child : item.children()) {
    draft.spec.scheduler_options[std::string(child.key)] =
        read_lines(scope, child, {"scheduler_options", child.key});
  }
}

void description(const Scope& scope, const Item& item, NodeDraft& draft) {
  if (auto text = read_text(scope, item, "description")) draft.description = std::move(*text);
}
void render_inputs(const Scope& scope, const Item& item, NodeDraft& draft) {
  draft.render_inputs = read_bool(scope, item, "render_inputs").value_or(false);
}

constexpr Field<NodeDraft> node_fields[] = {
    {"run", run},
    {"script", script},
    {"template", template_name},
    {"after", after},
    {"foreach", foreach},
    {"params", params},
    {"resources", resources},
    {"env", env},
    {"inputs", inputs},
    {"outputs", outputs},
    {"results", results},
    {"checks", checks},
    {"summary", summary},
    {"retry", retry},
    {"on_failure", on_failure},
    {"kind", kind},
    {"run_in", run_in},
    {"workdir", workdir},
    {"shell", shell},
    {"scheduler_options", scheduler_options},
};
constexpr Field<NodeDraft> template_fields[] = {
    {"description", description},
    {"run", run},
    {"script", script},
    {"params", params},
    {"resources", resources},
    {"env", env},
    {"inputs", inputs},
    {"render_inputs", render_inputs},
    {"outputs", outputs},
    {"results", results},
    {"checks", checks},
    {"summary", summary},
    {"retry", retry},
    {"on_failure", on_failure},
    {"kind", kind},
    {"run_in", run_in},
    {"workdir", workdir},
    {"shell", shell},
    {"scheduler_options", scheduler_options},
};
constexpr Field<NodeDraft> defaults_fields[] = {
    {"resources", resources},   {"env", env},     {"retry", retry},
    {"on_failure", on_failure}, {"shell", shell}, {"scheduler_options", scheduler_options},
};

}  // namespace

NodeDraft read_node(const Scope& scope, const Item& map) {
  NodeDraft draft;
  draft.spec.name = std::string(map.key);
  draft.spec.at = map.key_at;
  if (map.kind != Item::Kind::map) {
    scope.error(map.at, fmt::format("expected a map, got {}", describe(map.kind)), "write {run: COMMAND}");
    draft.bodies = 1;  // one mistake is enough
    return draft;
  }
  read_fields<NodeDraft>(scope, map, "node", node_fields, draft);
  if (draft.bodies == 0) {
    scope.error(map.key_at, "it has nothing to run", "give it one of run, script or template");
  } else if (draft.bodies > 1) {
    scope.error(map.key_at, "it has more than one of run, script and template", "keep one of them");
  }
  if (draft.spec.foreach) {
    for (const Axis& axis : draft.spec.foreach->axes) {
      if (find(draft.spec.params, axis.name) == nullptr) continue;
      scope.error(map.find("foreach")->at, fmt::format("foreach: '{}' is also in params", axis.name),
                  "a name has one meaning in a node: take one of the two out");
    }
  }
  return draft;
}

NodeDraft read_template(const Scope& scope, const Item& map) {
  NodeDraft draft;
  if (!expect(scope, map, Item::Kind::map, "template")) return draft;
  read_fields<NodeDraft>(scope, map, "a template", template_fields, draft);
  if (draft.bodies != 1) scope.error(map.at, "a template has either run or script");
  return draft;
}

NodeDraft read_defaults(const Scope& scope, const Item& map) {
  NodeDraft draft;
  draft.spec.at = map.key_at;
  if (!expect(scope, map, Item::Kind::map, "defaults")) return draft;
  read_fields<NodeDraft>(scope, map, "defaults", defaults_fields, draft);
  return draft;
}

}  // namespace catena
