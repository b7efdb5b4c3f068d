// The engine killed at every point of everything that it does, in every pair of points, against a scheduler
// in memory: each node succeeds once, no attempt has two jobs, no job is without a row, and nothing stays in
// the queue.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/engine.h"
#include "simulated_scheduler.h"
#include "toy_dialect.h"

namespace catena {
namespace {

class SteppedClock : public Clock {
 public:
  Time now() override { return time; }
  void sleep(std::chrono::milliseconds duration) override {
    time += std::chrono::ceil<std::chrono::seconds>(duration);
  }
  Time time{std::chrono::seconds{1'000'000}};
};

class Deaf : public Observer {
 public:
  void event(const RunRow&, std::string_view, const Event&) override {}
  void progress(std::string_view, std::uintmax_t, std::uintmax_t) override {}
  void trouble(std::string_view) override {}
};

// One run, driven by processes that die; the store and the scheduler live on.
class World {
 public:
  using Step = std::function<void(Engine&, Run&, const Place&)>;

  World(KillPoints& points, Family family, const Workflow& workflow)
      : scheduler(points, clock, family), workflow_(workflow), store(points) {
    site.settle = Seconds{20};
    site.submit_batch = 4;
    Diagnostics diagnostics;
    RunRow row;
    row.id = "r1";
    row.directory = "/w/run";
    store.create(row, {}, expand(workflow_, diagnostics));
    EXPECT_TRUE(diagnostics.empty());
  }

  // One process: reads the run, does this, and perhaps dies of it.
  bool process(const Step& step) {
    Diagnostics diagnostics;
    Run run = make_run(store.load("r1"), workflow_, expand(workflow_, diagnostics));
    Engine engine(store, clock, observer_);
    const Place place{site, scheduler, &dialect_,
                      [](const JobWriter&, NodeIndex, const Rendered&) { return std::vector<FileToPut>(); }};
    try {
      step(engine, run, place);
      return true;
    } catch (const Killed&) {
      return false;
    }
  }
  // A process that does a verb is called again until it has ended in peace, as a user would.
  void insist(const Step& step) {
    for (int i = 0; i < 10; ++i) {
      if (process(step)) return;
      pass_time();
    }
    ADD_FAILURE() << "the verb never ended";
  }
  void pass_time() {
    clock.time += std::chrono::seconds{7};
    scheduler.step();
  }
  static void pass(Engine& engine, Run& run, const Place& place) {
    Run* const runs[] = {&run};
    engine.observe(runs, place);
    engine.react(run, place);
  }
  bool ended() const { return terminal(store.record.run.state); }
  // Passes until the run has ended; false: it does not end.
  bool to_its_end() {
    for (int i = 0; i < 200 && !ended(); ++i) {
      process(pass);
      pass_time();
    }
    return ended();
  }
  NodeState state(const std::string& name) const {
    for (NodeIndex i = 0; i < workflow_.nodes.size(); ++i) {
      if (workflow_.nodes[i].name == name) return store.record.nodes[i].state;
    }
    return NodeState::unknown;
  }

  void check(const std::map<std::string, NodeState>& wanted) const {
    std::set<std::string> tokens, known;
    for (const auto& attempt : store.record.attempts) known.insert(attempt.token);
    for (const auto& job : scheduler.jobs) {
      EXPECT_TRUE(tokens.insert(job.token).second) << job.node << ": two jobs have one token";
      EXPECT_TRUE(known.contains(job.token)) << job.node << ": a job without a row";
      EXPECT_FALSE(SimulatedScheduler::live(job)) << job.node << ": left in the queue";
    }
    for (const auto& [node, times] : scheduler.successes)
      EXPECT_EQ(times, 1) << node << " succeeded more than once";
    for (const auto& [node, end] : wanted) {
      EXPECT_EQ(to_string(state(node)), to_string(end)) << node;
      EXPECT_TRUE(end != NodeState::completed || scheduler.successes.contains(node)) << node;
      EXPECT_TRUE(end != NodeState::skipped || !scheduler.runs.contains(node)) << node << " ran";
    }
  }

  SteppedClock clock;
  SimulatedScheduler scheduler;

 private:
  Workflow workflow_;

 public:
  MortalStore store;
  Site site;

 private:
  ToyDialect dialect_;
  Deaf observer_;
};

NodeSpec& add(Workflow& workflow, const std::string& name, std::vector<After> after = {}, int retries = 0) {
  NodeSpec spec;
  spec.name = name;
  spec.body = "true\n";
  spec.after = std::move(after);
  if (retries > 0) {
    spec.retry.emplace();
    spec.retry->max = retries;
  }
  workflow.nodes.push_back(std::move(spec));
  return workflow.nodes.back();
}

// A diamond whose left side fails once, what follows a failure, and what follows it not.
Workflow graph() {
  Workflow workflow;
  workflow.name = "crash";
  workflow.directory = "/w";
  add(workflow, "a");
  add(workflow, "left", {{"a", On::ok, {}}}, 1);
  add(workflow, "right", {{"a", On::ok, {}}});
  add(workflow, "join", {{"left", On::ok, {}}, {"right", On::any, {}}});
  add(workflow, "bad", {{"a", On::ok, {}}});
  add(workflow, "after_bad", {{"bad", On::ok, {}}});
  add(workflow, "if_bad", {{"bad", On::notok, {}}});
  add(workflow, "unless", {{"left", On::notok, {}}});
  return workflow;
}
const std::map<std::string, NodeState> the_end = {
    {"a", NodeState::completed},      {"left", NodeState::completed}, {"right", NodeState::completed},
    {"join", NodeState::completed},   {"bad", NodeState::failed},     {"after_bad", NodeState::skipped},
    {"if_bad", NodeState::completed}, {"unless", NodeState::skipped}};

// `story` drives the world to its end. Killed at each point; and killed there and again at every `step`-th
// point that follows, until the story is over before the last kill is reached.
void at_every_pair_of_points(const std::function<void(World&)>& story,
                             const std::map<std::string, NodeState>& wanted, int step,
                             const Workflow& workflow = graph()) {
  for (const auto family : {Family::slurm, Family::pbs}) {
    for (const bool survives : {false, true}) {
      const bool pairs = survives == (family == Family::slurm);
      const auto killed = [&](const std::vector<int>& at) {
        KillPoints points(at);
        World world(points, family, workflow);
        world.scheduler.fails = {{"left", 1}, {"bad", 9}};
        world.scheduler.program_survives = survives;
        story(world);
        EXPECT_TRUE(world.ended());
        world.check(wanted);
        EXPECT_FALSE(testing::Test::HasFailure())
            << (family == Family::slurm ? "slurm" : "pbs") << ", killed " << points.died() << " (points "
            << testing::PrintToString(at) << ")" << (survives ? ", the submission program lives on" : "");
        return points.all_reached() && !testing::Test::HasFailure();
      };
      int first = 1;
      for (; killed({first}); ++first) {
        int second = 1;
        while (pairs && killed({first, second})) second += step;
      }
      if (testing::Test::HasFailure()) return;
      EXPECT_GT(first, 20) << "there are no points to be killed at";
    }
  }
}

// What a user does, a process each.
void submit(Engine& engine, Run& run, const Place& place) {
  engine.react(run, place);
}
void pause(Engine& engine, Run& run, const Place& place) {
  if (!terminal(run.row.state)) engine.pause(run, place);
}
void resume(Engine& engine, Run& run, const Place&) {
  engine.resume(run);
}
void recover(Engine& engine, Run& run, const Place&) {
  if (run.row.state == RunState::failed)
    engine.reopen(run, std::vector{run.graph.find("bad")}, "tried again by the user");
}
void mark_left(Engine& engine, Run& run, const Place& place) {
  World::pass(engine, run, place);
  const auto left = run.graph.find("left");
  if (run.nodes[left].state == NodeState::held)
    engine.mark(run, place, std::vector{left}, NodeState::completed);
}

TEST(EngineCrash, ARunEndsAsPlannedWhereverItIsKilledAndKilledAgain) {
  at_every_pair_of_points([](World& world) { world.to_its_end(); }, the_end, 1);
}

TEST(EngineCrash, ALimitOnTheUsersJobsIsKeptWhereverItIsKilled) {
  at_every_pair_of_points(
      [](World& world) {
        world.scheduler.most_jobs = 2;
        world.to_its_end();
      },
      the_end, 5);
}

TEST(EngineCrash, APauseHoldsAndAResumeReleasesWhereverTheyAreKilled) {
  at_every_pair_of_points(
      [](World& world) {
        world.insist(submit);
        world.insist(pause);
        world.insist(World::pass);
        for (int i = 0; i < 3; ++i) world.pass_time();
        const auto running = world.scheduler.runs;
        for (int i = 0; i < 5; ++i) {
          world.process(World::pass);
          world.pass_time();
        }
        EXPECT_EQ(world.scheduler.runs, running) << "something started in a paused run";
        world.insist(resume);
        world.to_its_end();
      },
      the_end, 7);
}

TEST(EngineCrash, ARecoveryRunsWhatHasNotCompletedWhereverItIsKilled) {
  auto wanted = the_end;
  wanted["bad"] = wanted["after_bad"] = NodeState::completed;
  at_every_pair_of_points(
      [](World& world) {
        world.to_its_end();
        world.scheduler.fails = {};
        world.insist(recover);
        world.to_its_end();
      },
      wanted, 7);
}

TEST(EngineCrash, ANodeMarkedCompletedLetsItsChildrenRunWhereverItIsKilled) {
  at_every_pair_of_points(
      [](World& world) {
        world.insist(submit);
        world.insist(mark_left);
        world.to_its_end();
        world.scheduler.successes["left"] = 1;  // the user's
      },
      the_end, 7);
}

TEST(EngineCrash, AServiceIsStoppedAndHasCompletedWhereverItIsKilled) {
  Workflow workflow;
  workflow.name = "crash";
  workflow.directory = "/w";
  add(workflow, "db").kind = NodeKind::service;
  add(workflow, "left", {{"db", On::start, {}}}, 1);
  add(workflow, "last", {{"left", On::ok, {}}, {"db", On::start, {}}});
  at_every_pair_of_points(
      [](World& world) {
        world.scheduler.endless = {"db"};
        world.to_its_end();
        EXPECT_EQ(world.scheduler.runs["db"], 1);
        world.scheduler.successes["db"] = 1;  // the scheduler has seen a cancelled job
      },
      {{"db", NodeState::completed}, {"left", NodeState::completed}, {"last", NodeState::completed}}, 3,
      workflow);
}

}  // namespace
}  // namespace catena
