#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/local/scheduler.h"

namespace catena::local {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Machine {
 public:
  explicit Machine(int cpus = 4, Bytes memory = 1000) : scheduler(Limits{.cpus = cpus, .memory = memory}) {}

  static std::string id(JobIndex index) { return "local." + std::to_string(index + 1); }
  JobIndex add_bare(int cpus = 1, Bytes memory = 0) { return add({}, cpus, memory, "body"); }
  JobIndex add(std::vector<std::pair<On, JobIndex>> parents = {}, int cpus = 1, Bytes memory = 0,
               const std::string& body = "") {
    QueueLine line;
    line.body = body;
    line.id = id(count_);
    line.token = "t" + std::to_string(count_);
    line.cpus = cpus;
    line.memory = memory;
    for (const auto& [on, parent] : parents) line.parents.emplace_back(on, id(parent));
    scheduler.add(line);
    return count_++;
  }
  JournalLine line(JobIndex index, JournalLine::What what) const {
    JournalLine made;
    made.what = what;
    made.id = id(index);
    return made;
  }
  // Starts what can be started.
  std::vector<JobIndex> go() {
    scheduler.settle();
    const auto chosen = scheduler.start_next(instant);
    for (const auto index : chosen) scheduler.started(line(index, JournalLine::What::start));
    scheduler.settle();
    return chosen;
  }
  void end(JobIndex index, Outcome outcome = Outcome::completed) {
    auto made = line(index, JournalLine::What::end);
    made.outcome = outcome;
    scheduler.end(made);
  }
  void control(Action action, JobIndex index, Parents parents = {}) {
    scheduler.apply({action, id(index), std::move(parents)});
  }
  const LocalJob& job(JobIndex index) const { return scheduler.jobs()[index]; }
  bool has_ended(JobIndex index, Outcome outcome) const {
    return job(index).phase == LocalJob::Phase::ended && job(index).outcome == outcome;
  }

  Scheduler scheduler;
  Scheduler::Instant instant{};

 private:
  JobIndex count_ = 0;
};

// Every edge against every end of its parent: started, or skipped and how.
TEST(SchedulerEdges, MeanWhatTheWorkflowSays) {
  enum Fate { starts, skipped, unneeded };
  struct Case {
    On on;
    Outcome parent;
    Fate fate;
  };
  const Case cases[] = {
      {On::ok, Outcome::completed, starts},      {On::ok, Outcome::failed, skipped},
      {On::ok, Outcome::timeout, skipped},       {On::ok, Outcome::cancelled, skipped},
      {On::any, Outcome::completed, starts},     {On::any, Outcome::failed, starts},
      {On::any, Outcome::timeout, starts},       {On::any, Outcome::cancelled, starts},
      {On::notok, Outcome::completed, unneeded}, {On::notok, Outcome::failed, starts},
      {On::notok, Outcome::timeout, starts},     {On::notok, Outcome::cancelled, starts},
  };
  for (const auto& [on, outcome, fate] : cases) {
    Machine machine;
    const auto parent = machine.add();
    const auto child = machine.add({{on, parent}});
    EXPECT_THAT(machine.go(), ElementsAre(parent));
    machine.end(parent, outcome);
    const auto started = machine.go();
    const auto label = ::testing::Message() << to_string(on) << " of " << to_string(outcome);
    EXPECT_EQ(started.size(), fate == starts ? 1U : 0U) << label;
    EXPECT_EQ(machine.has_ended(child, Outcome::skipped_by_failure), fate == skipped) << label;
    EXPECT_EQ(machine.has_ended(child, Outcome::skipped_unneeded), fate == unneeded) << label;
  }
}

TEST(SchedulerEdges, OfASkippedParentDependOnWhyItWasSkipped) {
  for (const bool failed : {true, false}) {
    Machine machine(10);
    const auto root = machine.add();
    const auto middle = machine.add({{failed ? On::ok : On::notok, root}});
    const auto ok = machine.add({{On::ok, middle}});
    const auto notok = machine.add({{On::notok, middle}});
    const auto any = machine.add({{On::any, middle}});
    const auto start = machine.add({{On::start, middle}});
    machine.go();
    machine.end(root, failed ? Outcome::failed : Outcome::completed);
    const auto started = machine.go();
    const auto skipped = failed ? Outcome::skipped_by_failure : Outcome::skipped_unneeded;
    EXPECT_TRUE(machine.has_ended(middle, skipped));
    EXPECT_TRUE(machine.has_ended(ok, skipped));
    EXPECT_TRUE(machine.has_ended(start, skipped));
    if (failed) {
      EXPECT_THAT(started, ElementsAre(notok, any));
    } else {
      EXPECT_THAT(started, ElementsAre(any));
      EXPECT_TRUE(machine.has_ended(notok, skipped));
    }
  }
}

TEST(SchedulerEdges, StartIsMetByTheStartAndNotCountedAgainAtTheEnd) {
  Machine machine;
  const auto parent = machine.add();
  const auto other = machine.add();
  const auto child = machine.add({{On::start, parent}, {On::ok, other}});
  EXPECT_THAT(machine.go(), ElementsAre(parent, other));
  machine.end(parent);
  EXPECT_THAT(machine.go(), IsEmpty());
  machine.end(other);
  EXPECT_THAT(machine.go(), ElementsAre(child));
}

TEST(SchedulerEdges, ALongChainIsSkippedWithoutRecursion) {
  Machine machine;
  const JobIndex length = 300'000;
  machine.add();
  for (JobIndex i = 1; i < length; ++i) machine.add({{On::ok, i - 1}});
  machine.go();
  machine.end(0, Outcome::failed);
  EXPECT_EQ(machine.scheduler.settle().size(), length - 1);
  EXPECT_EQ(machine.scheduler.unfinished(), 0U);
}

TEST(SchedulerSlots, AreNeverOverdrawnAndCpusAndMemoryBothCount) {
  Machine machine(4, 1000);
  machine.add({}, 2, 600);
  machine.add({}, 1, 600);  // no memory for it
  machine.add({}, 3, 10);   // no CPUs for it
  machine.add({}, 2, 10);
  EXPECT_THAT(machine.go(), ElementsAre(0, 3));
  machine.end(3);
  EXPECT_THAT(machine.go(), IsEmpty());
  machine.end(0);
  EXPECT_THAT(machine.go(), ElementsAre(1, 2));
}

TEST(SchedulerSlots, ALargeJobIsNotPassedForEver) {
  Machine machine(2);
  machine.add();
  machine.go();
  const auto large = machine.add({}, 2);
  int passed = 0;
  JobIndex running = 0;
  for (;; ++passed) {
    const auto small = machine.add();
    if (machine.go().empty()) break;
    machine.end(small);
    ASSERT_LT(passed, 1000);
  }
  EXPECT_EQ(passed, 100);
  machine.end(running);
  EXPECT_THAT(machine.go(), ElementsAre(large));
}

TEST(SchedulerSlots, NorForLongerThanAMinute) {
  Machine machine(2);
  machine.add();
  machine.go();
  machine.add({}, 2);
  machine.go();
  machine.instant += seconds{61};
  machine.add();
  EXPECT_THAT(machine.go(), IsEmpty());
}

TEST(SchedulerSlots, AJobLargerThanTheMachineHasBecomeRunsAlone) {
  Machine machine(2);
  const auto large = machine.add({}, 8);
  machine.add();
  EXPECT_THAT(machine.go(), ElementsAre(large));
  machine.end(large);
  EXPECT_THAT(machine.go(), ElementsAre(1));
}

TEST(SchedulerHold, AHeldJobStartsOnlyWhenReleasedAndIsSkippedAllTheSame) {
  Machine machine;
  machine.add();
  machine.add({{On::ok, 0}});
  machine.control(Action::hold, 0);
  machine.control(Action::hold, 1);
  EXPECT_THAT(machine.go(), IsEmpty());
  EXPECT_TRUE(machine.scheduler.idle());
  machine.control(Action::release, 0);
  EXPECT_THAT(machine.go(), ElementsAre(0));
  machine.end(0, Outcome::failed);
  machine.go();
  EXPECT_TRUE(machine.has_ended(1, Outcome::skipped_by_failure));
}

TEST(SchedulerRepoint, OldEdgesCountNoMoreAndNewOnesDo) {
  Machine machine;
  machine.add();
  machine.add();
  const auto child = machine.add({{On::ok, 0}});
  machine.go();
  machine.control(Action::repoint, child, {{On::ok, "local.2"}});
  machine.end(0, Outcome::failed);
  machine.go();
  EXPECT_EQ(machine.job(child).phase, LocalJob::Phase::waiting);
  machine.end(1);
  EXPECT_THAT(machine.go(), ElementsAre(child));
}

TEST(SchedulerRepoint, ToNothingSetsFreeAndToAnUnknownJobSkips) {
  Machine machine;
  machine.add();
  machine.add({{On::ok, 0}});
  machine.add({{On::ok, 0}});
  machine.go();
  machine.control(Action::repoint, 1);
  machine.control(Action::repoint, 2, {{On::ok, "local.99"}});
  EXPECT_THAT(machine.go(), ElementsAre(1));
  EXPECT_TRUE(machine.has_ended(2, Outcome::skipped_by_failure));
}

// --- a job that is sent ahead

TEST(SchedulerAhead, AJobHasNoSlotsBeforeItHasStarted) {
  Machine machine(1);
  for (int i = 0; i < 4; ++i) machine.add_bare();
  EXPECT_THAT(machine.go(), ElementsAre(0));
  EXPECT_EQ(machine.scheduler.next_after(0), 1U);
  EXPECT_EQ(machine.job(1).phase, LocalJob::Phase::starting);
  machine.end(0);
  machine.scheduler.started(machine.line(1, JournalLine::What::start));
  EXPECT_THAT(machine.go(), IsEmpty()) << "it has the slot now";
  EXPECT_EQ(machine.scheduler.next_after(1), 2U);
  machine.scheduler.put_back(machine.line(2, JournalLine::What::back));
  EXPECT_THAT(machine.go(), IsEmpty()) << "it gave back a slot that it never had";
  machine.end(1);
  EXPECT_THAT(machine.go(), ElementsAre(2));
  EXPECT_EQ(machine.scheduler.next_after(2), 3U);
  machine.end(3, Outcome::cancelled);
  machine.end(2);
  EXPECT_TRUE(machine.scheduler.idle());
  EXPECT_EQ(machine.scheduler.unfinished(), 0U);
}

TEST(SchedulerAhead, OnlyTheFirstAndIfItNeedsNoMoreThanTheOneBefore) {
  Machine machine(2, 100);
  const auto running = machine.add_bare(1, 50), other = machine.add_bare(1, 50);
  EXPECT_EQ(machine.scheduler.next_after(running), std::nullopt) << "nothing is ready";
  const auto wide = machine.add_bare(2, 0);
  machine.add_bare();
  EXPECT_THAT(machine.go(), ElementsAre(running, other));
  EXPECT_EQ(machine.scheduler.next_after(running), std::nullopt) << "of CPUs";
  machine.end(wide, Outcome::cancelled);
  EXPECT_EQ(machine.scheduler.next_after(running), 3U);
  machine.add_bare(1, 51);
  machine.scheduler.settle();
  EXPECT_EQ(machine.scheduler.next_after(running), std::nullopt) << "of memory";
}

TEST(SchedulerAhead, NoScriptAndNothingWhoseStartIsWaitedFor) {
  Machine machine(1);
  const auto running = machine.add_bare();
  const auto script = machine.add();
  EXPECT_THAT(machine.go(), ElementsAre(running));
  EXPECT_EQ(machine.scheduler.next_after(running), std::nullopt);
  machine.end(script, Outcome::cancelled);
  const auto parent = machine.add_bare();
  machine.add({{On::start, parent}});
  machine.scheduler.settle();
  EXPECT_EQ(machine.scheduler.next_after(running), std::nullopt);
}

TEST(SchedulerReplay, ControlIsKnownBeforeOldEndsAreJudged) {
  // The parent has failed, and the child had been pointed elsewhere before: it must not be skipped by the old
  // edge.
  Machine machine;
  machine.add();
  machine.add();
  const auto child = machine.add({{On::ok, 0}});
  machine.control(Action::repoint, child, {{On::ok, "local.2"}});
  auto failed = machine.line(0, JournalLine::What::end);
  failed.outcome = Outcome::failed;
  machine.scheduler.replay(machine.line(0, JournalLine::What::start));
  machine.scheduler.replay(failed);
  machine.scheduler.replay(machine.line(1, JournalLine::What::starting));
  machine.scheduler.replay(machine.line(1, JournalLine::What::start));
  machine.scheduler.take_over();
  EXPECT_THAT(machine.scheduler.settle(), IsEmpty());
  EXPECT_EQ(machine.scheduler.unfinished(), 2U);
  machine.end(1);
  EXPECT_THAT(machine.go(), ElementsAre(child));
}

TEST(SchedulerReplay, WhatRanKeepsItsSlots) {
  Machine machine(1);
  machine.add();
  machine.add();
  machine.scheduler.replay(machine.line(0, JournalLine::What::starting));
  machine.scheduler.take_over();
  EXPECT_THAT(machine.go(), IsEmpty());
  machine.scheduler.put_back(machine.line(0, JournalLine::What::back));
  EXPECT_THAT(machine.go(), ElementsAre(0));
}

TEST(SchedulerBegin, AJobWaitsForItsTime) {
  Machine machine;
  QueueLine line;
  line.id = "local.1";
  line.token = "t";
  line.begin = Time{seconds{100}};
  machine.scheduler.wake(Time{seconds{99}});
  machine.scheduler.add(line);
  EXPECT_THAT(machine.go(), IsEmpty());
  EXPECT_FALSE(machine.scheduler.idle());
  machine.scheduler.wake(Time{seconds{100}});
  EXPECT_THAT(machine.go(), ElementsAre(0));
}

}  // namespace
}  // namespace catena::local
