#include "core/graph.h"

#include <algorithm>
#include <tuple>

namespace catena {
namespace {

// Counting sort of the links by one end into flat arrays.
template <typename Key, typename MakeEdge>
void fill(const std::vector<Graph::Link>& links, std::size_t nodes, std::vector<Edge>& edges,
          std::vector<std::uint32_t>& start, Key key, MakeEdge make) {
  start.assign(nodes + 1, 0);
  for (const auto& link : links) ++start[key(link) + 1];
  for (std::size_t i = 0; i < nodes; ++i) start[i + 1] += start[i];
  edges.resize(links.size());
  auto next = start;
  for (const auto& link : links) edges[next[key(link)]++] = make(link);
}

}  // namespace

Graph::Graph(std::vector<Node> nodes, std::vector<Link> links) : nodes_(std::move(nodes)) {
  const auto order = [](const Link& a, const Link& b) {
    return std::tie(a.child, a.parent, a.on) < std::tie(b.child, b.parent, b.on);
  };
  const auto same = [](const Link& a, const Link& b) {
    return a.child == b.child && a.parent == b.parent && a.on == b.on;
  };
  if (!std::is_sorted(links.begin(), links.end(), order)) std::sort(links.begin(), links.end(), order);
  links.erase(std::unique(links.begin(), links.end(), same), links.end());
  fill(
      links, nodes_.size(), parents_, parent_start_, [](const Link& l) { return l.child; },
      [](const Link& l) {
        return Edge{l.parent, l.on};
      });
  fill(
      links, nodes_.size(), children_, child_start_, [](const Link& l) { return l.parent; },
      [](const Link& l) {
        return Edge{l.child, l.on};
      });
}

NodeIndex Graph::find(std::string_view name) const {
  if (by_name_.empty()) {
    by_name_.reserve(nodes_.size());
    for (NodeIndex i = 0; i < nodes_.size(); ++i) by_name_.emplace(nodes_[i].name, i);
  }
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? no_node : found->second;
}

std::vector<NodeIndex> Graph::order() const {
  // Kahn's algorithm, level by level: no recursion, so that a chain of a million nodes is nothing special,
  // and a stable order.
  std::vector<std::uint32_t> waiting(size());
  std::vector<NodeIndex> result;
  result.reserve(size());
  for (NodeIndex i = 0; i < size(); ++i) {
    waiting[i] = static_cast<std::uint32_t>(parents(i).size());
    if (waiting[i] == 0) result.push_back(i);
  }
  for (std::size_t done = 0; done < result.size(); ++done) {
    for (const auto& edge : children(result[done])) {
      if (--waiting[edge.node] == 0) result.push_back(edge.node);
    }
  }
  if (result.size() != size()) result.clear();
  return result;
}

std::vector<NodeIndex> Graph::cycle() const {
  // Every node that Kahn's algorithm leaves over has a parent that is left over too: walk up until a node
  // comes again.
  std::vector<std::uint32_t> waiting(size());
  std::vector<NodeIndex> free;
  for (NodeIndex i = 0; i < size(); ++i) {
    waiting[i] = static_cast<std::uint32_t>(parents(i).size());
    if (waiting[i] == 0) free.push_back(i);
  }
  while (!free.empty()) {
    const auto node = free.back();
    free.pop_back();
    for (const auto& edge : children(node)) {
      if (--waiting[edge.node] == 0) free.push_back(edge.node);
    }
  }
  const auto first = std::ranges::find_if(waiting, [](auto count) { return count > 0; });
  if (first == waiting.end()) return {};

  std::vector<NodeIndex> path;
  std::vector<bool> seen(size());
  auto at = static_cast<NodeIndex>(first - waiting.begin());
  while (!seen[at]) {
    seen[at] = true;
    path.push_back(at);
    at = std::ranges::find_if(parents(at), [&](const Edge& edge) { return waiting[edge.node] > 0; })->node;
  }
  path.erase(path.begin(), std::ranges::find(path, at));
  path.push_back(at);
  std::ranges::reverse(path);  // it was walked from child to parent
  return path;
}

}  // namespace catena
