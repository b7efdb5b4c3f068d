// What catena makes of each lie by itself. The numbers are those of the project's list of scenarios that an
// engine like this must survive.
#include <gmock/gmock.h>

#include "liar_run.h"

namespace catena {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class Liar : public testing::Test {
 protected:
  // "a", "b after a": one node each, in the body of which `then` stands.
  std::string yaml(const std::vector<std::string>& nodes, const std::string& then = ":",
                   const std::string& keys = "") const {
    std::string text = "name: w\nnodes:\n";
    for (const auto& node : nodes) {
      const auto name = node.substr(0, node.find(' '));
      text += "  " + name + ":\n" + keys;
      if (node != name) text += "    after: [" + node.substr(node.rfind(' ') + 1) + "]\n";
      text += "    run: |\n" + LiarRun::body(run_->log(), then);
    }
    return text;
  }
  LiarRun& begin(const SlurmLiar::Settings& settings = {}, const std::string& site = "") {
    run_ = std::make_unique<LiarRun>(settings, site);
    return *run_;
  }
  Said submit(const std::vector<std::string>& nodes, const std::string& then = ":",
              const std::string& keys = "") {
    return run_->box.run("w", yaml(nodes, then, keys), "--id r");
  }
  Said sync() { return run_->box.catena("sync r"); }
  std::string state(const std::string& node) const { return run_->box.state(node, "r --offline"); }
  std::string status() const { return run_->box.catena("status r --offline").out; }
  std::string reason(const std::string& node) const {
    const auto all = run_->box.status("r", "--offline");
    for (const auto& each : all.at("nodes").as_array()) {
      if (each.at("name").as_string() == node) return std::string(each.at("reason").as_string());
    }
    return "no such node";
  }
  // "pending -> queued", … of a node.
  std::vector<std::string> changes(NodeIndex node) const {
    SqliteStore store(run_->box.dir / "home/catena.db", OpenMode::read_only);
    std::vector<std::string> list;
    for (const auto& event : store.events("r", 0, node)) {
      if (event.kind == "state") list.push_back(event.from + " -> " + event.to);
    }
    return list;
  }
  bool ended_there(const std::string& node) const {
    return run_->box.until([&] {
      const auto jobs = run_->liar.jobs(node);
      return !jobs.empty() && jobs.back().state != "PENDING" && jobs.back().state != "RUNNING";
    });
  }
  // The body of each ran to its end, once, in one job a token.
  void expect_once(const std::vector<std::string>& nodes) const {
    for (const auto& node : nodes) {
      EXPECT_EQ(state(node), "completed") << status();
      EXPECT_EQ(run_->count("ok", node), 1) << node;
    }
    std::vector<std::string> tokens;
    for (const auto& job : run_->liar.jobs()) tokens.push_back(job.token);
    std::ranges::sort(tokens);
    EXPECT_EQ(std::ranges::adjacent_find(tokens), tokens.end());
    EXPECT_TRUE(run_->idle());
  }

  std::unique_ptr<LiarRun> run_;
};

class LostReply : public Liar, public testing::WithParamInterface<Lie> {};

TEST_F(Liar, Scenario15AnSbatchThatOutlivesItsTimeoutAndStillQueuesLeavesNoSecondJob) {
  begin().liar.next("sbatch", {Lie::none, Lie::late});
  EXPECT_NE(submit({"a", "b after a"}).status, 0);
  EXPECT_EQ(state("b"), "unknown");
  EXPECT_EQ(run_->count("start", "a"), 0) << "nothing is released before the whole chain is recorded";
  ASSERT_TRUE(run_->ends()) << status();
  expect_once({"a", "b"});
  EXPECT_THAT(run_->liar.jobs("b"), SizeIs(1));
}

TEST_P(LostReply, Scenario16AnAnswerWithoutAnIdIsLookedUpByItsToken) {
  begin().liar.next("sbatch", {GetParam()});
  EXPECT_NE(submit({"a", "b after a"}).status, 0);
  ASSERT_TRUE(run_->ends()) << status();
  expect_once({"a", "b"});
  EXPECT_THAT(run_->liar.jobs("a"), SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(Answers, LostReply,
                         testing::Values(Lie::hung, Lie::garbage, Lie::silence, Lie::failed_garbage,
                                         Lie::failed_silence));

TEST_F(Liar, Scenario17TheIdsOfTheRestAreKeptWhereAPartOfABatchIsRefused) {
  begin().liar.next("sbatch", {Lie::none, Lie::refused_with_id, Lie::none});
  const auto said = submit({"a", "b", "c", "d after b"});
  EXPECT_THAT(said.err, HasSubstr("Invalid account or account/partition combination specified"));
  ASSERT_TRUE(run_->ends()) << status();
  EXPECT_EQ(state("b"), "failed");
  EXPECT_EQ(state("d"), "skipped");
  EXPECT_EQ(run_->count("start", "d"), 0);
  expect_once({"a", "c"});
}

TEST_F(Liar, Scenario19AJobIsSeenRunningBeforeItsSubmissionIsKnown) {
  begin().liar.next("sbatch", {Lie::silence});
  submit({"a"}, "sleep 2");
  ASSERT_TRUE(run_->box.until([&] { return run_->count("start", "a") == 1; }));
  sync();
  EXPECT_EQ(state("a"), "running");
  ASSERT_TRUE(run_->ends()) << status();
  EXPECT_THAT(changes(0), ElementsAre("pending -> unknown", "unknown -> running", "running -> completed"));
  expect_once({"a"});
}

TEST_F(Liar, Scenario21APermanentRefusalIsNotRetried) {
  begin().liar.always("sbatch", Lie::refused);
  submit({"a"}, ":", "    retry: 3\n");
  sync();
  sync();
  EXPECT_EQ(state("a"), "failed");
  EXPECT_THAT(run_->liar.refused(), SizeIs(1));
}

class Outage : public Liar, public testing::WithParamInterface<std::pair<Lie, std::vector<std::string>>> {};

TEST_P(Outage, Scenario24NoStateChangesWhileNobodyAnswers) {
  begin();
  const auto& [lie, commands] = GetParam();
  const auto go = (run_->box.dir / "go").string();
  ASSERT_EQ(
      submit({"a", "b after a"}, "for i in $(seq 300); do [ -e '" + go + "' ] && break; sleep 0.1; done")
          .status,
      0);
  ASSERT_TRUE(run_->box.until([&] { return sync().status == 0 && state("a") == "running"; }));
  for (const auto& command : commands) run_->liar.always(command, lie);
  const bool queue_answers = commands.front() != "squeue";
  EXPECT_EQ(sync().status, queue_answers ? 0 : 7);
  EXPECT_EQ(state("a"), "running");
  EXPECT_EQ(state("b"), "held");
  run_->box.write("go", "");
  run_->liar.tell_the_truth();
  ASSERT_TRUE(run_->ends()) << status();
  expect_once({"a", "b"});
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Outage,
    testing::Values(std::pair{Lie::absent, std::vector<std::string>{"squeue", "sacct", "scancel"}},
                    std::pair{Lie::hung_undone, std::vector<std::string>{"squeue"}},
                    std::pair{Lie::overdue, std::vector<std::string>{"squeue", "sacct"}},
                    std::pair{Lie::unauthorized, std::vector<std::string>{"squeue", "sacct"}},
                    std::pair{Lie::failed_garbage, std::vector<std::string>{"squeue", "sacct"}},
                    std::pair{Lie::failed_silence, std::vector<std::string>{"squeue", "sacct"}},
                    std::pair{Lie::database_down, std::vector<std::string>{"sacct"}}));

TEST_F(Liar, Scenario25AJobThatStartsAndEndsBetweenTwoReads) {
  begin();
  submit({"a"});
  ASSERT_TRUE(ended_there("a"));
  EXPECT_TRUE(run_->passed());
  EXPECT_THAT(changes(0), ElementsAre("pending -> queued", "queued -> completed"));
}

TEST_F(Liar, Scenario26EmptyAccountingJustAfterTheSubmissionSaysNothing) {
  begin({.accounting_lag = milliseconds(60'000), .slots = 0}).liar.always("squeue", Lie::silence);
  submit({"a"});
  sync();
  EXPECT_EQ(state("a"), "queued");
  run_->liar.tell_the_truth();
  run_->liar.change({.accounting_lag = milliseconds(60'000)});
  ASSERT_TRUE(run_->ends()) << status();
  expect_once({"a"});
}

TEST_F(Liar, Scenario27AJobPurgedFromTheQueueBeforeItWasSeenIsToldByItsRecord) {
  begin({.accounting_lag = milliseconds(60'000), .min_job_age = milliseconds(0)});
  submit({"a", "b"}, "[ $CATENA_NODE = a ] || exit 3");
  ASSERT_TRUE(ended_there("a") && ended_there("b"));
  EXPECT_TRUE(run_->passed());
  expect_once({"a"});
  EXPECT_EQ(state("b"), "failed");
  EXPECT_EQ(reason("b"), "exit 3");
}

TEST_F(Liar, Scenario27AJobPurgedWithoutARecordWaitsForAccounting) {
  begin({.accounting_lag = milliseconds(60'000), .min_job_age = milliseconds(0)})
      .liar.next_fate(Fate::node_fail);
  submit({"a"});
  ASSERT_TRUE(ended_there("a"));
  sync();
  EXPECT_THAT((std::vector<std::string>{"queued", "running"}), Contains(state("a")));
  run_->liar.change({});
  ASSERT_TRUE(run_->ends()) << status();
  EXPECT_EQ(state("a"), "failed");
  EXPECT_EQ(reason("a"), "its compute node failed");
}

struct Ending {
  Fate fate;
  const char* state;
  const char* reason;
};

class Endings : public Liar, public testing::WithParamInterface<Ending> {};

TEST_P(Endings, Scenario29EachNativeEndHasItsOwnMeaning) {
  begin().liar.next_fate(GetParam().fate);
  submit({"a", "b after a"});
  ASSERT_TRUE(run_->ends()) << status();
  EXPECT_EQ(state("a"), GetParam().state);
  EXPECT_EQ(reason("a"), GetParam().reason);
  EXPECT_EQ(state("b"), GetParam().fate == Fate::requeued ? "completed" : state("b"));
  EXPECT_TRUE(run_->idle());
}

TEST_P(Endings, Scenario29AnEndThatARetryIsForIsTriedAgain) {
  begin().liar.next_fate(GetParam().fate);
  submit({"a", "b after a"}, ":", "    retry: 1\n");
  ASSERT_TRUE(run_->ends()) << status();
  expect_once({"a", "b"});
}

INSTANTIATE_TEST_SUITE_P(All, Endings,
                         testing::Values(Ending{Fate::timeout, "timeout", "ran into its time limit"},
                                         Ending{Fate::out_of_memory, "failed", "out of memory"},
                                         Ending{Fate::node_fail, "failed", "its compute node failed"},
                                         Ending{Fate::preempted, "failed", "preempted by the scheduler"},
                                         Ending{Fate::requeued, "completed", ""},
                                         Ending{Fate::requeued_with_a_word, "completed", ""}));

// The job's record says that a signal ended it, and accounting, which would say why, does not exist.
TEST_F(Liar, Scenario29ATimeLimitWithoutAccountingIsToldByTheRecord) {
  begin({.min_job_age = milliseconds(0)}, "accounting = no\n").liar.next_fate(Fate::timeout);
  submit({"a"});
  ASSERT_TRUE(ended_there("a"));
  sync();
  sync();
  ASSERT_TRUE(run_->ends(20)) << status();
  EXPECT_EQ(state("a"), "failed");
  EXPECT_THAT(reason("a"), HasSubstr("signal 15"));
}

TEST_F(Liar, Scenario33AStaleAttemptsSuccessIsNotTaken) {
  begin();
  submit({"a"}, "[ $CATENA_ATTEMPT -gt 1 ] || exit 3; sleep 2; exit 4", "    retry: 1\n");
  ASSERT_TRUE(run_->box.until(
      [&] { return sync().status == 0 && state("a") == "running" && run_->liar.jobs().size() == 2; }));
  SqliteStore store(run_->box.dir / "home/catena.db", OpenMode::read_only);
  const auto token = run_->liar.jobs().front().token;
  std::ofstream(store.load("r").run.directory + "/.catena/spool/" + token + ".exit")
      << R"({"v":1,"kind":"exit","token":")" << token << R"(","job":"100","host":"h","exit":0,"reason":""})"
      << "\n";
  sync();
  EXPECT_EQ(state("a"), "running");
  ASSERT_TRUE(run_->ends()) << status();
  EXPECT_EQ(state("a"), "failed");
  EXPECT_EQ(reason("a"), "exit 4");
}

struct EndedParent {
  const char* then;  // the parent's body
  bool cancelled, purged;
  const char* child;
};

class EndedParents : public Liar, public testing::WithParamInterface<std::tuple<EndedParent, bool>> {};

// Somebody else released the parent while its child could not be submitted.
TEST_P(EndedParents, Scenario36AChildIsSubmittedByItsEdgeWhenItsParentHasLongEnded) {
  const auto& [parent, refuses] = GetParam();
  begin({.refuses_unknown_parents = refuses,
         .min_job_age = parent.purged ? milliseconds(0) : milliseconds(std::chrono::minutes(5)),
         .slots = parent.cancelled ? 0 : 8});
  run_->liar.next("sbatch", {Lie::none, Lie::absent});
  EXPECT_NE(submit({"a", "b after a"}, parent.then).status, 0);
  const auto a = run_->liar.jobs("a").at(0).id;
  shell_output(run_->liar.environment() + (parent.cancelled ? " scancel " : " scontrol release ") + a);
  ASSERT_TRUE(ended_there("a"));
  ASSERT_TRUE(run_->ends()) << status();
  EXPECT_EQ(state("b"), parent.child) << status();
  for (const auto& call : run_->liar.calls())
    EXPECT_THAT(call, testing::Not(HasSubstr("--dependency=afterok:" + a + " ")));
  EXPECT_EQ(run_->count("ok", "b"), state("b") == "completed" ? 1 : 0);
  EXPECT_TRUE(run_->idle());
}

INSTANTIATE_TEST_SUITE_P(All, EndedParents,
                         testing::Combine(testing::Values(EndedParent{":", false, false, "completed"},
                                                          EndedParent{":", false, true, "completed"},
                                                          EndedParent{"exit 3", false, false, "skipped"},
                                                          EndedParent{"exit 3", false, true, "skipped"},
                                                          EndedParent{":", true, false, "skipped"}),
                                          testing::Bool()));

TEST_F(Liar, Scenario38AFailedParentsDescendantsEndAndNoneIsLeftQueued) {
  begin().liar.next("scancel", {Lie::failed_silence, Lie::absent, Lie::overdue});
  submit({"a", "b after a", "c after b"}, "exit 3");
  ASSERT_TRUE(run_->ends()) << status();
  EXPECT_EQ(state("b"), "skipped");
  EXPECT_EQ(state("c"), "skipped");
  EXPECT_TRUE(run_->idle());
  EXPECT_EQ(run_->count("start", "b") + run_->count("start", "c"), 0);
}

TEST_F(Liar, ARootIsReleasedInTheEndWhateverItsReleaseAnswers) {
  begin().liar.next("scontrol", {Lie::failed_garbage, Lie::absent, Lie::hung, Lie::failed_silence});
  submit({"a", "b after a"});
  ASSERT_TRUE(run_->ends()) << status();
  expect_once({"a", "b"});
}

// A controller that was killed has forgotten its latest jobs, and gives their ids out again.
TEST_F(Liar, AnIdThatIsHandedOutAgainIsNotTakenForOurs) {
  begin({.slots = 0});
  submit({"a"});
  run_->liar.crash();
  const auto mine = run_->liar.jobs("a").at(0).id;
  run_->liar.change({});
  ASSERT_EQ(run_->box.run("v", "name: v\nnodes:\n  other:\n    run: 'true'\n", "--id other").status, 0);
  ASSERT_EQ(run_->liar.jobs("other").at(0).id, mine);
  ASSERT_TRUE(ended_there("other"));
  ASSERT_TRUE(run_->box.until([&] { return sync().status == 0 && state("a") == "unknown"; }, 10)) << status();
  EXPECT_EQ(run_->box.state("other", "other"), "completed");
}

}  // namespace
}  // namespace catena
