// The local backend with a real supervisor, which is this program called again.
#include "adapters/local/local_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "adapters/local/process_table.h"
#include "adapters/local/supervisor.h"
#include "core/error.h"
#include "local_support.h"

namespace catena {
namespace {

using testing::after;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::eventually;
using testing::Form;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LocalRun;
using ::testing::Pair;
using testing::slurp;
using ::testing::UnorderedElementsAre;

// What holds for every job, whatever its form.
class LocalBackendForms : public ::testing::TestWithParam<Form> {};
class LocalSupervisorForms : public ::testing::TestWithParam<Form> {};
constexpr auto form_name = [](const ::testing::TestParamInfo<Form>& info) {
  return info.param == Form::script ? "script" : "bare";
};
INSTANTIATE_TEST_SUITE_P(Job, LocalBackendForms, ::testing::Values(Form::script, Form::bare), form_name);
INSTANTIATE_TEST_SUITE_P(Job, LocalSupervisorForms, ::testing::Values(Form::script, Form::bare), form_name);

TEST_P(LocalBackendForms, AChainRunsInOrderAndLeavesRecordsLogsAndNoSupervisor) {
  LocalRun run(GetParam());
  std::vector<Job> jobs = {run.job("a", "echo out-a; echo err-a >&2")};
  for (const char* token : {"b", "c", "d"})
    jobs.push_back(run.job(token, "echo $CATENA_JOB_ID", {after(jobs.size() - 1)}));
  const auto answers = run.submit(jobs);
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0].native_id, "local.1");
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
  EXPECT_EQ(slurp(run.file("attempts")), "a\nb\nc\nd\n");
  EXPECT_EQ(slurp(run.file("logs/a.out")), "out-a\n");
  EXPECT_EQ(slurp(run.file("logs/a.err")), "err-a\n");
  EXPECT_EQ(slurp(run.file("logs/d.out")), "local.4\n");
  const auto observation = run.observe();
  EXPECT_TRUE(observation.queue_seen && observation.accounting_seen);
  EXPECT_THAT(observation.trouble, IsEmpty());
  const auto record = LocalRun::said(observation, "b", Evidence::record);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->state, JobState::completed);
  EXPECT_EQ(record->native_id, "local.2");
  EXPECT_TRUE(eventually([&] { return !run.supervised(); })) << "it stays although nothing is left to do";
}

TEST(LocalBackend, RecordsArePutAwayOnceAndTheirJobsStayEnded) {
  LocalRun run;
  run.submit({run.job("a", "true")});
  run.ends();
  auto observation = run.observe();
  EXPECT_EQ(observation.spooled.size(), 2U);
  run.backend().put_away(observation.spooled);
  run.backend().put_away(observation.spooled);
  EXPECT_THAT(run.observe().spooled, IsEmpty());
  EXPECT_EQ(run.journaled("a")->state, JobState::completed);
  struct stat info;
  EXPECT_EQ(stat(run.file(".catena/taken/a.exit").c_str(), &info), 0);
}

TEST(LocalBackend, StateFilesAreNobodyElsesToRead) {
  LocalRun run;
  run.submit({run.job("a", "true")});
  run.ends();
  for (const auto* name : {".catena/local", ".catena/scripts", ".catena/spool"}) {
    EXPECT_EQ(run.backend().transport().stat(run.file(name))->mode, 0700) << name;
  }
  for (const auto* name : {"queue", "journal", "lock", "limits", "supervisor.log"}) {
    EXPECT_EQ(run.backend().transport().stat(run.file(std::string(".catena/local/") + name))->mode, 0600)
        << name;
  }
  EXPECT_EQ(run.backend().transport().stat(run.file(".catena/scripts/a.sh"))->mode, 0600);
}

TEST_P(LocalBackendForms, ADiamondAndAFanOfThreeHundred) {
  LocalRun run(GetParam());
  std::vector<Job> jobs = {run.job("root", "true")};
  Job join = run.job("join", "wc -l < attempts");
  for (int i = 0; i < 300; ++i) {
    jobs.push_back(run.job("fan" + std::to_string(i), "true", {after(0)}));
    join.dependencies.push_back(after(jobs.size() - 1));
  }
  jobs.push_back(join);
  run.submit(jobs);
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
  EXPECT_EQ(slurp(run.file("logs/join.out")), "302\n");
  EXPECT_THAT(run.attempts(), Each(Pair(::testing::_, 1)));
}

TEST_P(LocalBackendForms, AFailedParentSkipsItsOkDescendantsAndMeetsTheOtherEdges) {
  LocalRun run(GetParam());
  run.submit({run.job("bad", "exit 3"), run.job("child", "true", {after(0)}),
              run.job("grandchild", "true", {after(1)}), run.job("any", "true", {after(2, On::any)}),
              run.job("notok", "true", {after(2, On::notok)}), run.job("fine", "true"),
              run.job("unneeded", "true", {after(5, On::notok)}),
              run.job("behind", "true", {after(6, On::notok)})});
  EXPECT_THAT(run.ends(), UnorderedElementsAre(Pair("bad", "failed"), Pair("child", "skipped"),
                                               Pair("grandchild", "skipped"), Pair("any", "completed"),
                                               Pair("notok", "completed"), Pair("fine", "completed"),
                                               Pair("unneeded", "unneeded"), Pair("behind", "unneeded")));
  const auto skipped = run.journaled("child");
  EXPECT_EQ(skipped->state, JobState::cancelled);
  EXPECT_FALSE(skipped->started);
  EXPECT_EQ(skipped->reason, "its parent node-bad.bad (local.1) ended failed");
  EXPECT_EQ(run.journaled("bad")->exit_code, 3);
  EXPECT_EQ(run.attempts().count("child"), 0U);
}

TEST_P(LocalBackendForms, AStartEdgeIsMetWhileTheParentStillRuns) {
  LocalRun run(GetParam());
  run.submit({run.job("server", "until [ -e flag ]; do sleep 0.01; done"),
              run.job("client", "touch flag", {after(0, On::start)})});
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
}

TEST_P(LocalBackendForms, HeldJobsWaitForTheirReleaseThoughTheSupervisorHasLeft) {
  LocalRun run(GetParam());
  auto held = run.job("a", "true");
  held.held = true;
  run.submit({held, run.job("b", "true", {after(0)})});
  const auto queue = LocalRun::said(run.observe(), "b", Evidence::queue);
  EXPECT_EQ(queue->state, JobState::held);
  EXPECT_EQ(queue->dependency, "ok:local.1");
  ASSERT_TRUE(eventually([&] { return !run.supervised(); })) << "held jobs keep it for ever";
  EXPECT_THAT(run.observe().trouble, IsEmpty()) << "it left by itself";
  EXPECT_FALSE(run.supervised());
  EXPECT_EQ(run.live_state("a"), JobState::held);
  EXPECT_THAT(run.control(Action::release, "a"), IsEmpty());
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
}

TEST(LocalBackend, HoldRepointAndUnknownIdsAreAnswered) {
  LocalRun run;
  run.submit({run.job("long", "until [ -e flag ]; do sleep 0.01; done"), run.job("bad", "exit 1"),
              run.job("child", "true")});
  // child may have run; a fresh one, held from the start
  auto waiting = run.job("waiting", "touch flag", {{On::ok, {}, run.id("bad")}});
  auto held = run.job("held", "true");
  held.held = true;
  waiting.held = true;
  waiting.dependencies = {{On::ok, {}, run.id("long")}};
  run.submit({waiting, held});
  EXPECT_THAT(run.control(Action::repoint, "waiting"), IsEmpty());
  EXPECT_THAT(run.control(Action::release, "waiting"), IsEmpty());
  ASSERT_TRUE(eventually([&] { return run.journaled("bad").has_value(); }));
  EXPECT_THAT(run.control(Action::hold, "bad"), ElementsAre("local.2: it has ended"));
  const ControlTarget unknown{"local.99", {}, run.directory()};
  EXPECT_THAT(run.backend().control(Action::release, {&unknown, 1}),
              ElementsAre("local.99: there is no such job"));
  EXPECT_THAT(run.backend().control(Action::cancel, {&unknown, 1}), IsEmpty());
  EXPECT_THAT(run.control(Action::cancel, "bad"), IsEmpty());
  EXPECT_THAT(run.control(Action::cancel, "held"), IsEmpty());
  EXPECT_THAT(run.ends(), ::testing::IsSupersetOf({Pair("long", "completed"), Pair("waiting", "completed"),
                                                   Pair("bad", "failed"), Pair("held", "cancelled")}));
}

TEST(LocalBackend, ATargetWithoutItsRunIsFoundIfOnlyOneRunHasIt) {
  LocalRun run;
  auto held = run.job("a", "true");
  held.held = true;
  run.submit({held});
  const ControlTarget target{run.id("a"), {}};
  EXPECT_THAT(run.backend().control(Action::release, {&target, 1}), IsEmpty());
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
}

TEST_P(LocalBackendForms, CancelEndsWhatRunsAndWhatWaits) {
  LocalRun run(GetParam());
  run.submit({run.job("runs", "trap '' TERM; touch deaf; while :; do sleep 0.1; done"),
              run.job("waits", "true", {after(0)})});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(run.file("deaf")); }));
  run.control(Action::cancel, "waits");
  run.control(Action::cancel, "runs");
  EXPECT_THAT(run.ends(), UnorderedElementsAre(Pair("runs", "cancelled"), Pair("waits", "cancelled")));
  const auto killed = LocalRun::said(run.observe(), "runs", Evidence::record);
  ASSERT_TRUE(killed) << "nobody wrote the record that it could not write";
  EXPECT_EQ(killed->state, JobState::cancelled);
  EXPECT_EQ(killed->signal, SIGKILL);
  EXPECT_EQ(run.attempts().count("waits"), 0U);
}

TEST_P(LocalBackendForms, WalltimeIsTermThenKillAndItsWordStandsOverTheJobsOwnRecord) {
  LocalRun run(GetParam());
  auto deaf = run.job("deaf", "trap '' TERM; echo $BASHPID > deaf-pid; while :; do sleep 0.1; done");
  auto polite = run.job("polite", "trap 'exit 0' TERM; while :; do sleep 0.1; done");
  deaf.resources.walltime = polite.resources.walltime = Seconds{1};
  run.submit({deaf, polite});
  EXPECT_THAT(run.ends(), UnorderedElementsAre(Pair("deaf", "timeout"), Pair("polite", "timeout")));
  const auto observation = run.observe();
  EXPECT_EQ(LocalRun::said(observation, "deaf", Evidence::record)->state, JobState::timeout);
  EXPECT_EQ(LocalRun::said(observation, "polite", Evidence::record)->host,
            GetParam() == Form::script ? "h" : local::host_name())
      << "its own record was overwritten";
  EXPECT_EQ(LocalRun::said(observation, "polite", Evidence::accounting)->state, JobState::timeout);
  EXPECT_THAT(run.journaled("deaf")->reason, HasSubstr("time limit of"));
  const auto body = static_cast<pid_t>(std::stol(slurp(run.file("deaf-pid"))));
  EXPECT_TRUE(eventually([&] { return !local::process_start(body); })) << "the body outlived its job";
}

TEST_P(LocalBackendForms, WhatAJobLeavesInItsGroupEndsWithIt) {
  LocalRun run(GetParam());
  run.submit({run.job("a", "sleep 1000 & echo $! > left")});
  run.ends();
  const auto left = static_cast<pid_t>(std::stol(slurp(run.file("left"))));
  EXPECT_TRUE(eventually([&] { return !local::process_start(left); }));
}

TEST(LocalBackend, AJobThatCannotWriteItsRecordGetsOneThatSaysWhy) {
  LocalRun run;
  auto silent = run.job("silent", "");
  silent.script = "exit 0\n";
  auto lost = run.job("lost", "true");
  lost.workdir = run.file("no such folder");
  run.submit({run.job("killed", "kill -9 $$"), silent, lost});
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "failed")));
  const auto observation = run.observe();
  EXPECT_EQ(LocalRun::said(observation, "killed", Evidence::record)->signal, 9);
  EXPECT_THAT(LocalRun::said(observation, "killed", Evidence::record)->reason,
              HasSubstr("killed by signal 9"));
  EXPECT_THAT(LocalRun::said(observation, "silent", Evidence::record)->reason,
              HasSubstr("left no exit record"));
  EXPECT_EQ(LocalRun::said(observation, "silent", Evidence::record)->state, JobState::failed);
  EXPECT_THAT(LocalRun::said(observation, "lost", Evidence::record)->reason, HasSubstr("no such folder"));
}

TEST(LocalBackend, OneMpiProgramsEndDoesNotTakeTheSessionDirectoryFromAnothersStart) {
  const testing::Folder temporary;
  setenv("TMPDIR", temporary.path().c_str(), 1);
  const auto session = temporary / fmt::format("ompi.{}.{}", local::host_name(), geteuid());
  std::filesystem::create_directories(session + "/catena.99999999");  // of a supervisor that was killed
  {
    LocalRun run;
    // What Open MPI does in its last moment.
    run.submit({run.job(
        "mpi", fmt::format("[ ! -e '{0}/catena.99999999' ] && ! rmdir '{0}' && [ -d '{0}' ]", session))});
    EXPECT_THAT(run.ends(), ElementsAre(Pair("mpi", "completed")));
  }
  unsetenv("TMPDIR");
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(session); })) << "it stays for ever";
}

TEST_P(LocalBackendForms, SlotsAreNeverOverdrawn) {
  LocalRun run(GetParam(), {.cpus = 3, .memory = Bytes{100} << 20, .kill_grace = Seconds{1}});
  std::vector<Job> jobs;
  for (int i = 0; i < 30; ++i) {
    auto job = run.job("j" + std::to_string(i),
                       "mkdir running/$$; ls running | wc -l; sleep 0.02; rmdir running/$$");
    if (i % 3 == 0) job.resources.memory = Bytes{60} << 20;
    jobs.push_back(job);
  }
  std::filesystem::create_directories(run.file("running"));
  run.submit(jobs);
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
  for (int i = 0; i < 30; ++i)
    EXPECT_LE(std::stoi(slurp(run.file("logs/j" + std::to_string(i) + ".out"))), 3);
}

TEST(LocalBackend, WhatWaitsForRoomSaysForWhat) {
  LocalRun run({.cpus = 2, .memory = Bytes{1} << 30, .kill_grace = Seconds{1}});
  auto wide = run.job("wide", "true");
  wide.resources.tasks = 2;
  run.submit({run.job("first", "until [ -e flag ]; do sleep 0.01; done"), wide});
  ASSERT_TRUE(eventually([&] { return run.live_state("first") == JobState::running; }));
  const auto report = LocalRun::said(run.observe(), "wide", Evidence::queue);
  EXPECT_EQ(report->state, JobState::queued);
  EXPECT_EQ(report->reason, "waiting for 2 CPUs");
  local::replace_file(run.file("flag"), "");
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
}

TEST(LocalBackend, WhatIsSaidOfAWaitingJobAtFirstIsWhatIsSeenLater) {
  LocalRun run({.cpus = 1, .memory = Bytes{1} << 30, .kill_grace = Seconds{1}});
  const auto answers = run.submit({run.job("first", "until [ -e flag ]; do sleep 0.01; done"),
                                   run.job("second", "true"), run.job("child", "true", {after(1)})});
  ASSERT_TRUE(eventually([&] { return run.live_state("first") == JobState::running; }));
  const auto seen = LocalRun::said(run.observe(), "second", Evidence::queue);
  EXPECT_EQ(seen->reason, "waiting for its turn");
  EXPECT_EQ(answers[1].text, seen->reason);
  EXPECT_EQ(answers[2].text, "");
  local::replace_file(run.file("flag"), "");
  run.ends();
}

TEST(LocalBackend, WhatCannotFitIsRefusedAndWhatDependsOnItIsNotTried) {
  LocalRun run({.cpus = 2, .memory = Bytes{1} << 30, .kill_grace = Seconds{1}});
  auto wide = run.job("wide", "true");
  wide.resources.tasks = 5;
  auto large = run.job("large", "true");
  large.resources.memory = Bytes{2} << 30;
  const auto answers =
      run.submit({wide, large, run.job("child", "true", {after(0)}),
                  run.job("orphan", "true", {{On::ok, {}, "local.77"}}), run.job("fine", "true")});
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_EQ(answers[0].kind, Answer::Kind::refused);
  EXPECT_EQ(answers[0].text, "it asks for 5 CPUs, and this machine has 2 for the run");
  EXPECT_EQ(answers[1].kind, Answer::Kind::refused);
  EXPECT_EQ(answers[2].kind, Answer::Kind::skipped);
  EXPECT_EQ(answers[3].kind, Answer::Kind::refused);
  EXPECT_EQ(answers[4].native_id, "local.1");
  EXPECT_THAT(run.ends(), ElementsAre(Pair("fine", "completed")));
}

TEST_P(LocalBackendForms, ATokenIsQueuedOnceHoweverOftenItIsSubmitted) {
  LocalRun run(GetParam());
  const auto job = run.job("a", "true");
  const auto first = run.submit({job});
  run.reopen();  // another process, which knows nothing yet
  const auto second = run.submit({job, run.job("b", "true", {after(0)})});
  EXPECT_EQ(second[0].kind, Answer::Kind::accepted);
  EXPECT_EQ(second[0].native_id, first[0].native_id);
  run.ends();
  EXPECT_EQ(run.submit({job})[0].native_id, first[0].native_id);
  EXPECT_THAT(run.attempts(), ElementsAre(Pair("a", 1), Pair("b", 1)));
}

TEST(LocalBackend, ATornQueueLineOfAKilledWriterIsDroppedAndItsIdIsGivenAgain) {
  LocalRun run;
  run.submit({run.job("a", "true")});
  run.ends();
  {
    std::ofstream queue(run.file(".catena/local/queue"), std::ios::app);
    queue << R"({"v":1,"id":"local.2","token":"torn","name":"torn.t)";
  }
  EXPECT_EQ(run.submit({run.job("b", "true")})[0].native_id, "local.2");
  EXPECT_THAT(run.ends(), ElementsAre(Pair("a", "completed"), Pair("b", "completed")));
}

TEST(LocalBackend, ALineThatMakesNoSenseStopsNobody) {
  LocalRun run;
  std::filesystem::create_directories(run.file(".catena/local"));
  for (const auto* name : {"queue", "control", "journal"}) {
    std::ofstream(run.file(std::string(".catena/local/") + name)) << "\n{}\nnonsense \x01\xff\n[1,2]\n";
  }
  run.submit({run.job("a", "true")});
  EXPECT_THAT(run.ends(), ElementsAre(Pair("a", "completed")));
}

TEST(LocalBackend, BeginHoldsAJobBackAndDoesNotLetTheSupervisorLeave) {
  LocalRun run;
  auto later = run.job("later", "true");
  later.resources.begin = "+2";
  const auto submitted = local::now();
  run.submit({later});
  EXPECT_THAT(run.ends(), ElementsAre(Pair("later", "completed")));
  EXPECT_GE(*run.journaled("later")->started - submitted, Seconds{2});
}

TEST(LocalBackend, AJobThatWasNeverSubmittedHasNoReportButTheQueueWasSeen) {
  LocalRun run;
  const JobRef ref{"ghost", "ghost.ghost", "", run.directory(), {}};
  const auto observation = run.backend().observe({&ref, 1});
  EXPECT_THAT(observation.reports, IsEmpty());
  EXPECT_TRUE(observation.queue_seen);
}

TEST(LocalBackend, ASupervisorThatDoesNotStartIsSaidAndTheJobsAreQueued) {
  LocalRun run;
  LocalBackend broken("/bin/false", {});
  std::vector<Answer> answers;
  try {
    broken.submit({"r1", run.directory(), {run.job("a", "true")}},
                  [&](const Answer& answer) { answers.push_back(answer); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.remedy(), HasSubstr("supervisor.log"));
  }
  ASSERT_EQ(answers.size(), 1U);
  run.submit({run.job("a", "true")});
  EXPECT_THAT(run.ends(), ElementsAre(Pair("a", "completed")));
}

// --- a supervisor that dies
// ------------------------------------------------------------------------------------------------

TEST_P(LocalSupervisorForms, KilledWithJobsRunningTheySettleByTheirRecordsAndNoneRunsTwice) {
  LocalRun run(GetParam(), {.cpus = 8, .memory = Bytes{4} << 30, .kill_grace = Seconds{1}});
  std::vector<Job> jobs;
  for (int i = 0; i < 4; ++i) {
    jobs.push_back(run.job("long" + std::to_string(i), "until [ -e flag ]; do sleep 0.01; done"));
  }
  jobs.push_back(run.job("quick", "until [ -e quick-flag ]; do sleep 0.01; done; exit 4"));
  jobs.push_back(run.job("doomed", "echo $BASHPID > doomed-pid; while :; do sleep 0.1; done"));
  jobs.push_back(run.job("child", "true", {after(0)}));
  jobs.push_back(run.job("spared", "true", {after(4)}));
  run.submit(jobs);
  ASSERT_TRUE(
      eventually([&] { return run.attempts().size() == 6 && !slurp(run.file("doomed-pid")).empty(); }));
  run.kill_supervisor();
  // While nobody supervises: one job ends with its record, one is killed without.
  local::replace_file(run.file("quick-flag"), "");
  const auto doomed = static_cast<pid_t>(std::stol(slurp(run.file("doomed-pid"))));
  const auto group = getpgid(doomed);
  ASSERT_GT(group, 1);
  ASSERT_NE(group, getpgrp());
  kill(-group, SIGKILL);
  ASSERT_TRUE(eventually([&] { return run.recorded("quick") && kill(-group, 0) != 0; }));

  run.reopen();
  const auto observation = run.observe();
  ASSERT_EQ(observation.trouble.size(), 1U);
  EXPECT_THAT(observation.trouble[0], HasSubstr("was gone: started again"));
  EXPECT_EQ(LocalRun::said(observation, "long0", Evidence::queue)->state, JobState::unknown);
  EXPECT_TRUE(eventually([&] { return run.live_state("long0") == JobState::running; })) << "not taken over";
  EXPECT_THAT(run.observe().trouble, IsEmpty());
  local::replace_file(run.file("flag"), "");
  const auto ends = run.ends();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ends.at("long" + std::to_string(i)), "completed");
  EXPECT_EQ(ends.at("quick"), "failed");
  EXPECT_EQ(ends.at("spared"), "skipped");
  EXPECT_EQ(ends.at("child"), "completed");
  EXPECT_EQ(run.journaled("quick")->exit_code, 4);
  EXPECT_EQ(ends.at("doomed"), "failed");
  if (GetParam() == Form::script) {
    EXPECT_EQ(run.journaled("doomed")->reason,
              "the supervisor and the job were killed before the job could say how it ended");
  } else {
    EXPECT_EQ(run.journaled("doomed")->exit_code, 128 + SIGKILL) << "its worker was there to see it";
  }
  EXPECT_THAT(run.attempts(), Each(Pair(::testing::_, 1)));
}

TEST_P(LocalSupervisorForms, TheSuccessorKeepsWalltimeAndCancelOfWhatItTookOver) {
  LocalRun run(GetParam());
  auto limited = run.job("limited", "while :; do sleep 0.1; done");
  limited.resources.walltime = Seconds{2};
  run.submit({limited, run.job("cancelled", "trap '' TERM; while :; do sleep 0.1; done")});
  ASSERT_TRUE(eventually([&] { return run.attempts().size() == 2; }));
  run.kill_supervisor();
  run.control(Action::cancel, "cancelled");  // starts the successor
  EXPECT_THAT(run.ends(), UnorderedElementsAre(Pair("limited", "timeout"), Pair("cancelled", "cancelled")));
}

// Killed again and again at any moment of a busy run: each body runs once, and all end.
TEST_P(LocalSupervisorForms, KilledAtAnyMomentNoJobRunsTwiceAndNoneIsLost) {
  LocalRun run(GetParam(), {.cpus = 8, .memory = Bytes{4} << 30, .kill_grace = Seconds{1}});
  std::vector<Job> jobs;
  for (int i = 0; i < 400; ++i) {
    std::vector<Dependency> parents;
    if (i >= 20) parents.push_back(after(static_cast<std::size_t>(i - 20), i % 3 == 0 ? On::any : On::ok));
    // After a short one the next is sent ahead.
    jobs.push_back(run.job("j" + std::to_string(i), i % 3 == 1 ? "sleep 0.05" : "true", parents));
  }
  run.submit(jobs);
  int killed = 0;
  for (int round = 0; round < 40 && !run.all_ended(); ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds{3 + 7 * (round % 5)});
    if (run.supervised() && kill(run.supervisor(), SIGKILL) == 0) ++killed;
    run.observe();
  }
  EXPECT_GT(killed, 5);
  const auto ends = run.ends();
  EXPECT_EQ(ends.size(), 400U);
  EXPECT_THAT(ends, Each(Pair(::testing::_, "completed")));
  const auto attempts = run.attempts();
  EXPECT_EQ(attempts.size(), 400U);
  EXPECT_THAT(attempts, Each(Pair(::testing::_, 1)));
}

TEST(LocalSupervisor, AJobThatNeverBeganIsStartedAndOneThatBeganIsNot) {
  LocalRun run;
  const std::vector<Job> jobs = {run.job("never", "true"), run.job("began", "true"),
                                 run.job("claimed", "true")};
  LocalBackend broken("/bin/false", {});
  EXPECT_THROW(broken.submit({"r1", run.directory(), jobs}, [](const Answer&) {}),
               Error);  // queued, with nobody to run them
  {
    // What a supervisor leaves that is killed between the intent and the start.
    local::LineWriter journal(run.file(".catena/local/journal"));
    local::JournalLine line;
    line.what = local::JournalLine::What::supervisor;
    line.boot = local::boot_id();
    line.host = local::host_name();
    journal.append(to_line(line));
    line.what = local::JournalLine::What::starting;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      line.id = "local." + std::to_string(i + 1);
      line.token = jobs[i].token;
      journal.append(to_line(line));
    }
  }
  local::replace_file(run.file(".catena/spool/began.start"), "");
  local::replace_file(run.file(".catena/claims/claimed"), "");
  run.submit(jobs);
  EXPECT_THAT(run.ends(), UnorderedElementsAre(Pair("never", "completed"), Pair("began", "failed"),
                                               Pair("claimed", "failed")));
  EXPECT_THAT(run.attempts(), ElementsAre(Pair("never", 1)));
}

TEST_P(LocalSupervisorForms, ATornJournalIsMendedAndReadOn) {
  LocalRun run(GetParam());
  run.submit({run.job("a", "until [ -e flag ]; do sleep 0.01; done")});
  ASSERT_TRUE(eventually([&] { return run.attempts().size() == 1; }));
  run.kill_supervisor();
  {
    std::ofstream journal(run.file(".catena/local/journal"), std::ios::app);
    journal << R"({"v":1,"what":"end","id":"local.1","outcome":"fai)";
  }
  run.observe();
  local::replace_file(run.file("flag"), "");
  EXPECT_THAT(run.ends(), ElementsAre(Pair("a", "completed")));
}

TEST(LocalSupervisor, AnotherBootEndsWhatRanAndAnotherHostIsWaitedFor) {
  for (const bool same_host : {true, false}) {
    LocalRun run;
    auto held = run.job("a", "true");
    held.held = true;
    run.submit({held});
    run.kill_supervisor();
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    local::JournalLine lines[3];
    lines[0].what = local::JournalLine::What::supervisor;
    lines[0].boot = "another";
    lines[0].host = same_host ? host : "elsewhere";
    for (auto* line : {&lines[1], &lines[2]}) {
      line->id = run.id("a");
      line->token = "a";
      line->pid = getpid();  // alive here, which says nothing
    }
    lines[1].what = local::JournalLine::What::starting;
    lines[2].what = local::JournalLine::What::start;
    for (const auto& line : lines) local::LineWriter(run.file(".catena/local/journal")).append(to_line(line));
    run.observe();
    if (!same_host) {
      ASSERT_TRUE(eventually([&] { return run.live_state("a") == JobState::running; }));
      local::replace_file(run.file(".catena/spool/a.exit"),
                          R"({"v":1,"kind":"exit","token":"a","job":"local.1","exit":0,"reason":"","time":1})"
                          "\n");
    }
    EXPECT_THAT(run.ends(), ElementsAre(Pair("a", same_host ? "failed" : "completed")));
  }
}

TEST_P(LocalSupervisorForms, HasASessionOfItsOwnAndIsDeafToHangUp) {
  LocalRun run(GetParam());
  run.submit({run.job("a", "until [ -e flag ]; do sleep 0.01; done; grep SigIgn /proc/self/status")});
  ASSERT_TRUE(eventually(
      [&] { return run.attempts().size() == 1; }));  // a child in the middle of its start is in the group
  const auto pid = run.supervisor();
  EXPECT_NE(getsid(pid), getsid(0));
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/cwd"), "/");
  kill(pid, SIGHUP);
  kill(-getpgid(pid), SIGHUP);
  local::replace_file(run.file("flag"), "");
  EXPECT_THAT(run.ends(), ElementsAre(Pair("a", "completed")));
  // Ours to ignore, not the job's.
  const auto said = slurp(run.file("logs/a.out"));
  EXPECT_EQ(std::stoull(said.substr(said.find('\t')), nullptr, 16) & 0x7fffffffU, 0U) << said;
}

TEST(LocalSupervisor, OnlyOneOfManyThatAreStartedStays) {
  LocalRun run;
  run.submit({run.job("a", "until [ -e flag ]; do sleep 0.01; done")});
  const auto first = run.supervisor();
  LocalTransport transport;
  for (int i = 0; i < 5; ++i) {
    Command again;
    again.argv = {"/proc/self/exe", "_supervise", run.directory()};
    again.argv[0] = std::filesystem::read_symlink("/proc/self/exe").string();
    EXPECT_EQ(transport.run(again).status, 0);
  }
  EXPECT_EQ(run.supervisor(), first);
  local::replace_file(run.file("flag"), "");
  run.ends();
  EXPECT_THAT(run.attempts(), ElementsAre(Pair("a", 1)));
}

TEST_P(LocalSupervisorForms, ARunThatWasRemovedIsLeft) {
  LocalRun run(GetParam());
  auto held = run.job("a", "true");
  auto later = run.job("later", "true");
  held.held = true;
  later.resources.begin = "+100000";
  run.submit({held, later});
  const auto pid = run.supervisor();
  ASSERT_EQ(kill(pid, 0), 0);
  std::filesystem::remove_all(run.directory());
  EXPECT_TRUE(eventually([&] { return kill(pid, 0) != 0 || !local::process_start(pid); }));
}

TEST_P(LocalSupervisorForms, AnAppendAtTheMomentItLeavesIsNotLost) {
  // Each submission comes as the one before has just ended, when the supervisor is on its way out.
  LocalRun run(GetParam());
  for (int i = 0; i < 40; ++i) {
    const auto token = "j" + std::to_string(i);
    run.submit({run.job(token, "true")});
    ASSERT_TRUE(eventually([&] { return run.recorded(token); })) << i;
  }
  EXPECT_THAT(run.ends(), Each(Pair(::testing::_, "completed")));
  EXPECT_THAT(run.attempts(), Each(Pair(::testing::_, 1)));
}

}  // namespace
}  // namespace catena

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "_supervise") return catena::local::supervise(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
