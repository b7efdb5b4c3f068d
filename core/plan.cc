#include "core/plan.h"

#include <fmt/core.h>

#include <algorithm>

namespace catena {
namespace {

bool submittable(NodeState state) {
  return state == NodeState::pending || state == NodeState::retrying;
}

// Work on one graph in topological order, so that a skip is known before its descendants are looked at.
class Decider {
 public:
  Decider(const Graph& graph, std::span<const NodeRow> nodes, std::span<const Attempt* const> attempts)
      : graph_(graph),
        nodes_(nodes),
        attempts_(attempts),
        skipped_(graph.size()),
        by_failure_(graph.size()) {}

  // The first broken edge of a node, if any. Must be called in topological order.
  const Edge* broken(NodeIndex node) {
    const Edge* first = nullptr;
    for (const auto& edge : graph_.parents(node)) {
      if (edge_fate(edge) == Fate::broken) {
        if (!first) first = &edge;
        if (breaks_by_failure(edge)) by_failure_[node] = true;
      }
    }
    return first;
  }
  void mark_skipped(NodeIndex node) { skipped_[node] = true; }

  Fate edge_fate(const Edge& edge) const {
    if (skipped_[edge.node]) {  // in this plan, not yet in the record
      NodeRow row;
      row.state = NodeState::skipped;
      return fate(edge.on, row, nullptr, by_failure_[edge.node]);
    }
    return fate(edge.on, nodes_[edge.node], attempts_[edge.node], by_failure_[edge.node]);
  }

  std::string why(const Edge& edge) const {
    const auto state = skipped_[edge.node] ? NodeState::skipped : nodes_[edge.node].state;
    return why_broken(graph_.node(edge.node).name, edge.on, state);
  }
  std::vector<bool> take_by_failure() { return std::move(by_failure_); }

 private:
  bool breaks_by_failure(const Edge& edge) const {
    if (edge.on == On::notok) return false;
    const bool skipped = skipped_[edge.node] || nodes_[edge.node].state == NodeState::skipped;
    return !skipped || by_failure_[edge.node];
  }

  const Graph& graph_;
  std::span<const NodeRow> nodes_;
  std::span<const Attempt* const> attempts_;
  std::vector<bool> skipped_, by_failure_;
};

std::string parents_text(const Graph& graph, const std::vector<Edge>& edges) {
  constexpr std::size_t shown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(edges.size(), shown); ++i) {
    text +=
        fmt::format("{}{} of {}", i == 0 ? "" : ", ", to_string(edges[i].on), graph.node(edges[i].node).name);
  }
  if (edges.size() > shown) text += fmt::format(" and {} more", edges.size() - shown);
  return text;
}

std::string reason_for(const Graph& graph, NodeIndex node, const std::vector<Edge>& open) {
  if (graph.parents(node).empty()) return "nothing to wait for";
  if (open.empty()) return "all its parents have ended as they must";
  return "after " + parents_text(graph, open);
}

}  // namespace

Fate fate(On on, const NodeRow& parent, const Attempt* attempt, bool by_failure) {
  using enum NodeState;
  switch (parent.state) {
    case completed:
      return on == On::notok ? Fate::broken : Fate::met;
    case failed:
    case timeout:
    case cancelled:
      if (on == On::ok) return Fate::broken;
      if (on == On::start) return attempt && attempt->started ? Fate::met : Fate::broken;
      return Fate::met;
    case skipped:
      if (on == On::any) return Fate::met;
      return on == On::notok && by_failure ? Fate::met : Fate::broken;
    case running:
      return on == On::start ? Fate::met : Fate::open;
    default:
      return Fate::open;
  }
}

std::string why_broken(std::string_view parent, On on, NodeState state) {
  if (on == On::notok) {
    return fmt::format("runs only if {} does not complete, and it was {}", parent, to_string(state));
  }
  if (on == On::start) return fmt::format("needs the start of {}, which never started", parent);
  if (state == NodeState::timeout) return fmt::format("{} ran into its time limit", parent);
  return fmt::format("{} {}{}", parent, state == NodeState::failed ? "" : "was ", to_string(state));
}

std::vector<bool> skipped_by_failure(const Graph& graph, std::span<const NodeRow> nodes,
                                     std::span<const Attempt* const> attempts) {
  Decider decider(graph, nodes, attempts);
  for (const auto node : graph.order()) {
    if (nodes[node].state == NodeState::skipped) decider.broken(node);
  }
  return decider.take_by_failure();
}

Plan make_plan(const Graph& graph, std::span<const NodeRow> nodes, std::span<const Attempt* const> attempts,
               const std::vector<bool>& tried_again, bool stop, const std::vector<bool>& unnamed) {
  Plan plan;
  Decider decider(graph, nodes, attempts);
  std::vector<bool> goes_out(graph.size()), put_off(graph.size());
  for (const auto node : graph.order()) {
    const auto state = nodes[node].state;
    // An attempt without an answer may be at the scheduler: observing settles that first.
    if (submittable(state) && is_out(attempts[node])) continue;
    const bool not_started = submittable(state) || state == NodeState::held || state == NodeState::queued;
    if (!not_started && state != NodeState::skipped) continue;
    const auto* edge = decider.broken(node);
    if (!not_started) continue;
    if (edge) {
      decider.mark_skipped(node);
      plan.skip.push_back({node, decider.why(*edge)});
      continue;
    }
    if (stop || !submittable(state)) continue;
    PlannedNode planned;
    planned.node = node;
    bool ready = true;
    std::string waits;
    for (const auto& parent : graph.parents(node)) {
      if (decider.edge_fate(parent) != Fate::open) continue;
      // The scheduler can only be told of a parent that it has, or that goes out before in this plan.
      const auto* attempt = attempts[parent.node];
      ready = ready && (submittable(nodes[parent.node].state) ? goes_out[parent.node]
                                                              : attempt && !attempt->native_id.empty());
      const bool at_failure = parent.on == On::any || parent.on == On::notok;
      const auto& name = graph.node(parent.node).name;
      if (put_off[parent.node]) {
        waits = fmt::format("waits for {}, which is submitted by a later pass", name);
      } else if (at_failure && !tried_again.empty() && tried_again[parent.node]) {
        waits = fmt::format("waits for the end of {}, which may be tried again", name);
      } else if (!unnamed.empty() && unnamed[parent.node]) {
        waits = fmt::format("waits for the end of {}, an element of a job array", name);
      }
      planned.parents.push_back(parent);
    }
    if (!waits.empty()) {
      put_off[node] = true;
      plan.later.push_back({node, std::move(waits)});
      continue;
    }
    if (!ready) continue;
    goes_out[node] = true;
    planned.reason = reason_for(graph, node, planned.parents);
    for (const auto& child : graph.children(node)) {
      const auto& row = nodes[child.node];
      if (child.on == On::start && !terminal(row.state))
        planned.users.emplace_back(child.node, row.attempts + (is_out(attempts[child.node]) ? 0 : 1));
    }
    plan.submit.push_back(std::move(planned));
  }
  std::ranges::reverse(plan.skip);
  return plan;
}

}  // namespace catena
