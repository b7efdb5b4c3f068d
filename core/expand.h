// From the document to the graph (foreach), and from a node to the texts that its job is made of (rendering).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/diagnostic.h"
#include "core/graph.h"
#include "core/workflow.h"

namespace catena {

// Expands every foreach, resolves `after`, checks for unknown nodes, cycles and name clashes. Mistakes go to
// `diagnostics`, all of them; the graph is then not to be used.
Graph expand(const Workflow& workflow, Diagnostics& diagnostics);

// What a run adds to the facts that {{ }} may name.
struct RunFacts {
  std::string id;         // run.id
  std::string directory;  // run.dir: absolute, on the site
  std::string site;       // site.name
};

// A node with everything filled in.
struct Rendered {
  std::string name;
  std::string body;
  std::string shell;
  std::string workdir;  // absolute
  Resources resources;  // site defaults, workflow defaults, node: merged
  Params params;        // the values it was rendered with: foreach values, node and workflow parameters
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<Input>
      inputs;  // `from` absolute unless it holds a glob's relative path; `to` filled in (a folder for globs)
  std::vector<std::string> outputs;
  std::vector<Result> results;
  std::vector<NodeCheck> checks;
  std::string stdout_file, stderr_file;
  std::vector<std::string> scheduler_options;  // of the asked dialect

  // What only the job finds out, at its start (core/late.h). Its marks stand in body, env and the following.
  std::string late;  // the definitions; empty: there is nothing
  std::vector<std::pair<std::string, std::string>> late_variables;  // CATENA_PARAM_name
  std::string late_params;  // all parameters, as a JSON object; empty: none is late
  std::string late_inputs;  // absolute: where inputs wait that hold late values; empty: none can
};

// Renders one node. `defaults`: the site's resources, under the workflow's. Facts: the parameters by name;
// node.name, node.index (0 without foreach), node.count, node.input (its first input's name), node.dir;
// run.id, run.dir; workflow.name, workflow.dir; site.name. Problems go to `diagnostics` with the node's
// place.
Rendered render_node(const Workflow& workflow, const Graph& graph, NodeIndex node, const RunFacts& facts,
                     const Resources& defaults, std::string_view dialect, Diagnostics& diagnostics);

// Where the node runs: Rendered's workdir alone, without the cost of the rest.
std::string work_directory(const Workflow& workflow, const Graph& graph, NodeIndex node,
                           const RunFacts& facts);

// Fills in {{ }} in the text of an input file of the node, with the same facts.
struct RenderedInput {
  std::string text;
  bool late = false;  // the job has to fill in the rest: the text is one of core/job_tool.h's `_inputs`
};
RenderedInput render_input(const Workflow& workflow, const Graph& graph, NodeIndex node,
                           const RunFacts& facts, const Rendered& rendered, std::string_view file,
                           std::string_view text, Diagnostics& diagnostics);

// The foreach values of a node, in axis order; empty without foreach.
Params element_values(const NodeSpec& spec, std::uint32_t element);

// Renders what needs rendering to find every mistake without a run: the first element of each node, and all
// elements of those whose resources are templated.
void check(const Workflow& workflow, const Graph& graph, Diagnostics& diagnostics);

}  // namespace catena
