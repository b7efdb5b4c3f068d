#include "core/late_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_set>

#include "core/expand.h"
#include "core/quote.h"
#include "core/render.h"

namespace catena {
namespace {

// The nodes that a name in a reference stands for.
struct Meant {
  NodeIndex first = no_node;
  std::uint32_t count = 0;
  bool all = false;  // of a foreach, without a number: a list
};

// Whether all of them have ended when the node starts; with `start`, whether they have started.
bool come_before(const Graph& graph, NodeIndex from, const Meant& meant, bool start) {
  std::vector<NodeIndex> open{from};
  std::unordered_set<NodeIndex> seen;
  std::size_t found = 0;
  for (std::size_t at = 0; at < open.size() && found < meant.count; ++at) {
    for (const auto& edge : graph.parents(open[at])) {
      if ((edge.on == On::start && !start) || !seen.insert(edge.node).second) continue;
      open.push_back(edge.node);
      if (edge.node >= meant.first && edge.node < meant.first + meant.count) ++found;
    }
  }
  return found == meant.count;
}

LateAnswer refused(std::string problem, std::string hint = {}) {
  return {{}, std::move(problem), std::move(hint)};
}

LateAnswer find(const LateReference& reference, const Workflow& workflow, const Graph& graph, Meant& meant) {
  const std::string name(reference.node);
  const auto single = graph.find(name);
  const auto first = single == no_node ? graph.find(name + ".1") : single;
  if (first == no_node) {
    std::vector<std::string_view> names;
    for (const auto& node : workflow.nodes) names.push_back(node.name);
    return refused(fmt::format("there is no node '{}'", name), suggestion(name, names));
  }
  if (single != no_node) {
    if (reference.element != 0) return refused(fmt::format("'{}' has no foreach, and so no elements", name));
    meant = {single, 1, false};
    return {};
  }
  std::uint32_t count = 0;
  while (first + count < graph.size() && graph.node(first + count).spec == graph.node(first).spec) ++count;
  if (reference.element > count)
    return refused(fmt::format("there is no element {} of '{}'", reference.element, name),
                   fmt::format("its elements count from 1 to {}", count));
  meant = reference.element > 0 ? Meant{first + reference.element - 1, 1, false} : Meant{first, count, true};
  return {};
}

// Behind an edge from element to element the other node is the element that this one waits for.
void take_own_element(const LateReference& reference, const Workflow& workflow, const Node& from,
                      Meant& meant) {
  if (!meant.all) return;
  const auto& edges = workflow.nodes[from.spec].after;
  if (std::ranges::any_of(edges, [&](const After& a) { return a.each && a.node == reference.node; }))
    meant = {meant.first + from.element - 1, 1, false};
}

// A parameter of the node as the workflow says it; nullptr: it has none of that name.
const Value* parameter(const Workflow& workflow, const Graph& graph, NodeIndex index, std::string_view name,
                       Params& values) {
  const auto& node = graph.node(index);
  const auto& spec = workflow.nodes[node.spec];
  values = element_values(spec, node.element);
  if (const auto* value = catena::find(values, name)) return value;
  if (const auto* value = catena::find(spec.params, name)) return value;
  return catena::find(workflow.params, name);
}

}  // namespace

LateSteps constant(const Value& value) {
  switch (value.kind) {
    case Value::Kind::number:
      return {"number " + value.text};
    case Value::Kind::boolean:
      return {value.text};
    case Value::Kind::list: {
      LateSteps steps;
      for (const auto& item : value.items) {
        for (auto& step : constant(item)) steps.push_back(std::move(step));
      }
      steps.push_back(fmt::format("list {}", value.items.size()));
      return steps;
    }
    default:
      return {"string " + json_quote(value.text)};
  }
}

LateAnswer resolve(const LateReference& reference, const Workflow& workflow, const Graph& graph,
                   NodeIndex from) {
  using Kind = LateReference::Kind;
  Meant meant;
  if (auto problem = find(reference, workflow, graph, meant); !problem.problem.empty()) return problem;
  take_own_element(reference, workflow, graph.node(from), meant);
  const auto& target = graph.node(meant.first).name;
  if (reference.kind == Kind::param) {
    LateSteps steps;
    bool late = false;
    for (std::uint32_t i = 0; i < meant.count && !late; ++i) {
      Params values;
      const auto* value = parameter(workflow, graph, meant.first + i, reference.name, values);
      if (!value) return refused(fmt::format("'{}' has no parameter '{}'", reference.node, reference.name));
      late = value->kind == Value::Kind::string && holds_late(value->text);
      for (auto& step : constant(*value)) steps.push_back(std::move(step));
    }
    if (meant.all) steps.push_back(fmt::format("list {}", meant.count));
    if (!late) return {std::move(steps), {}, {}};
  }
  const bool address = reference.kind == Kind::address;
  if (address && meant.all)
    return refused(fmt::format("'{}' has elements", reference.node),
                   fmt::format("name one of them: nodes.{}.1.address", reference.node));
  if (!come_before(graph, from, meant, address)) {
    const bool started = come_before(graph, from, meant, true);
    return refused(
        started ? fmt::format("'{}' has only started when this node starts: it gives its results at its end",
                              reference.node)
                : fmt::format("nothing makes sure that '{}' runs before this node", reference.node),
        fmt::format("write after: {}", reference.node));
  }
  if (address) return {{"address " + target}, {}, {}};
  const std::string_view op = reference.kind == Kind::param ? "param" : "result";
  if (meant.all)
    return {{fmt::format("{}s {} {} {}", op, reference.node, meant.count, reference.name)}, {}, {}};
  return {{fmt::format("{} {} {}", op, target, reference.name)}, {}, {}};
}

}  // namespace catena
