// One node of the document, as its own map says it: not yet laid over its template or its script's header.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/workflow_file/fields.h"
#include "core/workflow.h"

namespace catena {

struct NodeDraft {
  NodeSpec spec;
  std::string script;         // the path, if `script` is given
  std::string template_name;  // the name, if `template` is given
  std::string description;    // of a template
  Position body_at;           // of the value of run, script or template
  Position resources_at;
  int bodies = 0;              // how many of run, script and template were given
  bool render_inputs = false;  // of a template: all inputs of its nodes are rendered
};

// Mistakes go to scope.diagnostics; what could be read is in the draft.
NodeDraft read_node(const Scope& scope, const Item& map);
NodeDraft read_template(const Scope& scope, const Item& map);
NodeDraft read_defaults(const Scope& scope, const Item& map);

// Parts of a node; each checks its item's kind itself.
Params read_params(const Scope& scope, const Item& item);
std::vector<std::pair<std::string, std::string>> read_env(const Scope& scope, const Item& item);
std::vector<After> read_after(const Scope& scope, const Item& item);
std::vector<Input> read_inputs(const Scope& scope, const Item& item);
std::vector<std::string> read_outputs(const Scope& scope, const Item& item);
std::optional<Retry> read_retry(const Scope& scope, const Item& item);
std::optional<Foreach> read_foreach(const Scope& scope, const Item& item);
std::vector<Result> read_results(const Scope& scope, const Item& item);
std::vector<NodeCheck> read_checks(const Scope& scope, const Item& item);
std::vector<SummaryItem> read_summary(const Scope& scope, const Item& item);
void read_resources(const Scope& scope, const Item& item, NodeSpec& spec);
// What is wrong with the name of a parameter or a foreach axis, or empty.
std::string check_parameter_name(std::string_view name);
// A scalar as a parameter's value; nothing for null, lists and maps.
std::optional<Value> value_of(const Item& item);
// The same, or a list of such; anything else is a mistake.
std::optional<Value> param_value(const Scope& scope, const Item& item, const What& what);
// What is wrong with a path that must stay in the working directory, or empty. {{ }} is taken as it stands.
std::string check_inside(std::string_view path);
// What is wrong with a regular expression of `results`, or empty; `hint` says what to write instead.
std::string check_regex(std::string_view regex, std::string& hint);

// Lays a node over what it is made from (a template, a script's header): its own words win. Parameters,
// environment, results and summary are merged by name, resources by field, inputs by target; outputs, checks
// and scheduler options are appended.
NodeSpec lay_over(NodeSpec base, NodeSpec own);
// Gives `spec` the resources with {{ }} of `base` that it does not set itself.
void add_templated(const NodeSpec& base, NodeSpec& spec);
// The name an input gets in the working directory; for a glob that is put nowhere in particular, the glob.
std::string target_of(const Input& input);
inline bool has_glob(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

}  // namespace catena
