#include <fmt/core.h>

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "core/recorder.h"

namespace catena {

void Engine::stop(Run& run, const Place& place, const std::string& reason) {
  Recorder request(*this, run);
  request.stop_requested(true);
  request.run_state(run.row.state, reason);
  request.event(no_node, "stop", reason);
  request.commit();
  cancel(run, place, {});
}

void Engine::cancel(Run& run, const Place& place, std::span<const NodeIndex> nodes) {
  if (nodes.empty() && !run.row.stop_requested) return stop(run, place, "cancelled by the user");
  const std::unordered_set<NodeIndex> wanted(nodes.begin(), nodes.end());
  std::vector<ControlTarget> targets;
  std::vector<NodeIndex> asked;
  for (const auto node : run.graph.order()) {
    if (terminal(run.nodes[node].state) || (!wanted.empty() && !wanted.contains(node))) continue;
    const auto& attempt = run.attempts[node];
    if (attempt && attempt->reason == cancel_requested) continue;
    asked.push_back(node);
    if (active(run.nodes[node].state) && attempt && !attempt->native_id.empty()) {
      targets.push_back({attempt->native_id, {}, run.row.directory});
    }
  }
  std::ranges::reverse(targets);  // children before parents, so that none is set free by its parent's end
  bool taken_out = true;
  if (!targets.empty()) {
    for (const auto& words : place.backend.control(Action::cancel, targets)) {
      observer_.trouble(words);
      taken_out = false;
    }
  }
  Recorder recorder(*this, run);
  const auto reason =
      run.row.stop_requested && !run.row.reason.empty() ? run.row.reason : "cancelled by the user";
  for (const auto node : asked) {
    const auto& attempt = run.attempts[node];
    const auto state = run.nodes[node].state;
    const bool out = is_out(attempt.get());
    if (out && attempt->native_id.empty()) continue;  // perhaps at the scheduler: first it has to be found
    if (out && !taken_out) continue;                  // perhaps still in the queue: to be asked for again
    if (state == NodeState::running || state == NodeState::unknown) {
      attempt->reason = cancel_requested;  // it ends when the scheduler says so
      recorder.attempt(node);
      recorder.event(node, cancel_requested, reason);
      continue;
    }
    if (out) {
      attempt->state = AttemptState::ended;
      attempt->ended = recorder.now();
      attempt->reason = reason;
      recorder.attempt(node);
    }
    recorder.state(node, NodeState::cancelled, reason);
  }
  recorder.commit();
}

void Engine::pause(Run& run, const Place& place) {
  Recorder recorder(*this, run);
  recorder.run_state(RunState::paused, "by the user");
  recorder.commit();
  hold_back(run, place);
}

// Also what a killed pause has left, and what was found since.
void Engine::hold_back(Run& run, const Place& place) {
  std::vector<ControlTarget> targets;
  std::vector<NodeIndex> nodes;
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    const auto& attempt = run.attempts[i];
    const auto state = run.nodes[i].state;
    const bool free = state == NodeState::queued ||
                      (state == NodeState::held && attempt && attempt->state == AttemptState::submitted);
    if (!free || !is_out(attempt.get()) || attempt->native_id.empty()) continue;
    nodes.push_back(i);
    targets.push_back({attempt->native_id, {}, run.row.directory});
  }
  if (targets.empty()) return;
  const auto refused = place.backend.control(Action::hold, targets);
  for (const auto& words : refused) observer_.trouble(words);
  if (!refused.empty()) return;  // the next pass tries again what has not started by then
  Recorder recorder(*this, run);
  for (const auto node : nodes) {
    run.attempts[node]->state = AttemptState::staged;
    recorder.attempt(node);
    recorder.state(node, NodeState::held, "the run is paused");
  }
  recorder.commit();
}

void Engine::resume(Run& run) {
  if (run.row.state != RunState::paused) return;
  Recorder recorder(*this, run);
  recorder.run_state(RunState::running, "");
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    auto& attempt = run.attempts[i];
    const auto state = run.nodes[i].state;
    if ((state != NodeState::held && state != NodeState::queued) || attempt->state != AttemptState::submitted)
      continue;
    attempt->state = AttemptState::staged;  // held by a pause that was killed before it could say so, perhaps
    recorder.attempt(i);
  }
  recorder.commit();
}

namespace {

// Of the skipped nodes, those that follow from nodes of `set`: whether they can run is decided again.
std::vector<NodeIndex> skipped_after(const Run& run, const std::unordered_set<NodeIndex>& set) {
  std::unordered_set<NodeIndex> reached = set;
  std::vector<NodeIndex> skipped;
  for (const auto node : run.graph.order()) {
    if (run.nodes[node].state != NodeState::skipped || set.contains(node)) continue;
    if (std::ranges::any_of(run.graph.parents(node),
                            [&](const Edge& edge) { return reached.contains(edge.node); })) {
      reached.insert(node);
      skipped.push_back(node);
    }
  }
  return skipped;
}

// And the services that have ended and are used by one of these.
void add_services(const Run& run, std::vector<NodeIndex>& nodes) {
  std::unordered_set<NodeIndex> all(nodes.begin(), nodes.end());
  for (std::size_t i = 0; i < nodes.size(); ++i) {  // it grows: a service may use another
    for (const auto& parent : run.graph.parents(nodes[i])) {
      if (is_service(run.workflow.nodes[run.graph.node(parent.node).spec]) &&
          terminal(run.nodes[parent.node].state) && all.insert(parent.node).second)
        nodes.push_back(parent.node);
    }
  }
}

}  // namespace

void Engine::reopen(Run& run, std::span<const NodeIndex> nodes, const std::string& why,
                    std::optional<Snapshot> snapshot) {
  const std::unordered_set<NodeIndex> set(nodes.begin(), nodes.end());
  for (const auto node : nodes) {
    if (terminal(run.nodes[node].state)) continue;
    throw Error(ErrorKind::conflict,
                fmt::format("{} is {}: only what has ended is taken up again", run.graph.node(node).name,
                            to_string(run.nodes[node].state)),
                fmt::format("`catena cancel {} {}` ends it", run.row.id, run.graph.node(node).name));
  }
  Recorder recorder(*this, run);
  auto all = skipped_after(run, set);
  all.insert(all.end(), nodes.begin(), nodes.end());
  add_services(run, all);
  for (const auto node : all) {
    recorder.reopen(node);
    recorder.state(node, NodeState::pending, why);
  }
  if (snapshot) recorder.snapshot(std::move(*snapshot));
  if (run.row.stop_requested) recorder.stop_requested(false);
  if (terminal(run.row.state)) {
    recorder.recovered();
    recorder.run_state(RunState::recovering, why);
  }
  recorder.commit();
}

std::string marked_by_user(NodeState end) {
  return fmt::format("marked {} by the user", to_string(end));
}

namespace {
constexpr std::string_view request = "to be marked ";
}

std::string mark_requested(NodeState end) {
  return fmt::format("{}{}", request, to_string(end));
}

std::optional<NodeState> mark_of(const Attempt& attempt) {
  if (!attempt.reason.starts_with(request)) return std::nullopt;
  return node_state_from(std::string_view(attempt.reason).substr(request.size()));
}

void Engine::mark(Run& run, const Place& place, std::span<const NodeIndex> nodes, NodeState end) {
  for (const auto node : nodes) {
    const auto state = run.nodes[node].state;
    const auto& attempt = run.attempts[node];
    const bool nowhere = is_out(attempt.get()) && attempt->native_id.empty();
    if (state != NodeState::running && state != NodeState::unknown && !nowhere) continue;
    const auto& name = run.graph.node(node).name;
    throw Error(ErrorKind::conflict,
                fmt::format("{} is {}: only what does not run can be marked", name, to_string(state)),
                state == NodeState::running ? fmt::format("`catena cancel {} {}` ends it", run.row.id, name)
                                            : fmt::format("`catena sync {}` asks where it is", run.row.id));
  }
  Recorder recorder(*this, run);
  std::unordered_set<NodeIndex> changed;
  for (const auto node : nodes) {
    if (run.nodes[node].state == end) continue;
    changed.insert(node);
    if (auto& attempt = run.attempts[node]; is_out(attempt.get())) {
      attempt->reason = mark_requested(end);
      recorder.attempt(node);
      recorder.event(node, "mark requested", std::string(to_string(end)));
      continue;
    }
    if (terminal(run.nodes[node].state)) recorder.reopen(node);
    recorder.state(node, end, marked_by_user(end));
  }
  if (changed.empty()) return;
  auto again = skipped_after(run, changed);
  add_services(run, again);
  for (const auto node : again) {
    recorder.reopen(node);
    recorder.state(node, NodeState::pending,
                   fmt::format("decided again: a parent was {}", marked_by_user(end)));
  }
  if (terminal(run.row.state)) recorder.run_state(RunState::recovering, "nodes were marked by the user");
  recorder.commit();
  carry_out_marks(run, place);
}

// Children are pointed elsewhere before their parent's job goes: SLURM would never let them start, and PBS
// would delete them.
void Engine::carry_out_marks(Run& run, const Place& place) {
  std::vector<NodeIndex> nodes;
  std::vector<ControlTarget> targets;
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    const auto* attempt = run.attempts[i].get();
    if (!is_out(attempt) || !mark_of(*attempt) || !active(run.nodes[i].state)) continue;
    nodes.push_back(i);
    targets.push_back({attempt->native_id, {}, run.row.directory});
  }
  if (nodes.empty()) return;
  auto rows = run.nodes;
  for (const auto node : nodes) rows[node].state = *mark_of(*run.attempts[node]);
  repoint_children(run, place, nodes, rows);
  const auto refused = place.backend.control(Action::cancel, targets);
  for (const auto& words : refused) observer_.trouble(words);
  if (!refused.empty()) return;  // perhaps still in the queue: the next pass tries again
  Recorder recorder(*this, run);
  for (const auto node : nodes) {
    auto& attempt = *run.attempts[node];
    const auto end = *mark_of(attempt);
    attempt.state = AttemptState::ended;
    attempt.ended = recorder.now();
    attempt.reason = marked_by_user(end);
    recorder.attempt(node);
    recorder.state(node, end, marked_by_user(end));
  }
  recorder.commit();
}

}  // namespace catena
