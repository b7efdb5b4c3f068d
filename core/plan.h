// What is to be done with each node that has not ended, and why: a pure function of the graph and of what is
// recorded.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/graph.h"
#include "core/store.h"

namespace catena {

// One edge, seen from the child, by catena's own record.
enum class Fate {
  met,     // the parent's end (or start) allows the child
  open,    // not decided yet
  broken,  // the child can never run
};

struct PlannedNode {
  NodeIndex node = no_node;
  std::vector<Edge> parents;  // the open edges, which the scheduler has to be told of; all others are met
  // The nodes that wait for its start and have not ended, each with the number of its present attempt, else
  // of its next one.
  std::vector<std::pair<NodeIndex, int>> users{};
  std::string
      reason;  // "first: nothing to wait for", "after ok of scf.1, scf.2, …", "all parents have ended: …"
};

struct Skip {
  NodeIndex node = no_node;
  std::string reason;  // "scf.2 failed", "needs scf.2, which was skipped"
};

// A scheduler would start a child by `any` or `notok` at its parent's first failure, though the parent is to
// be tried again: it waits for catena to see the parent's end, or its last attempt; what depends on it
// likewise.
struct Later {
  NodeIndex node = no_node;
  std::string reason;  // "fit may be tried again: …"
};

// The decisions for a run as it stands. Linear in nodes and edges.
struct Plan {
  std::vector<PlannedNode> submit;  // parents before children
  std::vector<Skip> skip;    // children before parents: an `any` or `start` child is then gone from the queue
                             // before its parent is taken out of it, and cannot start by that
  std::vector<Later> later;  // for a later pass to submit
};

// `attempts`: the current attempt of each node, or nullptr. `tried_again`: the nodes whose failure is not
// their end (see may_be_tried_again); empty: none. With `stop`, nothing is submitted. `unnamed`: the nodes
// whose job the scheduler takes for no other's parent; empty: none.
Plan make_plan(const Graph& graph, std::span<const NodeRow> nodes, std::span<const Attempt* const> attempts,
               const std::vector<bool>& tried_again, bool stop, const std::vector<bool>& unnamed = {});

Fate fate(On on, const NodeRow& parent, const Attempt* attempt, bool skipped_by_failure);

// Why a child with a broken edge can never run: "scf.2 failed", "fit was skipped".
std::string why_broken(std::string_view parent, On on, NodeState parent_state);

// Of the skipped nodes, those that were skipped because something failed (the others were merely not needed:
// a `notok` edge to a parent that completed). By node.
std::vector<bool> skipped_by_failure(const Graph& graph, std::span<const NodeRow> nodes,
                                     std::span<const Attempt* const> attempts);

}  // namespace catena
