// The engine's passes against a scheduler and a store that do as the test says.
#include <gmock/gmock.h>

#include <algorithm>

#include "core/engine.h"
#include "core/error.h"
#include "memory_store.h"
#include "toy_dialect.h"

namespace catena {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ManualClock : public Clock {
 public:
  Time now() override { return time; }
  void sleep(std::chrono::milliseconds duration) override {
    time += std::chrono::ceil<std::chrono::seconds>(duration);
  }
  Time time{std::chrono::seconds{1'000'000}};
};

class Watcher : public Observer {
 public:
  void event(const RunRow&, std::string_view, const Event&) override {}
  void progress(std::string_view, std::uintmax_t, std::uintmax_t) override {}
  void trouble(std::string_view text) override { troubles.emplace_back(text); }
  std::vector<std::string> troubles;
};

class NoTransport : public Transport {
 public:
  std::vector<FilesToGet> wanted;
  bool broken = false;
  std::string where() const override { return "nowhere"; }
  CommandResult stream(const Command&, const ByteSource&, const ByteSink&) override { return {}; }
  void put(std::span<const FileToPut>, const std::string&, const Progress&) override {}
  FilesGot get(std::span<const FilesToGet> sets, const Progress&) override {
    if (broken) throw Error(ErrorKind::transport, "the connection broke");
    wanted.assign(sets.begin(), sets.end());
    return {{{0, "pw.out", 2048, true}}, {}};
  }
  void make_directories(std::span<const std::string>) override {}
  std::optional<FileInfo> stat(const std::string&) override { return std::nullopt; }
  void read(const std::string&, std::uintmax_t, const std::function<void(std::string_view)>&) override {}
};

// A scheduler in memory: it answers submissions as told and shows what the test puts into `reports`.
class FakeBackend : public Backend {
 public:
  void prepare(const std::string&, std::span<const std::string>, std::span<const FileToPut> files,
               const Progress&) override {
    staged.assign(files.begin(), files.end());
  }
  void submit(const Submission& submission, const AnswerSink& sink) override {
    if (before_submit) before_submit();
    std::vector<bool> accepted(submission.jobs.size());
    for (std::size_t i = 0; i < submission.jobs.size(); ++i) {
      const auto& job = submission.jobs[i];
      const auto node = job.name.substr(0, job.name.rfind('.'));
      Answer answer;
      answer.job = i;
      answer.kind = answers.contains(node) ? answers[node] : Answer::Kind::accepted;
      for (const auto& dependency : job.dependencies) {
        if (dependency.in_submission && !accepted[*dependency.in_submission])
          answer.kind = Answer::Kind::skipped;
      }
      answer.text = answer.kind == Answer::Kind::accepted ? said_of_accepted : "the scheduler's words";
      if (answer.kind == Answer::Kind::accepted) {
        answer.native_id = std::to_string(++last_id);
        accepted[i] = true;
        jobs.push_back(job);
      }
      sink(answer);
      if (answer.kind == Answer::Kind::unsure || answer.kind == Answer::Kind::unavailable) return;
    }
  }
  Observation observe(std::span<const JobRef> asked) override {
    asked_for.assign(asked.begin(), asked.end());
    Observation observation;
    observation.queue_seen = reachable;
    observation.accounting_seen = reachable && accounting_answers;
    if (!reachable) observation.trouble.push_back("the controller does not answer");
    if (reachable) observation.reports = reports;
    if (!reachable) observation.reports = reports_anyway;
    observation.spooled = spooled;
    observation.said = said;
    return observation;
  }
  std::optional<std::size_t> queued() override { return queued_now; }
  std::vector<std::string> control(Action action, std::span<const ControlTarget> targets) override {
    if (before_control) before_control();
    for (const auto& target : targets) {
      for (auto& report : reports) {
        if (action == Action::hold && report.native_id == target.native_id &&
            report.state == JobState::queued)
          report.state = JobState::held;
      }
      std::string parents;
      for (const auto& [on, id] : target.parents) parents += " " + std::string(to_string(on)) + ":" + id;
      controls.push_back((action == Action::release  ? "release "
                          : action == Action::cancel ? "cancel "
                          : action == Action::hold   ? "hold "
                                                     : "repoint ") +
                         target.native_id + parents);
    }
    return complaints;
  }
  void put_away(const std::vector<std::string>& files) override { away = files; }

  std::vector<FileToPut> staged;  // by the last prepare()
  NoTransport& transport() override { return transport_; }

  std::map<std::string, Answer::Kind> answers;
  std::vector<Report> reports, reports_anyway;  // the latter: records, which need no scheduler
  std::vector<Job> jobs;
  std::vector<JobRef> asked_for;
  std::vector<std::string> spooled, away;
  std::vector<SaidRecord> said;
  std::vector<std::string> controls, complaints;  // what it was told, and what it says to that
  std::string said_of_accepted;
  std::function<void()> before_submit, before_control;
  bool reachable = true, accounting_answers = true;
  std::optional<std::size_t> queued_now = 0;
  int last_id = 100;

 private:
  NoTransport transport_;
};

class EngineTest : public testing::Test {
 protected:
  EngineTest() : engine_(store_, clock_, watcher_) { site_.submit_batch = 3; }

  NodeSpec& node(const std::string& name, std::vector<After> after = {}) {
    NodeSpec spec;
    spec.name = name;
    spec.body = "true\n";
    spec.after = std::move(after);
    workflow_.nodes.push_back(std::move(spec));
    return workflow_.nodes.back();
  }
  void begin() {
    workflow_.name = "demo";
    workflow_.directory = "/w";
    Diagnostics diagnostics;
    RunRow row;
    row.id = "r1";
    row.directory = "/w/run";
    store_.create(row, {}, expand(workflow_, diagnostics));
    ASSERT_TRUE(diagnostics.empty());
    reload();
  }
  void reload() {
    Diagnostics diagnostics;
    run_ =
        std::make_unique<catena::Run>(make_run(store_.load("r1"), workflow_, expand(workflow_, diagnostics)));
  }
  Place place() {
    return {site_,
            backend_,
            &dialect_,
            [](const JobWriter&, NodeIndex, const Rendered&) { return std::vector<FileToPut>(); },
            outputs_to_.empty()
                ? decltype(Place::outputs_to)()
                : [this](const RunRow&, const std::string& name) { return outputs_to_ / name; },
            {},
            extend_};
  }
  Submitted react() { return engine_.react(*run_, place()); }
  bool observe() {
    catena::Run* const runs[] = {run_.get()};
    return engine_.observe(runs, place());
  }
  // The word of a source about a node's current job.
  Report& say(const std::string& name, JobState state, Evidence source = Evidence::queue) {
    const auto& attempt = *run_->attempts[run_->graph.find(name)];
    std::erase_if(backend_.reports, [&](const Report& r) { return r.token == attempt.token; });
    Report report;
    report.token = attempt.token;
    report.native_id = attempt.native_id;
    report.state = state;
    report.source = source;
    if (state != JobState::held && state != JobState::queued) report.started = clock_.time;
    backend_.reports.push_back(report);
    return backend_.reports.back();
  }
  void pass() {
    observe();
    react();
  }
  NodeState state(const std::string& name) const { return store_.record.nodes[run_->graph.find(name)].state; }
  std::string reason(const std::string& name) const {
    return store_.record.nodes[run_->graph.find(name)].reason;
  }

  std::filesystem::path outputs_to_;
  decltype(Place::extend) extend_;
  Workflow workflow_;
  Site site_;
  MemoryStore store_;
  ManualClock clock_;
  Watcher watcher_;
  FakeBackend backend_;
  ToyDialect dialect_;
  Engine engine_;
  std::unique_ptr<catena::Run> run_;
};

TEST_F(EngineTest, RootsAreReleasedOnlyWhenTheWholeChainIsRecorded) {
  for (const auto* name : {"a", "b", "c", "d"}) node(name);
  workflow_.nodes[3].after = {{"a", On::ok, {}}, {"b", On::any, {}}};
  begin();
  backend_.before_submit = [&] { EXPECT_THAT(backend_.controls, IsEmpty()); };
  EXPECT_EQ(react().accepted, 4U);
  EXPECT_THAT(backend_.controls, ElementsAre("release 101", "release 102"));
  EXPECT_EQ(state("a"), NodeState::queued);
  EXPECT_FALSE(backend_.jobs[2].held) << "nothing waits for c";
  EXPECT_EQ(state("c"), NodeState::queued);
  EXPECT_EQ(state("d"), NodeState::held);
  EXPECT_TRUE(backend_.jobs[0].held);
  EXPECT_FALSE(backend_.jobs[3].held);
}

TEST_F(EngineTest, WhyAJobWaitsIsRecordedAsSoonAsItsBackendSaysIt) {
  node("a");
  begin();
  backend_.said_of_accepted = "waiting for its turn";
  react();
  EXPECT_EQ(run_->nodes[0].reason, "waiting for its turn");
}

// Scenario 1 and 2: the intent is in the store before the scheduler is called.
TEST_F(EngineTest, TheIntentIsRecordedBeforeTheSubmission) {
  node("a");
  begin();
  backend_.before_submit = [&] {
    ASSERT_EQ(store_.record.attempts.size(), 1U);
    EXPECT_EQ(store_.record.attempts[0].state, AttemptState::intended);
    EXPECT_EQ(store_.record.attempts[0].token.size(), 10U);
  };
  react();
  EXPECT_EQ(store_.record.attempts[0].native_id, "101");
}

// Scenario 2.
TEST_F(EngineTest, KilledBetweenTheSubmissionAndItsIdTheJobIsAdoptedByItsToken) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  backend_.before_submit = [] { throw Error(ErrorKind::internal, "killed"); };
  EXPECT_THROW(react(), Error);
  backend_.before_submit = nullptr;
  reload();
  EXPECT_EQ(react().accepted, 0U) << "nothing is submitted while it is not known whether it was";
  auto& report = say("a", JobState::held);
  report.native_id = "77";
  pass();
  EXPECT_EQ(store_.record.attempts[0].native_id, "77");
  EXPECT_THAT(backend_.controls, testing::Contains("release 77"));
}

// Scenario 1.
TEST_F(EngineTest, KilledBeforeTheSubmissionTheNodeIsSubmittedOnceAfterTheSchedulerDeniedIt) {
  node("a");
  begin();
  backend_.before_submit = [] { throw Error(ErrorKind::internal, "killed"); };
  EXPECT_THROW(react(), Error);
  backend_.before_submit = nullptr;
  reload();
  pass();
  EXPECT_EQ(state("a"), NodeState::unknown);
  EXPECT_THAT(backend_.jobs, IsEmpty());
  clock_.time += site_.settle;
  pass();
  EXPECT_EQ(backend_.jobs.size(), 1U);
  EXPECT_EQ(store_.record.nodes[0].attempts, 2);
  EXPECT_EQ(state("a"), NodeState::queued);
}

TEST_F(EngineTest, AnUnreachableSchedulerSettlesNothingHoweverLong) {
  node("a");
  begin();
  backend_.before_submit = [] { throw Error(ErrorKind::internal, "killed"); };
  EXPECT_THROW(react(), Error);
  backend_.before_submit = nullptr;
  reload();
  backend_.reachable = false;
  clock_.time += std::chrono::hours{24};
  EXPECT_FALSE(observe());
  react();
  EXPECT_THAT(backend_.jobs, IsEmpty());
}

// Scenario 15: an sbatch that hung may have ended long after the intent was recorded.
TEST_F(EngineTest, TheWaitForALostReplyBeginsWithTheFirstLookAndTheSearchWithTheIntent) {
  node("a");
  begin();
  backend_.before_submit = [] { throw Error(ErrorKind::internal, "killed"); };
  EXPECT_THROW(react(), Error);
  backend_.before_submit = nullptr;
  reload();
  const auto intended = run_->attempts[0]->intended;
  clock_.time += 3 * site_.settle;
  pass();
  clock_.time += site_.settle / 2;
  pass();
  EXPECT_EQ(backend_.asked_for.at(0).submitted, intended);
  EXPECT_EQ(state("a"), NodeState::unknown);
  EXPECT_THAT(backend_.jobs, IsEmpty());
  clock_.time += site_.settle / 2;
  pass();
  EXPECT_EQ(backend_.jobs.size(), 1U);
}

TEST_F(EngineTest, AReleaseThatFailedIsMadeAgain) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  backend_.complaints = {"the command ended with status 1"};
  react();
  EXPECT_EQ(state("a"), NodeState::held);
  backend_.complaints.clear();
  say("a", JobState::held);
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("release 101", "release 101"));
  EXPECT_EQ(state("a"), NodeState::queued);
}

TEST_F(EngineTest, AReleaseThatWorkedInSpiteOfItsAnswerIsNotMadeAgain) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  backend_.complaints = {"the command ended with status 1"};
  react();
  say("a", JobState::running);
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("release 101"));
  EXPECT_EQ(state("a"), NodeState::running);
}

TEST_F(EngineTest, ADescendantIsSkippedOnlyWhenItWasTakenOutOfTheQueue) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  say("a", JobState::failed, Evidence::record);
  say("b", JobState::held);
  backend_.complaints = {"the command ended with status 1"};
  pass();
  EXPECT_EQ(state("b"), NodeState::held);
  backend_.complaints.clear();
  pass();
  EXPECT_EQ(state("b"), NodeState::skipped);
  EXPECT_EQ(std::ranges::count(backend_.controls, "cancel 102"), 2);
}

TEST_F(EngineTest, ACancelThatFailedIsMadeAgain) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  say("a", JobState::running);
  observe();
  backend_.complaints = {"the command ended with status 1"};
  engine_.cancel(*run_, place(), {});
  EXPECT_EQ(state("b"), NodeState::held);
  backend_.complaints.clear();
  react();
  EXPECT_EQ(state("b"), NodeState::cancelled);
  EXPECT_EQ(std::ranges::count(backend_.controls, "cancel 101"), 2);
}

// Scenario 15 and 17.
TEST_F(EngineTest, AnUnsureAnswerKeepsTheRootsHeldAndIsLookedUp) {
  node("a");
  node("b");
  node("c", {{"b", On::ok, {}}});
  begin();
  backend_.answers["b"] = Answer::Kind::unsure;
  const auto submitted = react();
  EXPECT_EQ(submitted.unsure, 1U);
  EXPECT_THAT(backend_.controls, IsEmpty()) << "nothing is released";
  EXPECT_EQ(state("b"), NodeState::unknown);
  EXPECT_EQ(state("c"), NodeState::pending);
  backend_.answers.clear();
  say("a", JobState::held);
  say("b", JobState::held).native_id = "500";
  pass();
  ASSERT_EQ(backend_.jobs.size(), 2U);
  EXPECT_EQ(backend_.jobs[1].dependencies[0].native_id, "500");
  EXPECT_THAT(backend_.controls, ElementsAre("release 500"));
}

TEST_F(EngineTest, ASchedulerThatGoesAwayInTheMiddleIsGoneOnWithLater) {
  for (const auto* name : {"a", "b", "c", "d", "e"}) node(name);
  begin();
  backend_.answers["b"] = Answer::Kind::unavailable;
  const auto submitted = react();
  EXPECT_EQ(submitted.accepted, 1U);
  EXPECT_EQ(submitted.not_tried, 4U);
  EXPECT_THAT(backend_.controls, IsEmpty());
  backend_.answers.clear();
  say("a", JobState::held);
  pass();
  EXPECT_EQ(backend_.jobs.size(), 5U);
  EXPECT_EQ(std::ranges::count_if(backend_.jobs, [](const Job& j) { return j.name.starts_with("a."); }), 1);
}

// Scenario 21.
TEST_F(EngineTest, ARefusedNodeFailsAndItsDescendantsAreSkippedAndTheRestGoesOn) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  node("c");
  begin();
  backend_.answers["a"] = Answer::Kind::refused;
  const auto submitted = react();
  EXPECT_EQ(submitted.refusal, "the scheduler's words");
  EXPECT_EQ(state("a"), NodeState::failed);
  EXPECT_EQ(state("b"), NodeState::skipped);
  EXPECT_EQ(state("c"), NodeState::queued);
  backend_.answers.clear();
  pass();
  EXPECT_EQ(backend_.jobs.size(), 1U);
}

TEST_F(EngineTest, AChainIsFollowedToItsEnd) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  say("a", JobState::running).host = "node1";
  say("b", JobState::held).dependency = "afterok:101";
  pass();
  EXPECT_EQ(state("a"), NodeState::running);
  auto& end = say("a", JobState::completed, Evidence::record);
  end.results = {{"energy", Value::of("-15.8", Value::Kind::number)}};
  pass();
  EXPECT_EQ(state("a"), NodeState::completed);
  ASSERT_EQ(store_.all_results.size(), 1U);
  EXPECT_EQ(store_.all_results[0].name, "energy");
  say("b", JobState::completed, Evidence::record);
  pass();
  EXPECT_EQ(store_.record.run.state, RunState::completed);
}

// Scenario 38: SLURM leaves the children of a failed parent queued for ever.
TEST_F(EngineTest, DescendantsOfAFailedNodeAreTakenOutOfTheQueueDeepestFirst) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  node("c", {{"b", On::ok, {}}});
  begin();
  react();
  backend_.controls.clear();
  auto& end = say("a", JobState::failed, Evidence::record);
  end.exit_code = 3;
  say("b", JobState::held).reason = "DependencyNeverSatisfied";
  say("c", JobState::held).reason = "Dependency";
  pass();
  EXPECT_EQ(reason("a"), "exit 3");
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 103", "cancel 102"));
  EXPECT_EQ(state("b"), NodeState::skipped);
  EXPECT_EQ(state("c"), NodeState::skipped);
  EXPECT_EQ(reason("b"), "a failed");
  EXPECT_EQ(store_.record.run.state, RunState::failed);
  EXPECT_THAT(store_.record.run.reason, HasSubstr("a: exit 3"));
}

// SLURM 22.05 drops a dependency on a job it does not know, and the child would run at once.
TEST_F(EngineTest, AChildWhoseDependencyWasDroppedIsCancelledAndSubmittedAgain) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  // The read-back shows b without a dependency while a is still held by us.
  const auto token_b = make_token("/w/run", "b", 1);
  Report dropped;
  dropped.token = token_b;
  dropped.native_id = "102";
  dropped.state = JobState::queued;
  backend_.reports = {dropped};
  react();
  EXPECT_THAT(backend_.controls, testing::Contains("cancel 102"));
  EXPECT_EQ(state("b"), NodeState::pending);
  backend_.reports.clear();
  say("a", JobState::queued);
  pass();
  EXPECT_EQ(backend_.jobs.back().name.substr(0, 2), "b.");
  EXPECT_EQ(backend_.jobs.back().dependencies[0].native_id, "101");
}

TEST_F(EngineTest, Scenario28AnEndedNodeNeverComesBack) {
  node("a");
  node("b");
  begin();
  react();
  say("a", JobState::completed, Evidence::record);
  pass();
  const auto token = run_->attempts[0]->token;
  for (auto& report : backend_.reports) {
    if (report.token == token) report.state = JobState::running;
  }
  pass();
  EXPECT_EQ(state("a"), NodeState::completed);
}

TEST_F(EngineTest, ARecycledIdUnderAnotherNameIsNotOurs) {
  node("a");
  begin();
  react();
  auto& report = say("a", JobState::completed, Evidence::accounting);
  report.native_id = "999";  // the token, but not the job we know
  pass();
  EXPECT_EQ(state("a"), NodeState::queued);
  EXPECT_EQ(watcher_.troubles.size(), 1U);
}

TEST_F(EngineTest, AJobThatNobodyKnowsIsUnknownAndNotEnded) {
  node("a");
  begin();
  react();
  backend_.reports.clear();
  pass();
  EXPECT_EQ(state("a"), NodeState::queued) << "accounting may lag";
  clock_.time += site_.settle;
  pass();
  EXPECT_EQ(state("a"), NodeState::unknown);
  say("a", JobState::completed, Evidence::record);
  pass();
  EXPECT_EQ(state("a"), NodeState::completed);
}

// SLURM forgets an array's element that is cancelled while it waits; that nobody was asked is no such end.
TEST_F(EngineTest, AnElementThatIsGoneIsCancelledOnlyWhenQueueAndAccountingAnsweredWithoutIt) {
  Axis axis{"i", {Value::of("1", Value::Kind::number), Value::of("2", Value::Kind::number)}};
  node("a").foreach = Foreach{{axis}, false};
  begin();
  react();
  ASSERT_TRUE(in_array(run_->attempts[0]->token));
  say("a.2", JobState::queued);
  clock_.sleep(std::chrono::hours(1));
  backend_.accounting_answers = false;
  pass();
  EXPECT_EQ(state("a.1"), NodeState::unknown);
  backend_.reachable = false;
  pass();
  EXPECT_EQ(state("a.1"), NodeState::unknown);
  backend_.reachable = backend_.accounting_answers = true;
  pass();
  EXPECT_EQ(state("a.1"), NodeState::cancelled);
  EXPECT_EQ(state("a.2"), NodeState::queued);
  EXPECT_EQ(backend_.controls, std::vector<std::string>{"cancel 101"}) << "before its end is recorded";
}

TEST_F(EngineTest, AFailedNodeIsTriedAgainAndItsChildrenArePointedAtTheNewJob) {
  node("a").retry = Retry{1, Seconds{30}, 2, Seconds{600}, {}};
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  backend_.controls.clear();
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  say("b", JobState::held).dependency = "afterok:101(failed)";
  pass();
  ASSERT_EQ(backend_.jobs.size(), 3U);
  EXPECT_EQ(backend_.jobs[2].resources.begin, "+30");
  EXPECT_NE(backend_.jobs[2].token, backend_.jobs[0].token);
  EXPECT_THAT(backend_.controls, ElementsAre("repoint 102 ok:103", "release 103"));
  EXPECT_EQ(state("b"), NodeState::held);
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  pass();
  EXPECT_EQ(state("a"), NodeState::failed);
  EXPECT_EQ(state("b"), NodeState::skipped);
}

TEST_F(EngineTest, AChildIsNotPointedAtTheEndedAttemptOfAParentThatIsStillToBeSubmittedAgain) {
  for (const auto* name : {"a", "b"}) node(name).retry = Retry{1, Seconds{0}, 2, Seconds{600}, {}};
  node("c", {{"a", On::ok, {}}, {"b", On::ok, {}}});
  begin();
  react();
  for (const auto* name : {"a", "b"}) say(name, JobState::failed, Evidence::accounting);
  say("c", JobState::held);
  observe();
  backend_.controls.clear();
  backend_.answers["b"] = Answer::Kind::unavailable;
  react();
  EXPECT_EQ(state("b"), NodeState::retrying);
  EXPECT_THAT(backend_.controls, IsEmpty()) << "b's new job is not there yet";
  backend_.answers.clear();
  clock_.sleep(std::chrono::minutes(10));
  react();
  EXPECT_THAT(backend_.controls, ElementsAre("repoint 103 ok:104 ok:105", "release 104", "release 105"));
}

TEST_F(EngineTest, AnAttemptThatWasNeverQueuedIsNoRetry) {
  node("a").retry = Retry{1, Seconds{0}, 2, Seconds{600}, {}};
  begin();
  backend_.answers["a"] = Answer::Kind::unavailable;
  for (int outage = 0; outage < 5; ++outage) react();
  backend_.answers.clear();
  react();
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  pass();
  EXPECT_EQ(state("a"), NodeState::queued) << "the first failure: its one retry is due";
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  pass();
  EXPECT_EQ(state("a"), NodeState::failed);
}

TEST_F(EngineTest, ARetryOnlyForTheNamedReasons) {
  node("a").retry = Retry{3, Seconds{0}, 2, Seconds{600}, {"timeout"}};
  begin();
  react();
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  pass();
  EXPECT_EQ(state("a"), NodeState::failed);
}

TEST_F(EngineTest, OnFailureStopCancelsTheRestOfTheRun) {
  node("a").on_failure = OnFailure::stop;
  node("b");
  begin();
  react();
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  say("b", JobState::queued);
  pass();
  EXPECT_EQ(state("b"), NodeState::cancelled);
  EXPECT_EQ(store_.record.run.state, RunState::failed);
}

// Scenario 43.
TEST_F(EngineTest, CancelTakesOutWhatWaitsAndLeavesWhatRunsToTheScheduler) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  say("a", JobState::running);
  say("b", JobState::held).dependency = "afterok:101";
  pass();
  backend_.controls.clear();
  engine_.cancel(*run_, place(), {});
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 102", "cancel 101"));
  EXPECT_EQ(state("b"), NodeState::cancelled);
  EXPECT_EQ(state("a"), NodeState::running);
  say("a", JobState::cancelled, Evidence::accounting).native = "CANCELLED by 0";
  pass();
  EXPECT_EQ(state("a"), NodeState::cancelled);
  EXPECT_EQ(store_.record.run.state, RunState::cancelled);
  engine_.cancel(*run_, place(), {});
}

// A job whose reply was lost may be in the queue: it is found first, and then taken out.
TEST_F(EngineTest, CancelDoesNotForgetAJobWhoseReplyWasLost) {
  node("a");
  begin();
  backend_.before_submit = [] { throw Error(ErrorKind::internal, "killed"); };
  EXPECT_THROW(react(), Error);
  backend_.before_submit = nullptr;
  reload();
  engine_.cancel(*run_, place(), {});
  EXPECT_FALSE(terminal(state("a")));
  say("a", JobState::queued).native_id = "77";
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 77"));
  EXPECT_EQ(state("a"), NodeState::cancelled);
  EXPECT_THAT(backend_.jobs, IsEmpty());
}

TEST_F(EngineTest, ACancelThatWasKilledHalfwayIsFinishedByTheNextPass) {
  node("a");
  begin();
  react();
  say("a", JobState::running);
  pass();
  store_.record.run.stop_requested = true;
  reload();
  pass();
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 101")) << "once";
}

TEST_F(EngineTest, ACancelledJobsOwnRecordIsEnoughWhereThereIsNoAccounting) {
  node("a");
  begin();
  react();
  say("a", JobState::running);
  pass();
  engine_.cancel(*run_, place(), {});
  auto& end = say("a", JobState::failed, Evidence::record);
  end.exit_code = 143;
  end.signal = 15;
  end.ended = clock_.time;
  pass();
  EXPECT_EQ(state("a"), NodeState::cancelled);
}

// Scenario 37.
TEST_F(EngineTest, AMiddleJobCancelledByHandAtTheSchedulerEndsTheChainByItsEdges) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  node("c", {{"b", On::ok, {}}});
  node("d", {{"b", On::any, {}}});
  begin();
  react();
  say("a", JobState::running);
  auto& taken_out = say("b", JobState::cancelled, Evidence::accounting);
  taken_out.started.reset();
  taken_out.native = "CANCELLED by 1003";
  say("c", JobState::held).dependency = "afterok:102";
  say("d", JobState::queued);
  pass();
  EXPECT_EQ(state("b"), NodeState::cancelled);
  EXPECT_EQ(state("c"), NodeState::skipped);
  EXPECT_EQ(state("d"), NodeState::queued);
}

// PBS takes out all descendants of a failed job, while catena tries the job again.
TEST_F(EngineTest, GrandchildrenTakenOutWithAFailedParentComeBackToo) {
  node("a").retry = Retry{1, Seconds{0}, 2, Seconds{600}, {}};
  node("b", {{"a", On::ok, {}}});
  node("c", {{"b", On::ok, {}}});
  begin();
  react();
  say("a", JobState::failed, Evidence::accounting);
  say("b", JobState::cancelled, Evidence::accounting).started.reset();
  say("c", JobState::cancelled, Evidence::accounting).started.reset();
  pass();
  EXPECT_EQ(state("c"), NodeState::held);
  EXPECT_EQ(store_.record.nodes[2].attempts, 2);
}

// PBS removes what depends on a job that it takes out while that one waits, in whatever way it depends on it.
TEST_F(EngineTest, ADependentThatTheSchedulerRemovedWithItsParentRunsWhereItsEdgeIsMet) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  node("c", {{"b", On::any, {}}});
  begin();
  react();
  say("a", JobState::failed, Evidence::accounting);
  for (const auto* name : {"b", "c"}) {
    auto& report = say(name, JobState::cancelled, Evidence::accounting);
    report.started.reset();
    report.removed = true;
  }
  pass();
  EXPECT_EQ(state("b"), NodeState::skipped);
  EXPECT_EQ(state("c"), NodeState::queued);
  EXPECT_TRUE(backend_.jobs.back().dependencies.empty());
}

// A history that is switched off: the listing shows what lives, and nothing else tells.
class NoAccounting : public EngineTest {
 protected:
  void gone(const std::string& name) {
    const auto token = run_->attempts[run_->graph.find(name)]->token;
    std::erase_if(backend_.reports, [&](const Report& report) { return report.token == token; });
  }
  // b waits for a, which runs for long.
  void begin_pair() {
    node("a").retry = Retry{2, Seconds{0}, 2, Seconds{600}, {}};
    node("b", {{"a", On::ok, {}}});
    begin();
    react();
    say("a", JobState::running);
    say("b", JobState::held).dependency = "101";
    pass();
    clock_.time += 2 * site_.settle;
  }
};

TEST_F(NoAccounting, ADependentThatIsGoneCannotHaveRunWhereItsEdgeIsBroken) {
  node("a");
  node("b", {{"a", On::notok, {}}});
  begin();
  react();
  clock_.time += 2 * site_.settle;
  say("a", JobState::completed, Evidence::record).exit_code = 0;
  pass();
  EXPECT_EQ(state("b"), NodeState::skipped);
  EXPECT_EQ(store_.record.run.state, RunState::completed);
}

TEST_F(NoAccounting, ADependentThatIsGoneWithAFailedTryIsSubmittedAgain) {
  begin_pair();
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  gone("b");
  pass();
  EXPECT_EQ(state("a"), NodeState::queued);
  EXPECT_EQ(state("b"), NodeState::held);
  EXPECT_EQ(store_.record.nodes[1].attempts, 2);
}

// The record comes before the scheduler has heard of the end: b is there at this pass, and gone when it is to
// be pointed at the second try.
TEST_F(NoAccounting, ADependentThatIsMissingWhenItIsRepointedIsSubmittedAgain) {
  begin_pair();
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  backend_.before_submit = [&] { gone("b"); };
  pass();
  EXPECT_EQ(state("b"), NodeState::pending);
  pass();
  EXPECT_EQ(state("b"), NodeState::held);
  EXPECT_EQ(store_.record.nodes[1].attempts, 2);
}

// It may have run after the failure, and its record may be late.
// A listing that left it out was the proof; the job was still in the queue, for ever.
TEST_F(NoAccounting, ADependentThatIsNotListedIsTakenOutBeforeItIsSkipped) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  gone("b");
  clock_.time += 2 * site_.settle;
  backend_.complaints = {"scancel: error: not now"};
  pass();
  EXPECT_EQ(state("b"), NodeState::unknown) << "it may still be there";
  backend_.complaints.clear();
  pass();
  EXPECT_EQ(state("b"), NodeState::skipped);
  EXPECT_THAT(backend_.controls, testing::Contains("cancel 102"));
}

TEST_F(NoAccounting, ADependentThatMayHaveRunIsNotSubmittedTwice) {
  node("a").retry = Retry{1, Seconds{0}, 2, Seconds{600}, {}};
  node("b", {{"a", On::any, {}}});
  begin();
  react();
  ASSERT_EQ(state("b"), NodeState::pending) << "the scheduler would start it at the first failure";
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  pass();
  ASSERT_EQ(state("b"), NodeState::held) << "it goes out with the last attempt";
  say("a", JobState::failed, Evidence::record).exit_code = 1;
  gone("b");
  pass();
  clock_.time += 2 * site_.settle;
  pass();
  EXPECT_EQ(state("b"), NodeState::unknown);
  EXPECT_EQ(store_.record.nodes[1].attempts, 1);
}

// SLURM 24.11 refuses a dependency on a job that it has purged, between the decision and the submission.
TEST_F(NoAccounting, AParentThatIsGoneAtTheSubmissionIsNoReasonToFail) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  backend_.answers["b"] = Answer::Kind::unavailable;
  react();
  say("a", JobState::running);
  backend_.answers["b"] = Answer::Kind::parent_gone;
  pass();
  EXPECT_EQ(state("b"), NodeState::pending);
  EXPECT_EQ(react().later, 1U);
  say("a", JobState::completed, Evidence::record);
  backend_.answers.clear();
  pass();
  EXPECT_EQ(state("b"), NodeState::queued);
  EXPECT_THAT(backend_.jobs.back().dependencies, testing::IsEmpty());
}

TEST_F(NoAccounting, AJobThatWasResubmittedAfterItsParentsEndIsNotTakenForRemoved) {
  node("a");
  node("b", {{"a", On::any, {}}});
  begin();
  react();
  say("a", JobState::cancelled, Evidence::accounting).started.reset();
  auto& removed = say("b", JobState::cancelled, Evidence::accounting);
  removed.started.reset();
  removed.removed = true;
  pass();
  EXPECT_EQ(store_.record.nodes[1].attempts, 2);
  clock_.time += 2 * site_.settle;
  pass();
  EXPECT_EQ(state("b"), NodeState::unknown);
  EXPECT_EQ(store_.record.nodes[1].attempts, 2);
}

TEST_F(NoAccounting, ACancelledJobThatIsGoneIsCancelled) {
  node("a");
  begin();
  react();
  say("a", JobState::running);
  pass();
  gone("a");
  clock_.time += 2 * site_.settle;
  pass();
  EXPECT_EQ(state("a"), NodeState::unknown);
  engine_.cancel(*run_, place(), {});
  pass();
  EXPECT_EQ(state("a"), NodeState::cancelled);
  EXPECT_EQ(store_.record.run.state, RunState::cancelled);
}

// PBS keeps dependents for ever whose parent was deleted before it had started.
TEST_F(EngineTest, AChildThatTheSchedulerStrandsIsTakenOutAndSubmittedAgain) {
  node("a");
  node("b", {{"a", On::any, {}}});
  begin();
  react();
  say("a", JobState::cancelled, Evidence::accounting).started.reset();
  say("b", JobState::held).dependency = "afterany:101";
  pass();
  EXPECT_EQ(state("a"), NodeState::cancelled);
  EXPECT_EQ(state("b"), NodeState::held) << "the scheduler may not have come to it yet";
  clock_.time += site_.settle;
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("release 101", "hold 102", "cancel 102"));
  EXPECT_EQ(state("b"), NodeState::held) << "it may not be gone yet";
  EXPECT_EQ(backend_.jobs.size(), 2U);
  say("b", JobState::cancelled, Evidence::accounting).started.reset();
  pass();
  EXPECT_EQ(state("b"), NodeState::queued);
  EXPECT_EQ(store_.record.attempts.back().native_id, "103");
  EXPECT_TRUE(backend_.jobs.back().dependencies.empty());
}

// `b` still waits for `a`, which has long ended.
class Stranded : public EngineTest {
 protected:
  void let_b_wait_too_long() {
    node("a");
    node("b", {{"a", On::any, {}}});
    begin();
    react();
    say("a", JobState::completed, Evidence::record);
    say("b", JobState::held).dependency = "afterany:101";
    pass();
    clock_.time += site_.settle;
  }
};

// Seen on a busy SLURM: its scheduler started the child half a second before it was cancelled, and its body
// had succeeded when that reached it.
TEST_F(Stranded, AChildThatStartsAfterAllWhileItIsTakenForStrandedIsLeftAlone) {
  let_b_wait_too_long();
  backend_.before_control = [&] { say("b", JobState::running); };
  pass();
  backend_.before_control = nullptr;
  EXPECT_THAT(backend_.controls, ElementsAre("release 101", "hold 102"));
  pass();
  EXPECT_EQ(state("b"), NodeState::running);
  EXPECT_EQ(run_->attempts[1]->reason, "");
  // What somebody cancels now is not submitted again.
  say("b", JobState::cancelled, Evidence::accounting);
  pass();
  EXPECT_EQ(state("b"), NodeState::cancelled);
  EXPECT_EQ(backend_.jobs.size(), 2U);
}

TEST_F(Stranded, ItsOwnRecordSaysThatItHasStartedWhereTheQueueStillShowsItHeld) {
  let_b_wait_too_long();
  backend_.before_control = [&] {
    auto record = backend_.reports.back();
    record.source = Evidence::record;
    record.state = JobState::running;
    record.started = clock_.time;
    backend_.reports.push_back(record);
  };
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("release 101", "hold 102"));
}

TEST_F(Stranded, AStrandedChildWithOurHoldIsFreedByTheNextPassThoughItsDependencyIsMet) {
  let_b_wait_too_long();
  int calls = 0;
  backend_.before_control = [&] {
    if (++calls == 2) throw Error(ErrorKind::internal, "killed");  // after the hold
  };
  EXPECT_THROW(pass(), Error);
  backend_.before_control = nullptr;
  reload();
  say("b", JobState::held).dependency.clear();
  pass();
  say("b", JobState::cancelled, Evidence::accounting).started.reset();
  pass();
  EXPECT_EQ(state("b"), NodeState::queued);
  EXPECT_EQ(backend_.jobs.size(), 3U);
}

TEST_F(EngineTest, AChildOfAStartIsNotTakenForStrandedWhenItsParentHasJustStarted) {
  node("a");
  node("b", {{"a", On::start, {}}});
  begin();
  react();
  say("a", JobState::running);
  say("b", JobState::held).dependency = "after:101";
  pass();
  EXPECT_THAT(backend_.controls, testing::Not(testing::Contains("cancel 102")));
  EXPECT_EQ(state("b"), NodeState::held);
}

TEST_F(EngineTest, ARunHasEndedOnlyWhenItsOutputsAreHere) {
  node("a").outputs = {"pw.out"};
  outputs_to_ = "/here";
  begin();
  react();
  say("a", JobState::completed, Evidence::record).exit_code = 0;
  backend_.transport().broken = true;
  pass();
  EXPECT_EQ(state("a"), NodeState::completed);
  EXPECT_EQ(store_.record.run.state, RunState::running);
  EXPECT_THAT(watcher_.troubles.back(), HasSubstr("the connection broke"));
  backend_.transport().broken = false;
  pass();
  EXPECT_EQ(store_.record.run.state, RunState::completed);
  ASSERT_EQ(backend_.transport().wanted.size(), 1U);
  EXPECT_EQ(backend_.transport().wanted[0].directory, "/w/run/a");
  EXPECT_EQ(backend_.transport().wanted[0].target, "/here/a");
  EXPECT_EQ(store_.all_events.back().kind, "run");
  EXPECT_EQ(store_.all_events[store_.all_events.size() - 2].text, "1 file, 2K to /here/a");
}

TEST_F(EngineTest, ARecordWhoseJobAccountingHasStillToExplainStaysInTheSpool) {
  node("a");
  begin();
  react();
  auto& report = say("a", JobState::failed, Evidence::record);
  report.signal = 15;
  report.ended = clock_.time;
  const auto file = "/w/run/.catena/spool/" + report.token;
  backend_.spooled = {file + ".start", file + ".exit"};
  observe();
  EXPECT_THAT(backend_.away, ElementsAre(file + ".start"));
  clock_.time += site_.settle;
  auto& records = backend_.reports;
  backend_.reachable = false;
  backend_.reports_anyway = records;
  observe();
  EXPECT_EQ(state("a"), NodeState::queued) << "whether it was queued again is not known";
  backend_.reachable = true;
  observe();
  EXPECT_THAT(backend_.away, ElementsAre(file + ".start", file + ".exit"));
  EXPECT_EQ(state("a"), NodeState::failed);
}

TEST_F(EngineTest, ATimeOutIsItsOwnState) {
  node("a");
  begin();
  react();
  say("a", JobState::timeout, Evidence::accounting).native = "TIMEOUT";
  pass();
  EXPECT_EQ(state("a"), NodeState::timeout);
  EXPECT_EQ(reason("a"), "ran into its time limit");
}

TEST_F(EngineTest, ManyChangesOfOnePassAreOneTransaction) {
  for (int i = 0; i < 50; ++i) node("n" + std::to_string(i));
  site_.submit_batch = 100;
  begin();
  react();
  for (int i = 0; i < 50; ++i) say("n" + std::to_string(i), JobState::running);
  const auto before = store_.transactions;
  observe();
  EXPECT_EQ(store_.transactions - before, 1);
}

TEST_F(EngineTest, APausedRunHoldsWhatWaitsAndSubmitsNothing) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  say("a", JobState::running);
  observe();
  backend_.controls.clear();
  engine_.pause(*run_, place());
  EXPECT_THAT(backend_.controls, ElementsAre("hold 102"));
  EXPECT_EQ(store_.record.run.state, RunState::paused);
  say("a", JobState::failed, Evidence::accounting).exit_code = 1;
  say("b", JobState::held);
  run_->workflow.nodes[0].retry.emplace();
  run_->workflow.nodes[0].retry->max = 1;
  const auto submitted = backend_.jobs.size();
  pass();
  EXPECT_EQ(state("a"), NodeState::retrying);
  EXPECT_EQ(backend_.jobs.size(), submitted) << "a retry waits for the resume";
  engine_.resume(*run_);
  backend_.controls.clear();
  react();
  EXPECT_THAT(backend_.controls, testing::Contains("release 102"));
  EXPECT_EQ(state("b"), NodeState::held) << "its parent has not ended";
  EXPECT_EQ(backend_.jobs.size(), submitted + 1);
}

// The scheduler shows the dependency of a held job as open, whatever has become of the parent, until its next
// round after the release: a job that is about to start would be taken for one that waits for ever.
TEST_F(EngineTest, AReleasedJobDoesNotWaitForWhatHasEndedInThePause) {
  node("a");
  node("b");
  node("c", {{"a", On::notok, {}}, {"b", On::ok, {}}});
  begin();
  react();
  say("a", JobState::running);
  say("b", JobState::running);
  observe();
  engine_.pause(*run_, place());
  clock_.time += Seconds{5};
  auto& ended = say("a", JobState::failed, Evidence::accounting);
  ended.exit_code = 1;
  ended.ended = clock_.time;
  say("c", JobState::held);
  pass();
  clock_.time += Seconds{600};
  engine_.resume(*run_);
  backend_.controls.clear();
  react();
  EXPECT_THAT(backend_.controls, ElementsAre("repoint 103 ok:102", "release 103"));
}

TEST_F(EngineTest, APauseThatWasKilledHalfwayIsFinishedByTheNextPass) {
  node("a");
  begin();
  react();
  store_.record.run.state = RunState::paused;
  reload();
  backend_.controls.clear();
  react();
  EXPECT_THAT(backend_.controls, ElementsAre("hold 101"));
}

TEST_F(EngineTest, ARefusalForTheUsersLimitIsLearntAndTheRestWaitsForRoom) {
  for (const auto* name : {"a", "b", "c"}) node(name);
  begin();
  backend_.answers = {{"c", Answer::Kind::limited}};
  backend_.queued_now = 2;
  const auto submitted = react();
  EXPECT_EQ(submitted.accepted, 2U);
  EXPECT_EQ(submitted.waiting, 1U);
  EXPECT_EQ(submitted.refused, 0U);
  EXPECT_THAT(reason("c"), HasSubstr("waits for room"));
  EXPECT_EQ(store_.record.run.most_jobs, 2U);
  react();
  EXPECT_EQ(backend_.jobs.size(), 2U) << "the queue is as full as before";
  backend_.answers = {};
  backend_.queued_now = 1;
  reload();
  EXPECT_EQ(react().accepted, 1U);
  EXPECT_EQ(state("c"), NodeState::queued);
}

TEST_F(EngineTest, ALimitThatAnEmptyQueueDoesNotMeetIsARefusal) {
  node("a");
  begin();
  backend_.answers = {{"a", Answer::Kind::limited}};
  backend_.queued_now = 0;
  EXPECT_EQ(react().refused, 1U);
  EXPECT_EQ(state("a"), NodeState::failed);
}

TEST_F(EngineTest, TheSitesLimitCountsOtherJobsOfTheUser) {
  for (const auto* name : {"a", "b", "c"}) node(name);
  site_.max_jobs = 5;
  begin();
  backend_.queued_now = 4;
  EXPECT_EQ(react().accepted, 1U);
  backend_.queued_now = std::nullopt;
  EXPECT_EQ(react().accepted, 0U) << "a queue that cannot be asked has no room";
  EXPECT_THAT(watcher_.troubles, testing::Contains(HasSubstr("could not be asked for room")));
}

TEST_F(EngineTest, AMarkedNodesChildrenArePointedElsewhereBeforeItsJobGoes) {
  node("a");
  node("b");
  node("c", {{"a", On::ok, {}}, {"b", On::ok, {}}});
  begin();
  react();
  backend_.controls.clear();
  engine_.mark(*run_, place(), std::vector{run_->graph.find("a")}, NodeState::completed);
  EXPECT_THAT(backend_.controls, ElementsAre("repoint 103 ok:102", "cancel 101"));
  EXPECT_EQ(state("a"), NodeState::completed);
  EXPECT_EQ(state("c"), NodeState::held);
}

TEST_F(EngineTest, AMarkThatWasKilledHalfwayIsFinishedByTheNextPass) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  begin();
  react();
  store_.record.attempts[0].reason = "to be marked completed";
  reload();
  backend_.controls.clear();
  react();
  EXPECT_THAT(backend_.controls, ElementsAre("repoint 102", "cancel 101"));
  EXPECT_EQ(state("a"), NodeState::completed);
}

TEST_F(EngineTest, WhatRunsIsNotMarked) {
  node("a");
  begin();
  react();
  say("a", JobState::running);
  observe();
  EXPECT_THROW(engine_.mark(*run_, place(), std::vector{run_->graph.find("a")}, NodeState::completed), Error);
  EXPECT_EQ(state("a"), NodeState::running);
}

TEST_F(EngineTest, AFailedNodeThatIsTakenUpAgainBringsBackWhatWasSkippedBecauseOfIt) {
  node("a");
  node("b", {{"a", On::ok, {}}});
  node("other");
  begin();
  react();
  say("a", JobState::failed, Evidence::accounting).exit_code = 1;
  say("b", JobState::held);
  say("other", JobState::completed, Evidence::accounting).exit_code = 0;
  pass();
  ASSERT_EQ(store_.record.run.state, RunState::failed);
  engine_.reopen(*run_, std::vector{run_->graph.find("a")}, "again");
  EXPECT_EQ(store_.record.run.state, RunState::recovering);
  EXPECT_EQ(store_.record.run.recoveries, 1);
  const auto submitted = backend_.jobs.size();
  react();
  EXPECT_EQ(backend_.jobs.size(), submitted + 2);
  EXPECT_EQ(state("b"), NodeState::held);
  EXPECT_EQ(state("other"), NodeState::completed);
  EXPECT_THROW(engine_.reopen(*run_, std::vector{run_->graph.find("b")}, "again"), Error)
      << "it has not ended";
}

// A job of `a` that asks for a node `more` behind it.
class Extending : public EngineTest {
 protected:
  Extending() {
    node("a");
    begin();
    react();
    say("a", JobState::running);
    extend_ = [this](const RunRow&, std::span<const Extension> added) -> std::optional<Extended> {
      const std::string by(added[0].node), text(added[0].text);
      asked.push_back(by + ": " + text);
      if (problem) throw Error(*problem, "a mistake\nand another one");
      if (!extensions(store_.record.snapshot).empty()) return std::nullopt;
      Extended more{workflow_, {}, store_.record.snapshot};
      more.workflow.nodes.emplace_back().name = "more";
      more.workflow.nodes.back().body = "true\n";
      more.workflow.nodes.back().file = extension_file(by);
      more.workflow.nodes.back().after = {{by, On::ok, {}}};
      Diagnostics none;
      more.graph = expand(more.workflow, none);
      add_extension(more.snapshot, added[0]);
      return more;
    };
    SaidRecord record;
    record.kind = "extend";
    record.token = run_->attempts[0]->token;
    record.file = record.token + ".said.extend-1";
    record.text = "nodes: …";
    backend_.said = {record};
    backend_.spooled = {"/w/run/.catena/spool/" + record.file};
  }
  std::vector<std::string> asked;
  std::optional<ErrorKind> problem;
};

TEST_F(Extending, WhatARunningJobAddsIsSubmittedBehindIt) {
  pass();
  EXPECT_THAT(asked, ElementsAre("a: nodes: …"));
  EXPECT_EQ(store_.record.nodes.size(), 2U);
  EXPECT_EQ(state("more"), NodeState::held);
  EXPECT_EQ(backend_.jobs.back().dependencies.at(0).native_id, run_->attempts[0]->native_id);
  EXPECT_EQ(store_.record.run.counts[NodeState::held], 1U);
  EXPECT_THAT(backend_.away, ElementsAre(backend_.spooled[0]));
  EXPECT_EQ(run_->row.counts, store_.record.run.counts);
}

TEST_F(Extending, OfSeveralOneWithAMistakeDoesNotTakeTheOthersWithIt) {
  auto second = backend_.said[0];
  second.text = "a second one";
  second.file += "1";
  second.order = 1;
  backend_.said.push_back(second);
  const auto good = extend_;
  extend_ = [good](const RunRow& run, std::span<const Extension> added) {
    for (const auto& each : added) {
      if (each.text == "a second one") throw Error(ErrorKind::config, "a mistake");
    }
    return good(run, added);
  };
  pass();
  EXPECT_EQ(state("more"), NodeState::held);
  EXPECT_EQ(std::ranges::count(store_.all_events, "extended", &Event::kind), 1);
  EXPECT_EQ(std::ranges::count(store_.all_events, "extension refused", &Event::kind), 1);
}

TEST_F(Extending, APassThatWasKilledBeforeItPutItAwayHasAddedItOnce) {
  pass();
  workflow_ = run_->workflow;
  reload();
  pass();
  EXPECT_EQ(store_.record.nodes.size(), 2U);
  EXPECT_EQ(std::ranges::count(store_.all_events, "extended", &Event::kind), 1);
}

TEST_F(Extending, AnExtensionThatCameWithTheEndIsNotMissed) {
  say("a", JobState::completed, Evidence::record).ended = clock_.time;
  pass();
  EXPECT_EQ(state("a"), NodeState::completed);
  EXPECT_EQ(store_.record.run.state, RunState::running);
  EXPECT_TRUE(backend_.jobs.back().dependencies.empty());
}

TEST_F(Extending, OneThatIsRefusedFailsItsNodeAtItsEndAndIsToldOnce) {
  problem = ErrorKind::config;
  pass();
  pass();
  EXPECT_EQ(state("a"), NodeState::running);
  EXPECT_THAT(backend_.away, IsEmpty()) << "it is looked at again at the end";
  EXPECT_EQ(std::ranges::count(store_.all_events, "extension refused", &Event::kind), 1);
  say("a", JobState::completed, Evidence::record).ended = clock_.time;
  pass();
  EXPECT_EQ(state("a"), NodeState::failed);
  EXPECT_EQ(reason("a"), "its extension is refused: a mistake; and another one");
  EXPECT_THAT(backend_.away, ElementsAre(backend_.spooled[0]));
}

TEST_F(Extending, OneThatCannotBeLookedAtNowKeepsTheEndWaiting) {
  problem = ErrorKind::transport;
  say("a", JobState::completed, Evidence::record).ended = clock_.time;
  pass();
  EXPECT_EQ(state("a"), NodeState::queued);
  EXPECT_THAT(backend_.away, IsEmpty());
  problem.reset();
  pass();
  EXPECT_EQ(state("a"), NodeState::completed);
  EXPECT_EQ(store_.record.nodes.size(), 2U);
}

// As on PBS.
TEST_F(Extending, BehindAnElementThatNoJobCanNameItWaitsForTheEnd) {
  dialect_.elements_known = false;
  run_->attempts[0]->token += "_1";
  backend_.said[0].token = run_->attempts[0]->token;
  say("a", JobState::running);
  pass();
  EXPECT_EQ(state("more"), NodeState::pending);
  EXPECT_EQ(reason("more"), "waits for the end of a, an element of a job array");
  EXPECT_EQ(backend_.jobs.size(), 1U);
  say("a", JobState::completed, Evidence::record).ended = clock_.time;
  pass();
  EXPECT_EQ(state("more"), NodeState::queued);
  EXPECT_TRUE(backend_.jobs.back().dependencies.empty());
}

TEST_F(Extending, WhatAnAttemptAddsAfterItsTimeIsNotTaken) {
  backend_.said[0].token = "stale";
  pass();
  EXPECT_THAT(asked, IsEmpty());
}

class Services : public EngineTest {
 protected:
  // db, and two nodes that use it, all running.
  void running(int retries = 0) {
    auto& db = node("db");
    db.kind = NodeKind::service;
    if (retries > 0) db.retry = Retry{retries, Seconds{0}, 2, Seconds{600}, {}};
    node("a", {{"db", On::start, {}}});
    node("b", {{"db", On::start, {}}});
    begin();
    react();
    for (const auto* name : {"db", "a", "b"}) say(name, JobState::running);
    pass();
    backend_.controls.clear();
  }
  void end(const std::string& name, JobState how) {
    say(name, how, Evidence::accounting).exit_code = how == JobState::completed ? 0 : 1;
  }
};

TEST_F(Services, AServiceIsStoppedAfterTheLastOfItsUsersHoweverTheyEndedAndHasCompleted) {
  running();
  end("a", JobState::completed);
  pass();
  EXPECT_THAT(backend_.controls, IsEmpty());
  EXPECT_EQ(state("db"), NodeState::running);
  end("b", JobState::failed);
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 101"));
  EXPECT_EQ(state("db"), NodeState::running) << "it ends when the scheduler says so";
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 101")) << "once";
  end("db", JobState::cancelled);
  pass();
  EXPECT_EQ(state("db"), NodeState::completed);
  EXPECT_EQ(reason("db"), "stopped: no node uses it any more");
  EXPECT_EQ(store_.record.run.state, RunState::failed) << "for b";
}

TEST_F(Services, AUserThatIsTriedAgainStillUsesIt) {
  auto& db = node("db");
  db.kind = NodeKind::service;
  node("a", {{"db", On::start, {}}}).retry = Retry{1, Seconds{0}, 2, Seconds{600}, {}};
  begin();
  react();
  say("db", JobState::running);
  end("a", JobState::failed);
  pass();
  EXPECT_FALSE(terminal(state("a")));
  EXPECT_EQ(state("db"), NodeState::running);
  EXPECT_EQ(std::ranges::count(backend_.controls, "cancel 101"), 0);
}

TEST_F(Services, AStopThatWasKilledBeforeItsCancelIsMadeByTheNextPass) {
  running();
  end("a", JobState::completed);
  end("b", JobState::completed);
  observe();
  backend_.complaints = {"connection lost"};  // and whoever asked is killed then
  react();
  EXPECT_EQ(store_.record.attempts[0].reason, "to be stopped: no node uses it any more");
  backend_.complaints.clear();
  reload();
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 101", "cancel 101"));
  end("db", JobState::cancelled);
  pass();
  EXPECT_EQ(state("db"), NodeState::completed);
  EXPECT_EQ(store_.record.run.state, RunState::completed);
}

TEST_F(Services, AStopThatWasKilledAfterItsCancelComesToTheSameEnd) {
  running();
  end("a", JobState::completed);
  end("b", JobState::completed);
  observe();
  backend_.before_control = [] { throw Error(ErrorKind::internal, "killed"); };
  EXPECT_THROW(react(), Error);
  backend_.before_control = nullptr;
  reload();
  end("db", JobState::cancelled);
  pass();
  EXPECT_EQ(state("db"), NodeState::completed);
  EXPECT_EQ(store_.record.run.state, RunState::completed);
}

TEST_F(Services, AServiceThatSawByItselfThatNobodyUsesItSaysSo) {
  running();
  end("a", JobState::completed);
  end("b", JobState::completed);
  auto& report = say("db", JobState::completed, Evidence::record);
  report.exit_code = 0;
  report.reason = "stopped: no node uses it any more";
  pass();
  EXPECT_EQ(state("db"), NodeState::completed);
  EXPECT_EQ(reason("db"), "stopped: no node uses it any more");
  EXPECT_THAT(backend_.controls, IsEmpty());
}

TEST_F(Services, AServiceThatFailsWhileItIsUsedHasFailedAndIsTriedAgain) {
  running(1);
  end("db", JobState::failed);
  pass();
  EXPECT_EQ(store_.record.nodes[0].attempts, 2);
  end("db", JobState::failed);
  pass();
  EXPECT_EQ(state("db"), NodeState::failed);
}

TEST_F(Services, ARetryOfAServiceThatNobodyNeedsAnyMoreIsNotMade) {
  running(1);
  end("db", JobState::failed);
  end("a", JobState::completed);
  end("b", JobState::completed);
  const auto submitted = backend_.jobs.size();
  pass();
  EXPECT_EQ(backend_.jobs.size(), submitted);
  EXPECT_EQ(state("db"), NodeState::completed);
}

TEST_F(Services, AServiceWhoseUsersAreSkippedIsNotStarted) {
  node("x");
  node("db", {{"x", On::any, {}}}).kind = NodeKind::service;
  node("a", {{"x", On::ok, {}}, {"db", On::start, {}}});
  begin();
  react();
  end("x", JobState::failed);
  say("db", JobState::queued);
  say("a", JobState::held);
  pass();
  EXPECT_EQ(state("a"), NodeState::skipped);
  EXPECT_THAT(backend_.controls, ElementsAre("release 101", "cancel 103", "cancel 102"));
  say("db", JobState::cancelled, Evidence::accounting).started.reset();
  pass();
  EXPECT_EQ(state("db"), NodeState::skipped);
  EXPECT_EQ(reason("db"), "no node uses it any more");
}

TEST_F(Services, AServiceOfAServiceEndsAfterIt) {
  node("net").kind = NodeKind::service;
  node("db", {{"net", On::start, {}}}).kind = NodeKind::service;
  node("a", {{"db", On::start, {}}});
  begin();
  react();
  for (const auto* name : {"net", "db"}) say(name, JobState::running);
  end("a", JobState::completed);
  backend_.controls.clear();
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 102"));
  end("db", JobState::cancelled);
  pass();
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 102", "cancel 101"));
}

TEST_F(Services, TheUsersCancelIsACancel) {
  running();
  engine_.cancel(*run_, place(), std::vector{run_->graph.find("db")});
  end("a", JobState::completed);
  end("b", JobState::completed);
  end("db", JobState::cancelled);
  pass();
  EXPECT_EQ(state("db"), NodeState::cancelled);
  EXPECT_THAT(backend_.controls, ElementsAre("cancel 101"));
}

// Its job would find nobody to talk to.
TEST_F(Services, ANodeThatIsTakenUpAgainBringsBackTheServiceItUses) {
  running();
  end("a", JobState::completed);
  end("b", JobState::failed);
  pass();
  end("db", JobState::cancelled);
  pass();
  ASSERT_EQ(store_.record.run.state, RunState::failed);
  engine_.reopen(*run_, std::vector{run_->graph.find("b")}, "again");
  const auto submitted = backend_.jobs.size();
  react();
  ASSERT_EQ(backend_.jobs.size(), submitted + 2);
  EXPECT_EQ(state("a"), NodeState::completed);
  ASSERT_EQ(backend_.staged.size(), 2U);
  EXPECT_THAT(backend_.staged[0].content, HasSubstr("c_unused b 2 <"))
      << "what its first job left is not the end of its second";
}

}  // namespace
}  // namespace catena
