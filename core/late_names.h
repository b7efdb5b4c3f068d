// What the names in a late expression (core/late.h) stand for, seen from one node of a graph.
#pragma once

#include <string_view>

#include "core/graph.h"
#include "core/late.h"
#include "core/workflow.h"

namespace catena {

// A node's reference to another one. A result is only there when that node has ended: it must be an ancestor
// over edges that wait for an end; for an address one that has started is enough. Parameters that are known
// now are given as they are.
LateAnswer resolve(const LateReference& reference, const Workflow& workflow, const Graph& graph,
                   NodeIndex from);

// The steps that give a value which is known.
LateSteps constant(const Value& value);

}  // namespace catena
