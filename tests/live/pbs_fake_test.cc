// catena's command line on a PBS: the scripted server of tests/fake_pbs, which obeys what was seen of OpenPBS
// 23.06.06 and really runs the jobs.
#include <gmock/gmock.h>

#include <algorithm>

#include "fake_pbs.h"

namespace catena {
namespace {

using testing::HasSubstr;
using testing::Not;

class Pbs : public testing::TestWithParam<const char*> {
 protected:
  bool torque() const { return std::string_view(GetParam()) == "torque"; }
  void without_history() const {
    server.tell("nohistory");
    server.tell("keep", "0");
    if (!torque()) server.site("accounting = no\n");
  }
  std::string job(const std::string& node) const {
    const auto status = box.status("", "--offline");
    for (const auto& each : status.at("nodes").as_array()) {
      if (each.at("name").as_string() == node && each.at("job").is_string())
        return std::string(each.at("job").as_string());
    }
    return "";
  }
  std::string listed(const std::string& node, const std::string& attribute) const {
    const auto history = torque() ? "qstat -f " : "qstat -x -f ";
    return shell_output(history + job(node) + " | sed -n 's/^    " + attribute + " = //p'");
  }
  int waited(const std::string& name) const { return box.catena("wait " + name + " --timeout 60s").status; }
  static std::string log() { return "    run: echo \"$CATENA_NODE\" >> '{{ workflow.dir }}/ran'\n"; }
  static std::string until_told() {
    return "    run: for i in $(seq 600); do [ -e '{{ workflow.dir }}/go' ] && exit 0; sleep 0.1; done\n";
  }
  std::string ran() const { return box.read("ran"); }
  Sandbox box{GetParam()};
  FakePbs server{box, GetParam()};
};

TEST_P(Pbs, AFailedMiddleSkipsItsDescendantsAndNothingStaysInTheQueue) {
  ASSERT_EQ(box.run("middle", "name: middle\nnodes:\n  a:\n" + log() +
                                  "  b:\n    after: [a]\n    run: exit 3\n  c:\n    after: [b]\n" + log() +
                                  "  d:\n    after: [c]\n" + log())
                .status,
            0);
  EXPECT_EQ(waited("middle"), 1);
  EXPECT_EQ(box.state("b"), "failed");
  EXPECT_EQ(box.state("c"), "skipped");
  EXPECT_EQ(box.state("d"), "skipped");
  EXPECT_EQ(ran(), "a\n");
  EXPECT_THAT(shell_output("qstat -f"), Not(HasSubstr("job_state = H")));
}

TEST_P(Pbs, ElementsGoOutAsOneArrayAndEachEndsInItsOwnWay) {
  if (torque()) GTEST_SKIP() << "catena submits no arrays to Torque";
  ASSERT_EQ(box.run("sweep", R"yaml(name: sweep
nodes:
  a:
    foreach: {i: 1..5}
    retry: {max: 1, backoff: 0s, permanent: [4]}
    run: |
      echo "{{ i }} {{ node.name }} attempt $CATENA_ATTEMPT"
      case "{{ i }}$CATENA_ATTEMPT" in 21) exit 9 ;; 31) exit 4 ;; esac
)yaml")
                .status,
            0);
  const auto first = job("a.4");
  EXPECT_THAT(first, testing::EndsWith("[4].pbshost"));
  EXPECT_EQ(first.substr(0, first.find('[')), job("a.5").substr(0, job("a.5").find('['))) << "one qsub";
  EXPECT_EQ(waited("sweep"), 1);
  for (const char* node : {"a.1", "a.2", "a.4", "a.5"}) EXPECT_EQ(box.state(node), "completed") << node;
  EXPECT_EQ(box.state("a.3"), "failed");
  EXPECT_EQ(box.catena("logs sweep a.5").out, "5 a.5 attempt 1\n");
  EXPECT_EQ(box.catena("logs sweep a.2").out, "2 a.2 attempt 2\n");
}

TEST_P(Pbs, ElementsThatWaitAreHeldReleasedAndCancelled) {
  if (torque()) GTEST_SKIP() << "catena submits no arrays to Torque";
  server.tell("slots", "1");
  ASSERT_EQ(box.run("wait",
                    "name: wait\nnodes:\n  a:\n    resources: {walltime: 1h}\n    run: |\n      for i in "
                    "$(seq 600); do [ -e '{{ workflow.dir }}/go' ] && exit 0; sleep 0.1; done\n"
                    "  b:\n    foreach: {i: 1..4}\n" +
                        log())
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  EXPECT_EQ(box.catena("pause wait").status, 0) << box.catena("status wait").out;
  EXPECT_EQ(listed("b.2", "Hold_Types"), "u\n");
  EXPECT_EQ(box.catena("resume wait").status, 0);
  EXPECT_EQ(listed("b.2", "Hold_Types"), "n\n");
  EXPECT_EQ(box.catena("cancel wait b.2").status, 0);
  box.write("go", "");
  EXPECT_EQ(waited("wait"), 9);
  EXPECT_EQ(box.state("b.2"), "cancelled");
  for (const char* node : {"b.1", "b.3", "b.4"}) EXPECT_EQ(box.state(node), "completed") << node;
  EXPECT_THAT(ran(), Not(HasSubstr("b.2")));
}

TEST_P(Pbs, EdgesAnyNotokAndStartMeanWhatTheyMeanElsewhere) {
  ASSERT_EQ(
      box.run("edges",
              "name: edges\nnodes:\n  bad:\n    run: exit 1\n  any:\n    after: {node: bad, on: any}\n" +
                  log() + "  notok:\n    after: {node: bad, on: notok}\n" + log() + "  long:\n" +
                  until_told() + "  start:\n    after: {node: long, on: start}\n" + log() +
                  "  unneeded:\n    after: {node: long, on: notok}\n" + log())
          .status,
      0);
  EXPECT_TRUE(box.until([&] { return box.state("start") == "completed"; })) << box.catena("status edges").out;
  EXPECT_EQ(box.state("long"), "running");
  box.write("go", "");
  EXPECT_EQ(waited("edges"), 1);
  EXPECT_EQ(box.state("any"), "completed");
  EXPECT_EQ(box.state("notok"), "completed");
  EXPECT_EQ(box.state("unneeded"), "skipped");
}

// Trap 2: qdel of a parent that never started strands its dependents.
TEST_P(Pbs, ACancelledParentStrandsNobody) {
  server.tell("slots", "0");
  ASSERT_EQ(box.run("strand", "name: strand\nnodes:\n  a:\n    run: 'true'\n  b:\n    after: [a]\n" + log() +
                                  "  c:\n    after: {node: a, on: any}\n" + log())
                .status,
            0);
  EXPECT_EQ(box.catena("cancel strand a").status, 0);
  server.tell("slots", "8");
  EXPECT_EQ(waited("strand"), 9) << box.catena("status strand").out;
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "completed");
  EXPECT_EQ(ran(), "c\n");
  EXPECT_THAT(shell_output("qstat -f"), Not(HasSubstr("job_state = H")));
}

TEST_P(Pbs, AJobDeletedByHandBeforeItStartedIsCancelledAndItsChildrenAreNotLeftBehind) {
  server.tell("slots", "0");
  ASSERT_EQ(box.run("hand", "name: hand\nnodes:\n  a:\n    run: 'true'\n  b:\n    after: [a]\n" + log() +
                                "  c:\n    after: {node: a, on: any}\n" + log())
                .status,
            0);
  shell_output("qdel " + job("a"));
  server.tell("slots", "8");
  EXPECT_EQ(waited("hand"), 9) << box.catena("status hand").out;
  EXPECT_EQ(box.state("a"), "cancelled");
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "completed");
}

TEST_P(Pbs, AHoldByHandIsShownAndItsReleaseLetsTheChainGoOn) {
  server.tell("slots", "0");
  ASSERT_EQ(
      box.run("byhand", "name: byhand\nnodes:\n  a:\n" + log() + "  b:\n    after: [a]\n" + log()).status, 0);
  EXPECT_EQ(box.state("a"), "queued");
  shell_output("qhold " + job("a"));
  server.tell("slots", "8");
  EXPECT_EQ(box.state("a"), "held");
  EXPECT_EQ(box.state("b"), "held");
  EXPECT_EQ(ran(), "");
  shell_output("qrls " + job("a"));
  EXPECT_EQ(waited("byhand"), 0);
  EXPECT_EQ(ran(), "a\nb\n");
}

// PBS deletes what depends on a job that is deleted while it waits itself, in whatever way it depends on it.
TEST_P(Pbs, ADependentThatIsRemovedWithASkippedParentRunsWhereItsEdgeIsMet) {
  ASSERT_EQ(
      box.run("taken", "name: taken\nnodes:\n  a:\n    run: exit 1\n  b:\n    after: [a]\n" + log() +
                           "  c:\n    after: {node: b, on: any}\n" + log() + "  d:\n    after: [c]\n" + log())
          .status,
      0);
  EXPECT_EQ(waited("taken"), 1) << box.catena("status taken").out;
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "completed");
  EXPECT_EQ(box.state("d"), "completed");
  EXPECT_EQ(ran(), "c\nd\n");
}

TEST_P(Pbs, ADependentThatIsRemovedWithACancelledParentRunsWhereItsEdgeIsMet) {
  ASSERT_EQ(box.run("taken", "name: taken\nnodes:\n  a:\n" + until_told() + "  b:\n    after: [a]\n" + log() +
                                 "  c:\n    after: {node: b, on: any}\n" + log())
                .status,
            0);
  EXPECT_EQ(box.catena("cancel taken b").status, 0);
  EXPECT_NE(box.state("c"), "cancelled");
  box.write("go", "");
  EXPECT_EQ(waited("taken"), 9) << box.catena("status taken").out;
  EXPECT_EQ(box.state("c"), "completed");
}

TEST_P(Pbs, ADependentThatIsDeletedByHandStaysCancelled) {
  if (torque()) GTEST_SKIP() << "it does not tell who deleted a job";
  server.tell("slots", "0");
  ASSERT_EQ(
      box.run("hand",
              "name: hand\nnodes:\n  a:\n    run: 'true'\n  b:\n    after: {node: a, on: any}\n" + log())
          .status,
      0);
  shell_output("qdel " + job("b") + " " + job("a"));
  EXPECT_EQ(waited("hand"), 9) << box.catena("status hand").out;
  EXPECT_EQ(box.state("b"), "cancelled");
  EXPECT_EQ(ran(), "");
}

// Trap 11: qdel returns before the job has ended.
TEST_P(Pbs, ARunningJobIsCancelledOnlyWhenItHasEnded) {
  ASSERT_EQ(box.run("running",
                    "name: running\nnodes:\n  a:\n    run: |\n      trap 'sleep 1; exit 0' TERM\n      "
                    "echo x > '{{ workflow.dir }}/started'\n      sleep 60 & wait\n  b:\n    after: "
                    "[a]\n" +
                        log())
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return !box.read("started").empty(); }));
  box.catena("sync running");
  EXPECT_EQ(box.catena("cancel running").status, 0);
  EXPECT_EQ(waited("running"), 9) << box.catena("status running").out;
  EXPECT_EQ(box.state("a"), "cancelled");
  EXPECT_EQ(ran(), "");
}

TEST_P(Pbs, ARetriedParentGetsItsChildrenBack) {
  ASSERT_EQ(
      box.run("retry",
              "name: retry\nnodes:\n  a:\n    retry: {max: 2, backoff: 1s}\n    run: |\n      echo x >> '{{ "
              "workflow.dir }}/tries'\n      [ $(wc -l < '{{ workflow.dir }}/tries') -ge 2 ]\n  b:\n    "
              "after: [a]\n" +
                  log() + "  c:\n    after: [b]\n" + log())
          .status,
      0);
  EXPECT_EQ(waited("retry"), 0) << box.catena("status retry").out;
  EXPECT_EQ(ran(), "b\nc\n");
  EXPECT_EQ(box.read("tries"), "x\nx\n");
}

TEST_P(Pbs, AServerThatIsDownChangesNothing) {
  ASSERT_EQ(
      box.run("down", "name: down\nnodes:\n  a:\n" + until_told() + "  b:\n    after: [a]\n" + log()).status,
      0);
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  server.tell("down");
  const auto said = box.catena("sync down");
  EXPECT_EQ(said.status, 7) << said.out;
  EXPECT_THAT(said.err, HasSubstr("errno=15010"));
  EXPECT_EQ(box.state("a"), "running");
  const auto refused = box.run("later", "name: later\nnodes:\n  x:\n" + log());
  EXPECT_EQ(refused.status, 7) << refused.err;
  server.take_back("down");
  box.write("go", "");
  EXPECT_EQ(waited("down"), 0);
  EXPECT_EQ(waited("later"), 0);
  EXPECT_THAT(ran(), testing::AnyOf("b\nx\n", "x\nb\n"));
}

// Trap 4: a reply that was lost says nothing of the job; the token does.
TEST_P(Pbs, AJobWhoseReplyWasLostIsAdoptedNotSubmittedTwice) {
  server.tell("lose.qsub");
  EXPECT_NE(box.run("lost", "name: lost\nnodes:\n  a:\n" + log()).status, 0);
  server.take_back("lose.qsub");
  EXPECT_EQ(waited("lost"), 0) << box.catena("status lost").out;
  EXPECT_EQ(ran(), "a\n");
  EXPECT_THAT(job("a"), HasSubstr("0."));
}

TEST_P(Pbs, Scenario16AnAnswerWithoutAnIdIsLookedUpByItsToken) {
  for (const std::string say : {"garbage", "silence", "failed"}) {
    server.tell("say.qsub", say);
    EXPECT_NE(box.run(say, "name: " + say + "\nnodes:\n  a:\n" + log()).status, 0) << say;
    server.take_back("say.qsub");
    EXPECT_EQ(waited(say), 0) << box.catena("status " + say).out;
  }
  EXPECT_EQ(ran(), "a\na\na\n");
}

TEST_P(Pbs, Scenario24AListingThatMeansNothingChangesNothing) {
  ASSERT_EQ(
      box.run("lies", "name: lies\nnodes:\n  a:\n" + until_told() + "  b:\n    after: [a]\n" + log()).status,
      0);
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  for (const auto* say : {"garbage", "silence", "truncated", "failed"}) {
    server.tell("say.qstat", say);
    box.catena("sync lies");
    EXPECT_EQ(box.state("a", "lies --offline"), "running") << say;
    EXPECT_EQ(box.state("b", "lies --offline"), "held") << say;
  }
  server.take_back("say.qstat");
  box.write("go", "");
  EXPECT_EQ(waited("lies"), 0);
  EXPECT_EQ(ran(), "b\n");
}

TEST_P(Pbs, AReleaseWhoseAnswerWasAFailureIsMadeAgain) {
  server.tell("fail.qrls", "1 qrls: something else");
  box.run("release", "name: release\nnodes:\n  a:\n" + log() + "  b:\n    after: [a]\n" + log());
  EXPECT_EQ(box.state("a", "release --offline"), "held");
  server.take_back("fail.qrls");
  EXPECT_EQ(waited("release"), 0);
  EXPECT_EQ(ran(), "a\nb\n");
}

TEST_P(Pbs, ARefusalIsSaidInPbssWordsAndTheRestGoesOn) {
  const auto said =
      box.run("refused",
              "name: refused\nnodes:\n  a:\n    resources: {queue: nowhere}\n    run: 'true'\n  "
              "b:\n    after: [a]\n" +
                  log() + "  c:\n" + log());
  EXPECT_EQ(said.status, 6);
  EXPECT_THAT(said.err, HasSubstr("Unknown queue"));
  EXPECT_EQ(waited("refused"), 1);
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(ran(), "c\n");
}

TEST_P(Pbs, ALimitOnQueuedJobsIsToppedUp) {
  server.tell("limit", "2");
  box.run("limit", "name: limit\nnodes:\n  a:\n    foreach: {i: 1..6}\n" + log());
  ASSERT_TRUE(box.until([&] {
    box.catena("sync limit");
    return box.status("limit", "--offline").at("state").as_string() == "completed";
  })) << box.catena("status limit").out;
  EXPECT_EQ(std::ranges::count(ran(), '\n'), 6);
}

TEST_P(Pbs, ATimeLimitIsATimeOut) {
  ASSERT_EQ(box.run("limit",
                    "name: limit\nnodes:\n  a:\n    resources: {walltime: 1s}\n    run: sleep 60\n  b:\n    "
                    "after: {node: a, on: notok}\n" +
                        log())
                .status,
            0);
  EXPECT_EQ(waited("limit"), 1);
  EXPECT_EQ(box.state("a"), "timeout");
  EXPECT_EQ(box.state("b"), "completed");
}

// Torque and older PBS cut names at 15 characters, or refuse them.
TEST_P(Pbs, TheTokenSurvivesAShortName) {
  server.site("name_length = 15\n");
  const std::string node = "a_rather_long_name_of_a_node";
  ASSERT_EQ(box.run("names", "name: names\nnodes:\n  " + node + ":\n" + log()).status, 0);
  EXPECT_EQ(waited("names"), 0);
  EXPECT_THAT(listed(node, "Job_Name"), testing::MatchesRegex("a_ra\\.[0-9a-z]{10}\n"));
}

TEST_P(Pbs, ABodySeesTheSameWorld) {
  ASSERT_EQ(box.run("world",
                    "name: world\nnodes:\n  a:\n    run: |\n      pwd; echo \"$CATENA_JOB_ID\"; umask; echo "
                    "said >&2\n")
                .status,
            0);
  EXPECT_EQ(waited("world"), 0);
  const auto said = box.catena("logs world a").out;
  EXPECT_THAT(said, HasSubstr("/a\n" + job("a") + "\n" + shell_output("umask")));
  EXPECT_THAT(shell_output("cat '" + box.dir.string() + "'/catena-runs/*/logs/a.1.err"), HasSubstr("said"));
}

TEST_P(Pbs, AJobThatCanNeverRunSaysWhy) {
  if (torque()) GTEST_SKIP() << "a comment of OpenPBS";
  ASSERT_EQ(box.run("big", "name: big\nnodes:\n  a:\n    resources: {cpus_per_task: 900}\n    run: 'true'\n")
                .status,
            0);
  EXPECT_THAT(box.catena("why big a").out, HasSubstr("Can Never Run"));
  EXPECT_EQ(box.catena("cancel big").status, 0);
}

// Without a history a job's own record tells its end, and its dependents' too.
TEST_P(Pbs, WithoutAHistoryTheRecordsDecide) {
  without_history();
  ASSERT_EQ(box.run("history", "name: history\nnodes:\n  a:\n    run: exit 1\n  b:\n    after: [a]\n" +
                                   log() + "  c:\n    after: {node: a, on: notok}\n" + log())
                .status,
            0);
  EXPECT_EQ(waited("history"), 1);
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "completed");
}

// The server deletes the waiting ones, and nobody tells.
TEST_P(Pbs, WithoutAHistoryALongParentThatFailsLeavesNobodyUnknown) {
  without_history();
  ASSERT_EQ(box.run("history",
                    "name: history\nnodes:\n  a:\n    run: sleep 4; exit 1\n  b:\n    after: [a]\n" + log() +
                        "  c:\n    after: [b]\n" + log() + "  d:\n    after: {node: b, on: any}\n" + log())
                .status,
            0);
  EXPECT_EQ(waited("history"), 1) << box.catena("status history").out;
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "skipped");
  EXPECT_EQ(box.state("d"), "completed");
}

TEST_P(Pbs, WithoutAHistoryARetriedParentGetsItsChildrenBack) {
  without_history();
  ASSERT_EQ(
      box.run("retry",
              "name: retry\nnodes:\n  a:\n    retry: {max: 2, backoff: 1s}\n    run: |\n      sleep "
              "3\n      echo x >> '{{ workflow.dir }}/tries'\n      [ $(wc -l < '{{ workflow.dir "
              "}}/tries') -ge 2 ]\n  b:\n    after: [a]\n" +
                  log() + "  c:\n    after: [b]\n" + log() + "  d:\n    after: {node: b, on: any}\n" + log())
          .status,
      0);
  EXPECT_EQ(waited("retry"), 0) << box.catena("status retry").out;
  EXPECT_THAT(ran(), testing::AnyOf("b\nc\nd\n", "b\nd\nc\n"));
  EXPECT_EQ(box.read("tries"), "x\nx\n");
}

// Nobody looks until the second try has completed: what was deleted with the first one must be known by then.
TEST_P(Pbs, WithoutAHistoryAQuickRetryGetsItsChildrenBack) {
  without_history();
  ASSERT_EQ(box.run("quick",
                    "name: quick\nnodes:\n  a:\n    retry: 2\n    run: |\n      echo x >> '{{ workflow.dir "
                    "}}/tries'\n      [ $(wc -l < '{{ workflow.dir }}/tries') -ge 2 ]\n  b:\n    "
                    "after: [a]\n" +
                        log())
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return shell_output("qstat -f") == ""; }));
  box.catena("sync quick");
  ASSERT_TRUE(box.until([&] { return box.read("tries") == "x\nx\n"; }));
  ASSERT_TRUE(box.until([&] { return shell_output("qstat -f") == ""; }));
  EXPECT_EQ(waited("quick"), 0) << box.catena("status quick").out;
  EXPECT_EQ(ran(), "b\n");
}

TEST_P(Pbs, WithoutAHistoryACancelledParentStrandsNobody) {
  without_history();
  server.tell("slots", "0");
  ASSERT_EQ(box.run("strand", "name: strand\nnodes:\n  a:\n    run: 'true'\n  b:\n    after: [a]\n" + log() +
                                  "  c:\n    after: {node: a, on: any}\n" + log())
                .status,
            0);
  EXPECT_EQ(box.catena("cancel strand a").status, 0);
  server.tell("slots", "8");
  EXPECT_EQ(waited("strand"), 9) << box.catena("status strand").out;
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "completed");
}

// The server of OpenPBS crashes over a list of ids of which it does not know the last.
TEST_P(Pbs, ACancelDoesNotBringTheServerDown) {
  without_history();
  server.tell("slots", "0");
  ASSERT_EQ(box.run("crash", "name: crash\nnodes:\n  a:\n    run: 'true'\n  b:\n    run: 'true'\n").status,
            0);
  shell_output("qdel " + job("a"));
  EXPECT_EQ(box.catena("cancel crash").status, 0);
  EXPECT_EQ(waited("crash"), 9) << box.catena("status crash").err;
  EXPECT_EQ(shell_output("qstat -f"), "");
}

// A body that has to be killed leaves no record.
TEST_P(Pbs, WithoutAHistoryACancelledJobThatLeftNoRecordEnds) {
  without_history();
  ASSERT_EQ(box.run("kill", "name: kill\nnodes:\n  a:\n" + until_told()).status, 0);
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  shell_output(
      "python3 -c 'import json, os; os.killpg(json.load(open(os.environ[\"FAKE_PBS\"] + "
      "\"/jobs\"))[1][\"0\"][\"pid\"], 9)'");
  ASSERT_TRUE(box.until([&] { return box.state("a") == "unknown"; }));
  EXPECT_EQ(box.catena("cancel kill").status, 0);
  EXPECT_EQ(waited("kill"), 9) << box.catena("status kill").out;
}

TEST_P(Pbs, AnUnknownStateIsKeptAsUnknown) {
  ASSERT_EQ(box.run("odd", "name: odd\nnodes:\n  a:\n" + until_told()).status, 0);
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  const auto number = job("a").substr(0, job("a").find('.'));
  server.tell("lie", number + " Z 99\n");
  EXPECT_EQ(box.state("a"), "unknown");
  EXPECT_THAT(box.catena("why odd a").out, HasSubstr("Z"));
  server.take_back("lie");
  box.write("go", "");
  EXPECT_EQ(waited("odd"), 0);
}

// Trap 6: one foreign job makes the whole listing invalid JSON.
TEST_P(Pbs, AForeignJobThatBreaksTheListingBreaksNothing) {
  if (torque()) GTEST_SKIP() << "Torque has no JSON";
  server.tell("foreign",
              "        \"999.pbshost\":{\n            \"Job_Name\":nan,\n            "
              "\"Account_Name\":\"a\\b\xe9\",\n       "
              "     \"Submit_arguments\":\"-- /bin/echo a\\\"b c\\d\"\n        }");
  ASSERT_EQ(
      box.run("foreign", "name: foreign\nnodes:\n  a:\n" + log() + "  b:\n    after: [a]\n    run: exit 2\n")
          .status,
      0);
  EXPECT_EQ(waited("foreign"), 1);
  EXPECT_EQ(box.state("a"), "completed");
  EXPECT_EQ(box.state("b"), "failed");
}

TEST_P(Pbs, DoctorTellsVersionServerAndHistory) {
  const auto said = box.catena(std::string("doctor ") + GetParam());
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_THAT(said.out, HasSubstr(torque() ? "completed jobs stay in the listing for 300 s"
                                           : "ended jobs stay in the history"));
  EXPECT_THAT(said.out, HasSubstr("queues: workq"));
  server.tell("down");
  EXPECT_EQ(box.catena(std::string("doctor ") + GetParam()).status, 7);
  server.take_back("down");
}

INSTANTIATE_TEST_SUITE_P(Fake, Pbs, testing::Values("pbs", "torque"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace catena
