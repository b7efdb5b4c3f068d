#include <gmock/gmock.h>

#include "core/engine.h"
#include "core/plan.h"

namespace catena {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A graph of few nodes with settable states.
struct Case {
  Graph graph;
  std::vector<NodeRow> nodes;
  std::vector<Attempt> storage;
  std::vector<const Attempt*> attempts;
  std::vector<bool> tried_again{};

  Case(std::size_t count, std::vector<Graph::Link> links) : nodes(count), storage(count), attempts(count) {
    std::vector<Node> list;
    for (std::size_t i = 0; i < count; ++i)
      list.push_back({"n" + std::to_string(i), static_cast<std::uint32_t>(i), 0});
    graph = Graph(std::move(list), std::move(links));
  }
  Case& state(NodeIndex node, NodeState state) {
    nodes[node].state = state;
    return *this;
  }
  Attempt& attempt(NodeIndex node, std::string id) {
    storage[node].native_id = std::move(id);
    storage[node].state = AttemptState::submitted;
    nodes[node].attempts = 1;
    attempts[node] = &storage[node];
    return storage[node];
  }
  Plan plan(bool stop = false) const { return make_plan(graph, nodes, attempts, tried_again, stop); }
  std::vector<NodeIndex> submitted() const {
    std::vector<NodeIndex> list;
    for (const auto& planned : plan().submit) list.push_back(planned.node);
    return list;
  }
  std::vector<NodeIndex> skipped() const {
    std::vector<NodeIndex> list;
    for (const auto& skip : plan().skip) list.push_back(skip.node);
    return list;
  }
};

TEST(Plan, AFreshGraphGoesOutWholeParentsFirst) {
  const Case c(3, {{2, 1, On::ok}, {1, 0, On::ok}});
  EXPECT_THAT(c.submitted(), ElementsAre(2, 1, 0));
  EXPECT_THAT(c.skipped(), IsEmpty());
}

// An attempt that has completed before the service is submitted again does not count, one that is out does.
TEST(Plan, WhoUsesWhatIsStartedIsCountedFromItsPresentAttempt) {
  Case c(4, {{0, 1, On::start}, {0, 2, On::start}, {0, 3, On::start}});
  c.state(1, NodeState::running).attempt(1, "7");
  c.state(2, NodeState::completed).attempt(2, "8").state = AttemptState::ended;
  c.state(3, NodeState::retrying).attempt(3, "9").state = AttemptState::ended;
  const auto plan = c.plan();
  ASSERT_FALSE(plan.submit.empty());
  EXPECT_THAT(plan.submit.front().users, ElementsAre(std::pair(1U, 1), std::pair(3U, 2)));
}

// The scheduler would start it at the first failure, and the failure is not the end.
TEST(Plan, AChildByAnyOfANodeThatMayBeTriedAgainIsLeftForALaterPass) {
  Case c(4, {{0, 1, On::any}, {0, 2, On::notok}, {0, 3, On::ok}});
  c.tried_again = {true, false, false, false};
  EXPECT_THAT(c.submitted(), ElementsAre(0, 3));
  const auto later = c.plan().later;
  ASSERT_EQ(later.size(), 2);
  EXPECT_EQ(later[0].node, 1);
  EXPECT_EQ(later[0].reason, "waits for the end of n0, which may be tried again");
  EXPECT_EQ(later[1].node, 2);
}

TEST(Plan, WhatDependsOnALaterNodeIsLater) {
  Case c(3, {{0, 1, On::any}, {1, 2, On::ok}});
  c.tried_again = {true, false, false};
  EXPECT_THAT(c.submitted(), ElementsAre(0));
  ASSERT_EQ(c.plan().later.size(), 2);
  EXPECT_EQ(c.plan().later[1].reason, "waits for n1, which is submitted by a later pass");
}

TEST(Plan, AChildByAnyGoesOutWithTheLastAttemptOfItsParent) {
  Case c(2, {{0, 1, On::any}});
  c.tried_again = {false, false};
  c.state(0, NodeState::retrying);
  EXPECT_THAT(c.submitted(), ElementsAre(0, 1));
}

TEST(Plan, AChildByAnyGoesOutWhenItsParentHasCompletedAtOnce) {
  Case c(2, {{0, 1, On::any}});
  c.tried_again = {true, false};
  c.state(0, NodeState::completed);
  EXPECT_THAT(c.submitted(), ElementsAre(1));
}

// Scenario 36: a scheduler is never asked to depend on an ended job.
TEST(Plan, AnEndedParentIsNotNamedToTheScheduler) {
  Case c(3, {{0, 2, On::ok}, {1, 2, On::ok}});
  c.state(0, NodeState::completed).state(1, NodeState::running);
  c.attempt(1, "11");
  const auto plan = c.plan();
  ASSERT_EQ(plan.submit.size(), 1U);
  ASSERT_EQ(plan.submit[0].parents.size(), 1U);
  EXPECT_EQ(plan.submit[0].parents[0].node, 1U);
}

// Scenario 38.
TEST(Plan, AFailedParentSkipsAllItsOkDescendantsDeepestFirst) {
  Case c(4, {{0, 1, On::ok}, {1, 2, On::ok}, {2, 3, On::ok}});
  c.state(0, NodeState::failed)
      .state(1, NodeState::held)
      .state(2, NodeState::held)
      .state(3, NodeState::pending);
  EXPECT_THAT(c.skipped(), ElementsAre(3, 2, 1));
  EXPECT_THAT(c.submitted(), IsEmpty());
}

TEST(Plan, ARunningNodeIsNotSkippedWhateverItsParentDid) {
  Case c(2, {{0, 1, On::ok}});
  c.state(0, NodeState::failed).state(1, NodeState::running);
  EXPECT_THAT(c.skipped(), IsEmpty());
}

// Scenario 42: a final node runs on success, failure and skipping.
TEST(Plan, AnAnyEdgeIsMetByEveryKindOfEnd) {
  for (const auto end : {NodeState::completed, NodeState::failed, NodeState::timeout, NodeState::cancelled,
                         NodeState::skipped}) {
    Case c(2, {{0, 1, On::any}});
    c.state(0, end);
    EXPECT_THAT(c.submitted(), ElementsAre(1)) << to_string(end);
    EXPECT_THAT(c.plan().submit[0].parents, IsEmpty());
  }
}

TEST(Plan, ANotokEdgeIsMetByFailureAndBrokenBySuccess) {
  for (const auto end : {NodeState::failed, NodeState::timeout, NodeState::cancelled}) {
    Case c(2, {{0, 1, On::notok}});
    c.state(0, end);
    EXPECT_THAT(c.submitted(), ElementsAre(1)) << to_string(end);
  }
  Case good(2, {{0, 1, On::notok}});
  good.state(0, NodeState::completed);
  EXPECT_THAT(good.skipped(), ElementsAre(1));
}

TEST(Plan, AHandlerOfASkippedNodeRunsIfAFailureSkippedIt) {
  Case c(3, {{0, 1, On::ok}, {1, 2, On::notok}});
  c.state(0, NodeState::failed).state(1, NodeState::skipped);
  EXPECT_THAT(c.submitted(), ElementsAre(2));
}

TEST(Plan, AHandlerOfAnUnneededHandlerDoesNotRun) {
  Case c(3, {{0, 1, On::notok}, {1, 2, On::notok}});
  c.state(0, NodeState::completed);
  EXPECT_THAT(c.skipped(), ElementsAre(2, 1));
}

TEST(Plan, AStartEdgeIsMetOnceTheParentRunsAndBrokenIfItNeverStarted) {
  Case running(2, {{0, 1, On::start}});
  running.state(0, NodeState::running);
  EXPECT_THAT(running.submitted(), ElementsAre(1));
  Case refused(2, {{0, 1, On::start}});
  refused.state(0, NodeState::failed);
  EXPECT_THAT(refused.skipped(), ElementsAre(1));
  Case ran(2, {{0, 1, On::start}});
  ran.state(0, NodeState::failed);
  ran.attempt(0, "1").started = Time{};
  EXPECT_THAT(ran.submitted(), ElementsAre(1));
}

// Scenario 2: what may be at the scheduler is not submitted again before it was looked up.
TEST(Plan, AnIntendedAttemptWithoutAnAnswerIsLeftAlone) {
  Case c(2, {{0, 1, On::ok}});
  c.attempt(0, "").state = AttemptState::intended;
  EXPECT_THAT(c.submitted(), IsEmpty());
}

TEST(Plan, ANodeWhoseParentIsNotAtTheSchedulerWaits) {
  Case c(2, {{0, 1, On::ok}});
  c.state(0, NodeState::unknown);
  c.attempt(0, "").state = AttemptState::intended;
  EXPECT_THAT(c.submitted(), IsEmpty());
}

TEST(Plan, NothingIsSubmittedAfterAStop) {
  const Case c(2, {{0, 1, On::ok}});
  EXPECT_THAT(c.plan(true).submit, IsEmpty());
}

TEST(Plan, ARetriedParentGoesOutAgainAndItsHeldChildrenStay) {
  Case c(2, {{0, 1, On::ok}});
  c.state(0, NodeState::retrying).state(1, NodeState::held);
  c.attempt(0, "1").state = AttemptState::ended;
  c.attempt(1, "2");
  EXPECT_THAT(c.submitted(), ElementsAre(0));
  EXPECT_THAT(c.skipped(), IsEmpty());
}

// Scenario 40.
TEST(Plan, AWideLayeredGraphIsDecidedInOneSweep) {
  constexpr NodeIndex width = 300;
  std::vector<Graph::Link> links;
  for (NodeIndex layer = 0; layer < 3; ++layer) {
    for (NodeIndex a = 0; a < width; ++a) {
      for (NodeIndex b = 0; b < width; ++b)
        links.push_back({layer * width + a, (layer + 1) * width + b, On::ok});
    }
  }
  Case c(4 * width, std::move(links));
  for (NodeIndex i = 0; i < width; ++i) c.state(i, NodeState::failed);
  EXPECT_EQ(c.skipped().size(), 3 * width);
}

}  // namespace
}  // namespace catena
