#include <algorithm>
#include <span>

#include "core/recorder.h"

namespace catena {
namespace {

// Whether it is a service whose users have all ended.
bool unused(const Run& run, NodeIndex node) {
  return is_service(run.workflow.nodes[run.graph.node(node).spec]) && !terminal(run.nodes[node].state) &&
         std::ranges::all_of(run.graph.children(node),
                             [&](const Edge& user) { return terminal(run.nodes[user.node].state); });
}

}  // namespace

// Completed, or skipped where none of its attempts has run.
void Engine::end_service(Recorder& recorder, Run& run, NodeIndex node, const std::string& native) {
  const auto& attempt = run.attempts[node];
  const bool has_run = attempt && (attempt->started || attempt->number > 1);
  recorder.state(node, has_run ? NodeState::completed : NodeState::skipped,
                 has_run ? unused_service : "no node uses it any more", native);
}

// The intent is recorded before the scheduler is told: a job that was cancelled by a call which was killed
// then would look like one that a person has cancelled. True: nodes that were not at the scheduler have
// ended.
bool Engine::end_services(Run& run, const Place& place) {
  if (run.row.stop_requested) return false;  // all that is left is cancelled
  if (std::ranges::none_of(run.workflow.nodes, is_service)) return false;
  std::vector<NodeIndex> nodes;
  const auto order = run.graph.order();
  for (auto node = order.rbegin(); node != order.rend(); ++node) {  // a service may itself use one
    const auto* attempt = run.attempts[*node].get();
    const bool told = is_out(attempt) && (attempt->reason == service_stopping ||
                                          attempt->reason == cancel_requested || mark_of(*attempt));
    if (!told && unused(run, *node)) nodes.push_back(*node);
  }
  if (nodes.empty()) return false;
  bool ended = false;
  Recorder intent(*this, run);
  std::vector<ControlTarget> targets;
  for (const auto node : nodes) {
    auto* attempt = run.attempts[node].get();
    if (!is_out(attempt)) {
      end_service(intent, run, node);
      ended = true;
      continue;
    }
    if (attempt->reason != service_to_stop) {
      attempt->reason = service_to_stop;
      intent.attempt(node);
      intent.event(node, "stop requested", "no node uses it any more");
    }
    // One whose reply was lost is found first.
    if (!attempt->native_id.empty()) targets.push_back({attempt->native_id, {}, run.row.directory});
  }
  intent.commit();
  if (targets.empty()) return ended;
  const auto refused = place.backend.control(Action::cancel, targets);
  for (const auto& words : refused) observer_.trouble(words);
  if (!refused.empty()) return ended;  // the next pass tells it again
  Recorder recorder(*this, run);
  for (const auto node : nodes) {
    auto* attempt = run.attempts[node].get();
    if (!is_out(attempt) || attempt->native_id.empty()) continue;
    attempt->reason = service_stopping;  // it ends when the scheduler says so
    recorder.attempt(node);
  }
  recorder.commit();
  return ended;
}

}  // namespace catena
