// Scenarios by the numbers of the project's list of what an engine like this must survive: those that need
// the whole program and no part that lies. The others: tests/liar, tests/crash, loss_live_test.cc, and by
// their number in the unit tests.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "sandbox.h"

namespace catena {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Pair;

class Scenarios : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (box.site() == "slurm" && !getenv("CATENA_TEST_SLURM"))
      GTEST_SKIP() << "no private SLURM: scripts/test starts one";
  }
  // A body that says when it begins and when it ends, and has more to do in between.
  std::string body(const std::string& more = ":") const {
    const auto say = [](const std::string& what) {
      return "      echo \"" + what + " $CATENA_NODE\" >> '{{ workflow.dir }}/ran'\n";
    };
    return "    run: |\n" + say("begin") + "      " + more + "\n" + say("end");
  }
  // Waits for a file of this name beside the workflow.
  static std::string until_there(const std::string& name) {
    return "for i in $(seq 900); do [ -e '{{ workflow.dir }}/" + name + "' ] && break; sleep 0.1; done";
  }
  std::map<std::string, int> times(const std::string& what) const {
    std::map<std::string, int> result;
    std::istringstream all(box.read("ran"));
    for (std::string word, node; all >> word >> node;) result[node] += word == what;
    return result;
  }
  bool begun(const std::string& node) const { return times("begin")[node] > 0; }

  // `catena ARGUMENTS…` beside the test.
  pid_t start(std::vector<std::string> arguments, const std::string& program = CATENA_BINARY) const {
    const auto pid = fork();
    if (pid != 0) return pid;
    if (chdir(box.dir.c_str()) != 0 || !freopen("/dev/null", "w", stdout) ||
        !freopen("/dev/null", "w", stderr))
      _exit(126);
    setenv("CATENA_HOME", (box.dir / "home").c_str(), 1);
    setenv("CATENA_SITE_PATH", (box.dir / "sites").c_str(), 1);
    std::vector<char*> argv{const_cast<char*>("catena")};
    for (auto& each : arguments) argv.push_back(each.data());
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  static void end(pid_t pid, int signal) {
    kill(pid, signal);
    waitpid(pid, nullptr, 0);
  }
  // A `catena run` of 120 nodes, stopped in the middle of its submissions.
  pid_t start_and_freeze() const {
    box.write("frozen.yaml",
              "name: frozen\ndefaults: {resources: {memory: 10M}}\nnodes:\n  a:\n    foreach: {i: 1..120}\n" +
                  body() + "  b:\n    after: [a]\n" + body());
    const auto pid = start({"run", "frozen.yaml", "--site", box.site()});
    const bool submits = box.until([&] {
      const auto list = box.catena("list --json");
      if (list.status != 0) return false;
      const auto runs = boost::json::parse(list.out).as_array();
      return !runs.empty();
    });
    kill(pid, SIGSTOP);
    return submits ? pid : -1;
  }
  Sandbox box{GetParam()};
};

TEST_P(Scenarios, Scenario5WhateverEndsCatenaEachNodeSucceedsOnce) {
  ASSERT_EQ(box.run("stop", "name: stop\nnodes:\n  a:\n" + body(until_there("a")) + "  b:\n    after: a\n" +
                                body(until_there("b")) + "  c:\n    after: b\n" + body(until_there("c")))
                .status,
            0);
  for (const auto& [node, signal] : {std::pair{"a", SIGTERM}, {"b", SIGINT}, {"c", SIGKILL}}) {
    const auto pid = start({"wait", "stop"});
    EXPECT_TRUE(box.until([&, name = node] { return begun(name); })) << node;
    end(pid, signal);
    box.write(node, "");
  }
  EXPECT_EQ(box.catena("wait stop --timeout 60s").status, 0);
  EXPECT_THAT(times("end"), testing::ElementsAre(Pair("a", 1), Pair("b", 1), Pair("c", 1)));
}

TEST_P(Scenarios, Scenario6ASecondDriverIsRefusedAndTheOrphanOfADeadOneTakenOver) {
  const auto pid = start_and_freeze();
  ASSERT_GT(pid, 0);
  const auto refused = box.catena("sync frozen");
  EXPECT_EQ(refused.status, 8) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("process " + std::to_string(pid)));
  end(pid, SIGKILL);
  EXPECT_EQ(box.catena("wait frozen --timeout 120s").status, 0) << box.catena("status frozen").out;
  EXPECT_EQ(times("end").size(), 121U);
  EXPECT_THAT(times("begin"), Each(Pair(testing::_, 1)));
}

TEST_P(Scenarios, Scenario20ARetryThatIsAskedForDuringTheSubmissionWaitsForItsEnd) {
  const auto pid = start_and_freeze();
  ASSERT_GT(pid, 0);
  shell_output("(sleep 1; kill -CONT " + std::to_string(pid) + ") > /dev/null &");
  const auto said = box.catena("retry frozen");
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("nothing has failed"));
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(box.catena("wait frozen --timeout 120s").status, 0);
  EXPECT_THAT(times("begin"), Each(Pair(testing::_, 1)));
}

TEST_P(Scenarios, Scenario7StatusIsTrueRightAfterARestart) {
  ASSERT_EQ(box.run("truth", "name: truth\nnodes:\n  a:\n" + body(until_there("a")) + "  b:\n    after: a\n" +
                                 body(until_there("b")))
                .status,
            0);
  const auto pid = start({"wait", "truth"});
  EXPECT_TRUE(box.until([&] { return begun("a"); }));
  end(pid, SIGKILL);
  box.write("a", "");
  ASSERT_TRUE(box.until([&] { return begun("b"); })) << "no catena is needed for that";
  // SLURM may have begun b before it shows it.
  EXPECT_TRUE(box.until([&] { return box.state("b") == "running"; }, 10));
  EXPECT_EQ(box.state("a"), "completed");
  box.write("b", "");
  EXPECT_EQ(box.catena("wait truth --timeout 60s").status, 0);
}

TEST_P(Scenarios, Scenario8ARestartWithOneNodeInEachStateKeepsThemAll) {
  ASSERT_EQ(box.run("each",
                    "name: each\nnodes:\n  good: {run: 'true'}\n  bad: {run: exit 3}\n"
                    "  after_bad: {after: bad, run: 'true'}\n"
                    "  slow:\n" +
                        body(until_there("slow")) + "  behind:\n    after: slow\n" + body() + "  gone:\n" +
                        body("sleep 300") +
                        "  again:\n    retry: {max: 1, backoff: 1h}\n    run: exit 4\n"
                        "  later: {after: {node: again, on: any}, run: 'true'}\n")
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return begun("slow") && begun("gone"); }));
  EXPECT_EQ(box.catena("cancel each gone").status, 0);
  const std::map<std::string, std::string> wanted = {
      {"good", "completed"}, {"bad", "failed"},     {"after_bad", "skipped"}, {"slow", "running"},
      {"behind", "held"},    {"gone", "cancelled"}, {"again", "queued"},      {"later", "held"}};
  const auto states = [&] {
    std::map<std::string, std::string> all;
    const auto status = box.status("each", "--offline");
    for (const auto& node : status.at("nodes").as_array())
      all[std::string(node.at("name").as_string())] = node.at("state").as_string();
    return all;
  };
  EXPECT_TRUE(box.until([&] { return box.catena("sync each").status == 0 && states() == wanted; }));
  const auto pid = start({"wait", "each"});
  end(pid, SIGKILL);
  EXPECT_EQ(box.catena("sync each").status, 0);
  EXPECT_EQ(states(), wanted);
  box.write("slow", "");
  EXPECT_TRUE(
      box.until([&] { return box.catena("sync each").status == 0 && states()["behind"] == "completed"; }));
  EXPECT_EQ(box.catena("cancel each").status, 0);
  EXPECT_EQ(box.catena("wait each --timeout 60s").status, 1) << "something had failed before";
  EXPECT_EQ(times("end"), (std::map<std::string, int>{{"behind", 1}, {"gone", 0}, {"slow", 1}}));
}

TEST_P(Scenarios, Scenario9RetryCountsAndHoldsSurviveARestart) {
  ASSERT_EQ(box.run("count", "name: count\nnodes:\n  a:\n    retry: 2\n" + body("exit 3") +
                                 "  b:\n    after: {node: a, on: any}\n" + body())
                .status,
            0);
  EXPECT_EQ(box.catena("pause count").status, 0);
  for (int i = 0; i < 3; ++i) {
    const auto pid = start({"wait", "count"});
    usleep(200'000);  // wherever it is by then
    end(pid, SIGKILL);
  }
  EXPECT_EQ(box.status("count").at("state").as_string(), "paused");
  EXPECT_EQ(box.catena("resume count").status, 0);
  for (int i = 1; i <= 2; ++i) {
    const auto pid = start({"wait", "count"});
    EXPECT_TRUE(box.until([&] { return times("begin")["a"] >= i; }));
    end(pid, SIGKILL);
  }
  EXPECT_EQ(box.catena("wait count --timeout 60s").status, 1);
  EXPECT_EQ(times("begin")["a"], 3);
  EXPECT_EQ(times("end")["b"], 1);
}

TEST_P(Scenarios, Scenario12ATornRecordIsNoEnd) {
  ASSERT_EQ(box.run("torn",
                    "name: torn\nnodes:\n  a:\n" +
                        body("echo $CATENA_TOKEN > '{{ workflow.dir }}/token'\n      " + until_there("go")),
                    "--id t1")
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return begun("a") && !box.read("token").empty(); }));
  auto token = box.read("token");
  token.pop_back();
  const auto record = "catena-runs/torn-t1/.catena/spool/" + token + ".exit";
  box.write(record, "{\"v\":1,\"kind\":\"exit\",\"token\":\"" + token + "\",\"ex");
  EXPECT_TRUE(box.until([&] { return box.state("a") == "running"; })) << box.state("a");
  EXPECT_EQ(box.catena("sync t1").status, 0);
  EXPECT_EQ(box.state("a"), "running");
  box.write("go", "");
  EXPECT_EQ(box.catena("wait t1 --timeout 60s").status, 0);
}

TEST_P(Scenarios, Scenario18MoreJobsThanOneCommandLineTakes) {
  box.write("sites/narrow.ini", "[scheduler]\nkind = " + box.site() + "\n[limits]\nargument_bytes = 1000\n");
  box.write("many.yaml", "name: many\ndefaults: {resources: {memory: 10M}}\nnodes:\n  gate:\n" +
                             body("sleep 300") +
                             "  a:\n    foreach: {i: 1..300}\n    after: {node: gate, on: any}\n" + body());
  ASSERT_EQ(box.catena("run many.yaml --site narrow").status, 0);
  EXPECT_EQ(box.catena("sync many").status, 0);
  EXPECT_EQ(box.catena("pause many").status, 0);
  EXPECT_EQ(box.catena("resume many").status, 0);
  EXPECT_EQ(box.catena("cancel many").status, 0);
  EXPECT_EQ(box.catena("wait many --timeout 60s").status, 9);
  EXPECT_EQ(box.status("many").at("counts").at("cancelled").as_int64(), 301);
  EXPECT_LE(std::ranges::count(box.read("ran"), '\n'), 1) << "the gate at most: " << box.read("ran");
}

TEST_P(Scenarios, Scenario32AJobThatReportsWhileNothingRunsIsFoundLater) {
  ASSERT_EQ(box.run("alone", "name: alone\nnodes:\n  a:\n" + body() + "  b:\n    after: a\n" + body()).status,
            0);
  ASSERT_TRUE(box.until([&] { return times("end")["b"] == 1; }));
  EXPECT_EQ(box.catena("wait alone --timeout 60s").status, 0);
  EXPECT_EQ(box.state("a"), "completed");
}

TEST_P(Scenarios, Scenario35TheProgramIsReplacedWhileJobsRun) {
  box.write("new.yaml", "name: new\nnodes:\n  a:\n" + body(until_there("go")) +
                            "  b:\n    after: a\n    retry: 1\n" +
                            body("[ $CATENA_ATTEMPT -gt 1 ] || exit 3"));
  const auto program = box.dir / "catena";
  std::filesystem::copy_file(CATENA_BINARY, program);
  const auto pid = start({"run", "new.yaml", "--site", box.site()}, program);
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(box.until([&] { return begun("a"); }));
  std::filesystem::remove(program);
  box.write("catena", "#!/bin/sh\nexit 1\n");
  box.write("go", "");
  EXPECT_EQ(box.catena("wait new --timeout 60s").status, 0) << box.catena("why new b").out;
  EXPECT_EQ(times("end"), (std::map<std::string, int>{{"a", 1}, {"b", 1}}));
}

TEST_P(Scenarios, Scenario39AChainOf5000IsSubmittedAndCancelled) {
  std::string yaml = "name: long\ndefaults: {resources: {memory: 10M}}\nnodes:\n  n1:\n" + body("sleep 300");
  for (int i = 2; i <= 5000; ++i)
    yaml += "  n" + std::to_string(i) + ": {after: n" + std::to_string(i - 1) +
            ", run: 'echo begin $CATENA_NODE >> \"{{ workflow.dir }}/ran\"'}\n";
  const auto said = box.run("long", yaml);
  ASSERT_EQ(said.status, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("5000 of 5000 nodes submitted"));
  EXPECT_EQ(box.catena("cancel long").status, 0);
  EXPECT_EQ(box.catena("wait long --timeout 100s").status, 9);
  EXPECT_EQ(box.status("long").at("counts").at("cancelled").as_int64(), 5000);
  EXPECT_EQ(times("begin").count("n2"), 0U);
}

TEST_P(Scenarios, Scenario41RecoveryRunsOnlyWhatHasNotCompleted) {
  ASSERT_EQ(
      box.run("mend",
              "name: mend\nnodes:\n  a:\n" + body() + "  b:\n    after: a\n" +
                  body("[ -e '{{ workflow.dir }}/mended' ] || exit 3") + "  c:\n    after: b\n" + body(),
              "--wait")
          .status,
      1);
  box.write("mended", "");
  EXPECT_EQ(box.catena("recover mend").status, 0);
  EXPECT_EQ(box.catena("wait mend --timeout 60s").status, 0);
  EXPECT_EQ(times("begin"), (std::map<std::string, int>{{"a", 1}, {"b", 2}, {"c", 1}}));
}

TEST_P(Scenarios, Scenario43CancelledWhileItRunsAndWhileItWaits) {
  for (const auto* moment : {"running", "held"}) {
    const std::string name = std::string("end-") + moment;
    ASSERT_EQ(box.run(name, "name: " + name + "\nnodes:\n  a:\n" + body("sleep 300") +
                                "  b:\n    after: a\n" + body())
                  .status,
              0);
    const std::string node = moment == std::string("running") ? "a" : "b";
    EXPECT_TRUE(box.until([&] { return box.state(node, name) == moment; })) << moment;
    EXPECT_EQ(box.catena("cancel " + name).status, 0);
    EXPECT_EQ(box.catena("wait " + name + " --timeout 60s").status, 9)
        << moment << box.catena("why " + name + " a").out << box.catena("why " + name + " b").out;
  }
  EXPECT_EQ(times("end")["b"], 0);
}

TEST_P(Scenarios, Scenario44ASlowStageInIsCompleteBeforeTheDependentsStart) {
  box.write("big", std::string(200'000'000, 'x'));
  const auto said = box.run("stage",
                            "name: stage\nnodes:\n  a: {run: 'true'}\n  b:\n    after: a\n    inputs: "
                            "[big]\n    run: '[ $(wc -c < big) = 200000000 ]'\n",
                            "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, testing::Values("local", "slurm"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace catena
