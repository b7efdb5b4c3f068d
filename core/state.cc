#include "core/state.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>

namespace catena {
namespace {

using enum NodeState;

constexpr std::array all_nodes = {pending, held,     queued,  running,   completed, failed,
                                  timeout, retrying, skipped, cancelled, unknown};
constexpr std::array<std::string_view, all_nodes.size()> node_names = {
    "pending", "held",     "queued",  "running",   "completed", "failed",
    "timeout", "retrying", "skipped", "cancelled", "unknown"};
constexpr std::array<std::string_view, 7> run_names = {"pending", "running",   "paused",    "completed",
                                                       "failed",  "cancelled", "recovering"};

using Set = std::uint32_t;
constexpr Set set(std::initializer_list<NodeState> states) {
  Set bits = 0;
  for (const NodeState state : states) {
    bits |= Set{1} << static_cast<unsigned>(state);
  }
  return bits;
}
constexpr bool contains(Set states, NodeState state) {
  return (states >> static_cast<unsigned>(state) & 1) != 0;
}

constexpr Set terminals = set({completed, failed, timeout, skipped, cancelled});
constexpr Set actives = set({held, queued, running, unknown});

// What may follow a state in which an attempt is or may be at the scheduler.
//   actives:   the scheduler moves jobs both ways (a held job is released; a preempted or requeued one waits
//              again, perhaps held), and between two looks a job may have passed through any number of
//              states. unknown comes and goes with the scheduler's answers.
//   terminals: an end may be the first thing that is seen of a job; it is skipped if the job is removed from
//              the queue because an edge can no longer be met.
//   retrying:  the attempt failed and another is due.
//   pending:   the attempt was dropped: it never was in the queue, so the node is as if it had not been
//              submitted.
constexpr Set after_active = actives | terminals | set({retrying, pending});

// pending: submitted (held, queued); its answer was lost (unknown); refused by the scheduler (failed); an
// edge can no longer be met (skipped); the user does not want it (cancelled). Also all that a job can become
// while nobody looks: if catena was killed between the intent and the answer, the job that is found by its
// token later may be running, may have ended in any way, or may have failed so that another attempt is due.
constexpr Set after_pending = actives | terminals | set({retrying});

// retrying: the same for the next attempt. Never back to pending: the node has been tried.
constexpr Set after_retrying = actives | terminals;

// What may follow each state, in the order of NodeState. From a state to itself is no transition.
constexpr std::array<Set, all_nodes.size()> followers = {
    after_pending,   // pending
    after_active,    // held
    after_active,    // queued
    after_active,    // running
    0,               // completed: what has ended stays as it ended
    0,               // failed
    0,               // timeout
    after_retrying,  // retrying
    0,               // skipped
    0,               // cancelled
    after_active,    // unknown
};

template <typename State, std::size_t n>
std::optional<State> from(const std::array<std::string_view, n>& names, std::string_view text) {
  const auto found = std::ranges::find(names, text);
  return found == names.end() ? std::nullopt : std::optional(static_cast<State>(found - names.begin()));
}

}  // namespace

std::string_view to_string(NodeState state) {
  return node_names[static_cast<std::size_t>(state)];
}
std::string_view to_string(RunState state) {
  return run_names[static_cast<std::size_t>(state)];
}
std::optional<NodeState> node_state_from(std::string_view text) {
  return from<NodeState>(node_names, text);
}
std::optional<RunState> run_state_from(std::string_view text) {
  return from<RunState>(run_names, text);
}
std::span<const NodeState> node_states() {
  return all_nodes;
}

bool terminal(NodeState state) {
  return contains(terminals, state);
}
bool terminal(RunState state) {
  return state == RunState::completed || state == RunState::failed || state == RunState::cancelled;
}
bool active(NodeState state) {
  return contains(actives, state);
}
bool may_follow(NodeState before, NodeState after) {
  return before != after && contains(followers[static_cast<std::size_t>(before)], after);
}

}  // namespace catena
