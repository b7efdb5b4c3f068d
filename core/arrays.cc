#include "core/arrays.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <unordered_map>

#include "core/job.h"
#include "core/render.h"

namespace catena {
namespace {

// Whether all elements ask for the same.
bool uniform(const Workflow& workflow, const NodeSpec& spec) {
  if (!workflow.defaults.templated_resources.empty() || !spec.templated_resources.empty()) return false;
  const auto any_template = [](const auto& entry) { return std::ranges::any_of(entry.second, has_template); };
  return std::ranges::none_of(workflow.defaults.scheduler_options, any_template) &&
         std::ranges::none_of(spec.scheduler_options, any_template);
}

// Each array's elements in runs of numbers that follow one another.
std::vector<Unit> without_gaps(std::vector<Unit> units, const Graph& graph,
                               std::span<const PlannedNode> window) {
  std::vector<Unit> list;
  for (auto& unit : units) {
    std::uint32_t last = 0;
    for (const auto member : unit.members) {
      const auto element = graph.node(window[member].node).element;
      if (list.empty() || member == unit.members.front() || element != last + 1) list.emplace_back();
      list.back().members.push_back(member);
      last = element;
    }
  }
  return list;
}

}  // namespace

bool is_element_edge(const Workflow& workflow, const Graph& graph, NodeIndex child, const Edge& parent) {
  const auto& from = graph.node(child);
  const auto& to = graph.node(parent.node);
  if (from.element == 0 || from.element != to.element) return false;
  const auto& name = workflow.nodes[to.spec].name;
  return std::ranges::any_of(workflow.nodes[from.spec].after, [&](const After& after) {
    return after.each && after.on == parent.on && after.node == name;
  });
}

std::vector<Unit> units(const Workflow& workflow, const Graph& graph, std::span<const PlannedNode> window,
                        std::span<const NodeRow> nodes, std::span<const Attempt* const> attempts,
                        const ArrayRules& rules) {
  std::vector<Unit> list;
  std::unordered_map<std::string, std::size_t> by_shape;
  std::unordered_map<NodeIndex, std::size_t> unit_of;
  std::unordered_map<std::uint32_t, bool> uniform_specs;
  for (std::size_t place = 0; place < window.size(); ++place) {
    const auto& planned = window[place];
    const auto& node = graph.node(planned.node);
    bool together = rules.largest > 1 && node.element > 0;
    if (together && !rules.elements_known) together = graph.children(planned.node).empty();
    if (together) {
      const auto [known, fresh] = uniform_specs.try_emplace(node.spec);
      if (fresh) known->second = uniform(workflow, workflow.nodes[node.spec]);
      together = known->second;
    }
    if (!together) {
      list.push_back({{place}});
      continue;
    }
    const auto& row = nodes[planned.node];
    auto shape =
        fmt::format("{} {} {} {}", node.spec, (node.element - 1) / rules.largest, row.attempts, row.failures);
    for (const auto& edge : planned.parents) {
      const bool each = edge.on == On::ok && is_element_edge(workflow, graph, planned.node, edge);
      const auto* attempt = attempts[edge.node];
      const auto here = unit_of.find(edge.node);
      if (each && here != unit_of.end()) {
        shape += fmt::format(" unit {}", here->second);
      } else if (each && attempt && in_array(attempt->token)) {
        // The array, by what the elements' ids have in common.
        shape += " array " + attempt->native_id.substr(0, attempt->native_id.find('_'));
      } else {
        shape += fmt::format(" {}:{}", to_string(edge.on), edge.node);
      }
    }
    const auto [known, fresh] = by_shape.try_emplace(std::move(shape), list.size());
    if (fresh) list.emplace_back();
    list[known->second].members.push_back(place);
    unit_of.emplace(planned.node, known->second);
  }
  return rules.lists ? list : without_gaps(std::move(list), graph, window);
}

}  // namespace catena
