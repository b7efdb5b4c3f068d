// The states of nodes and runs, and the one table that says which may follow which.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace catena {

enum class NodeState {
  pending,  // not submitted
  held,     // at the scheduler, waiting for its parents or for our release
  queued,   // at the scheduler, may start when there is room
  running,
  completed,  // its body ended with 0 and its outputs are there
  failed,
  timeout,    // ended by its time limit
  retrying,   // an attempt failed; the next is due
  skipped,    // never ran, because an edge can no longer be met
  cancelled,  // by the user, at catena or at the scheduler
  unknown,    // the scheduler knows nothing of it at present, and no record says how it ended
};

enum class RunState { pending, running, paused, completed, failed, cancelled, recovering };

std::string_view to_string(NodeState state);
std::string_view to_string(RunState state);
std::optional<NodeState> node_state_from(std::string_view text);
std::optional<RunState> run_state_from(std::string_view text);
std::span<const NodeState> node_states();  // all, in the order above

bool terminal(NodeState state);  // completed, failed, timeout, skipped, cancelled: these never change
bool terminal(RunState state);
bool active(
    NodeState state);  // an attempt of it is or may be at the scheduler: held, queued, running, unknown
bool may_follow(NodeState from, NodeState to);

}  // namespace catena
