#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "core/state.h"

namespace catena {
namespace {

using enum NodeState;

TEST(StateTest, EveryNameIsReadBack) {
  std::set<std::string_view> names;
  for (const NodeState state : node_states()) {
    EXPECT_EQ(node_state_from(to_string(state)), state);
    names.insert(to_string(state));
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"pending", "held", "queued", "running", "completed", "failed",
                                               "timeout", "retrying", "skipped", "cancelled", "unknown"}));
  for (const std::string_view name :
       {"pending", "running", "paused", "completed", "failed", "cancelled", "recovering"}) {
    ASSERT_TRUE(run_state_from(name)) << name;
    EXPECT_EQ(to_string(*run_state_from(name)), name);
  }
}

TEST(StateTest, NamesMeanTheStateThatBearsThem) {
  EXPECT_EQ(to_string(pending), "pending");
  EXPECT_EQ(to_string(timeout), "timeout");
  EXPECT_EQ(to_string(retrying), "retrying");
  EXPECT_EQ(to_string(unknown), "unknown");
  EXPECT_EQ(to_string(RunState::pending), "pending");
  EXPECT_EQ(to_string(RunState::paused), "paused");
  EXPECT_EQ(to_string(RunState::recovering), "recovering");
}

TEST(StateTest, ForeignWordsAreNoState) {
  for (const std::string_view text : {"", "Pending", "COMPLETED", "complete", "completed ", "paused"}) {
    EXPECT_FALSE(node_state_from(text)) << text;
  }
  EXPECT_FALSE(run_state_from("held"));
  EXPECT_FALSE(run_state_from(""));
}

TEST(StateTest, StatesAreListedInTheirOrder) {
  for (std::size_t i = 0; i < node_states().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(node_states()[i]), i);
  }
  EXPECT_EQ(node_states().size(), static_cast<std::size_t>(unknown) + 1);
}

TEST(StateTest, TerminalAndActive) {
  const std::set<NodeState> ended = {completed, failed, timeout, skipped, cancelled};
  const std::set<NodeState> at_scheduler = {held, queued, running, unknown};
  for (const NodeState state : node_states()) {
    EXPECT_EQ(terminal(state), ended.contains(state)) << to_string(state);
    EXPECT_EQ(active(state), at_scheduler.contains(state)) << to_string(state);
  }
  EXPECT_TRUE(terminal(RunState::completed));
  EXPECT_TRUE(terminal(RunState::failed));
  EXPECT_TRUE(terminal(RunState::cancelled));
  EXPECT_FALSE(terminal(RunState::pending));
  EXPECT_FALSE(terminal(RunState::running));
  EXPECT_FALSE(terminal(RunState::paused));
  EXPECT_FALSE(terminal(RunState::recovering));
}

TEST(StateTest, ATerminalStateNeverChanges) {
  for (const NodeState from : node_states()) {
    for (const NodeState to : node_states()) {
      if (terminal(from)) {
        EXPECT_FALSE(may_follow(from, to)) << to_string(from) << " -> " << to_string(to);
      }
    }
  }
}

TEST(StateTest, StayingIsNoTransition) {
  for (const NodeState state : node_states()) {
    EXPECT_FALSE(may_follow(state, state)) << to_string(state);
  }
}

// The whole table, written out a second time and by hand.
TEST(StateTest, TheTransitionTable) {
  const std::set<NodeState> of_active = {pending, held,    queued,  running,   unknown, completed,
                                         failed,  timeout, skipped, cancelled, retrying};
  const std::map<NodeState, std::set<NodeState>> legal = {
      {pending, {held, queued, running, unknown, completed, failed, timeout, skipped, cancelled, retrying}},
      {held, of_active},
      {queued, of_active},
      {running, of_active},
      {unknown, of_active},
      {retrying, {held, queued, running, unknown, completed, failed, timeout, skipped, cancelled}},
  };
  for (const NodeState from : node_states()) {
    for (const NodeState to : node_states()) {
      const auto row = legal.find(from);
      const bool expected = from != to && row != legal.end() && row->second.contains(to);
      EXPECT_EQ(may_follow(from, to), expected) << to_string(from) << " -> " << to_string(to);
    }
  }
}

// What happens at real schedulers, as sequences that must be recordable.
TEST(StateTest, ARequeuedJobWaitsAgain) {
  EXPECT_TRUE(may_follow(running, queued));  // preempted, or its machine failed
  EXPECT_TRUE(may_follow(running, held));    // scontrol requeuehold
}

TEST(StateTest, AJobSeenForTheFirstTimeAfterItsEndHasEnded) {
  EXPECT_TRUE(may_follow(held, completed));
  EXPECT_TRUE(may_follow(queued, timeout));
  EXPECT_TRUE(may_follow(unknown, completed));
}

// Killed between the intent and the answer, with the job in the queue: the node is still pending (or
// retrying).
TEST(StateTest, AJobFoundByItsTokenAfterALostAnswerMayBeInAnyState) {
  for (const NodeState before : {pending, retrying}) {
    for (const NodeState found : {held, queued, running, unknown, completed, failed, timeout, cancelled}) {
      EXPECT_TRUE(may_follow(before, found)) << to_string(before) << " -> " << to_string(found);
    }
  }
  EXPECT_TRUE(may_follow(pending, retrying));  // it has failed, and another attempt is due
}

TEST(StateTest, ADroppedAttemptMakesTheNodePendingButAFailedOneDoesNot) {
  EXPECT_TRUE(may_follow(unknown, pending));
  EXPECT_FALSE(may_follow(retrying, pending));
}

}  // namespace
}  // namespace catena
