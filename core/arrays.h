// Which elements of a foreach go to the scheduler together, as one job array.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/graph.h"
#include "core/plan.h"
#include "core/store.h"
#include "core/workflow.h"

namespace catena {

struct ArrayRules {
  std::size_t largest = 0;      // the highest index; below 2 there are no arrays
  bool lists = false;           // indices may leave some out
  bool elements_known = false;  // other jobs can wait for an array's element
};

// What is submitted at once: one job, or the elements of an array.
struct Unit {
  std::vector<std::size_t> members;  // places in the window, in its order
  bool array() const { return members.size() > 1; }
};

// The window, of which each node is in one unit; a unit's parents come before it. Elements go together if
// they are of one node, at the same attempt after equally many failures, ask for the same and wait for the
// same, or each for the element of its own index in one other array.
std::vector<Unit> units(const Workflow& workflow, const Graph& graph, std::span<const PlannedNode> window,
                        std::span<const NodeRow> nodes, std::span<const Attempt* const> attempts,
                        const ArrayRules& rules);

// Whether the child waits by this edge for the element of its own number alone.
bool is_element_edge(const Workflow& workflow, const Graph& graph, NodeIndex child, const Edge& parent);

}  // namespace catena
