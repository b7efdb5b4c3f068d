// The expanded graph: one node for each element, edges by index, in flat arrays that hold a million nodes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/workflow.h"

namespace catena {

using NodeIndex = std::uint32_t;
inline constexpr NodeIndex no_node = 0xffffffff;

struct Node {
  std::string name;           // "fit", or "scf.3" (elements count from 1)
  std::uint32_t spec = 0;     // index into Workflow::nodes
  std::uint32_t element = 0;  // 0: not of a foreach
};

struct Edge {
  NodeIndex node;  // the other end
  On on;
};

class Graph {
 public:
  struct Link {
    NodeIndex parent, child;
    On on;
  };
  Graph() = default;
  // Links may come in any order; duplicates (same parent, child, on) are dropped.
  Graph(std::vector<Node> nodes, std::vector<Link> links);
  Graph(Graph&&) = default;  // not copied: the index of names points into the nodes
  Graph& operator=(Graph&&) = default;

  std::size_t size() const { return nodes_.size(); }
  const Node& node(NodeIndex index) const { return nodes_[index]; }
  const std::vector<Node>& nodes() const { return nodes_; }
  std::size_t edge_count() const { return parents_.size(); }
  std::span<const Edge> parents(NodeIndex child) const { return slice(parents_, parent_start_, child); }
  std::span<const Edge> children(NodeIndex parent) const { return slice(children_, child_start_, parent); }
  NodeIndex find(std::string_view name) const;  // no_node if there is none

  // Parents before children; among equals, the order of the file. Empty if there is a cycle.
  std::vector<NodeIndex> order() const;
  // One cycle, each node before its child and the first one again at the end; empty if there is none.
  std::vector<NodeIndex> cycle() const;

 private:
  static std::span<const Edge> slice(const std::vector<Edge>& edges, const std::vector<std::uint32_t>& start,
                                     NodeIndex index) {
    return {edges.data() + start[index], edges.data() + start[index + 1]};
  }
  std::vector<Node> nodes_;
  std::vector<Edge> parents_, children_;
  std::vector<std::uint32_t> parent_start_{0}, child_start_{0};
  mutable std::unordered_map<std::string_view, NodeIndex> by_name_;  // made at the first find()
};

}  // namespace catena
