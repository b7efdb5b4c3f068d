// What every backend has to do alike, seen from the command line: the local one, the real SLURM and the
// scripted PBS pass the same suite.
#include <gmock/gmock.h>

#include <optional>

#include "fake_pbs.h"

namespace catena {
namespace {

using testing::HasSubstr;

class Backends : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (box.site() == "slurm" && !getenv("CATENA_TEST_SLURM"))
      GTEST_SKIP() << "no private SLURM: scripts/test starts one";
    if (box.site() == "pbs" || box.site() == "torque") server.emplace(box, box.site());
  }
  // Each body appends its name to this file when it runs: what really happened, in order.
  std::string ran() const { return box.read("ran"); }
  static std::string log(const std::string& more = "") {
    return "    run: |\n      echo \"$CATENA_NODE\" >> '{{ workflow.dir }}/ran'\n" +
           (more.empty() ? "" : "      " + more + "\n");
  }
  Sandbox box{GetParam()};
  std::optional<FakePbs> server;
};

TEST_P(Backends, AChainRunsInItsOrder) {
  const auto said = box.run("chain",
                            "name: chain\nnodes:\n  a:\n" + log() + "  b:\n    after: [a]\n" + log() +
                                "  c:\n    after: b\n" + log(),
                            "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(ran(), "a\nb\nc\n");
}

TEST_P(Backends, ADiamondJoinsBothSides) {
  const auto said = box.run("diamond",
                            "name: diamond\nnodes:\n  a:\n" + log() + "  b:\n    after: [a]\n" + log() +
                                "  c:\n    after: [a]\n" + log() + "  d:\n    after: [b, c]\n" + log(),
                            "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(ran().substr(0, 2), "a\n");
  EXPECT_EQ(ran().substr(6), "d\n");
}

TEST_P(Backends, AFanOf300OpensAndCloses) {
  if (box.site() == "torque")
    GTEST_SKIP() << "the same submission lines as pbs, and the scripted server is slow";
  const auto said =
      box.run("fan",
              "name: fan\ndefaults: {resources: {memory: 10M}}\nnodes:\n  a:\n    run: 'true'\n  b:\n    "
              "foreach: {i: 1..300}\n    after: [a]\n    outputs: ['x{{ i }}']\n"
              "    run: echo {{ i }} > x{{ i }}\n  c:\n    after: [b]\n    run: cat "
              "\"$CATENA_RUN_DIR\"/b.*/x* | awk '{s += $1} END {print s}' > sum\n",
              "--wait --id f1");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(box.read("catena-runs/fan-f1/c/sum"), "45150\n");
}

TEST_P(Backends, AFailedNodeSkipsItsDescendantsAndNothingStaysQueued) {
  const auto said = box.run("fails",
                            "name: fails\nnodes:\n  a:\n    run: exit 3\n  b:\n    after: [a]\n" + log() +
                                "  c:\n    after: [b]\n" + log() + "  d:\n" + log(),
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(box.state("a"), "failed");
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "skipped");
  EXPECT_EQ(box.state("d"), "completed");
  EXPECT_EQ(ran(), "d\n");
  EXPECT_THAT(box.catena("why fails a").out, HasSubstr("exit 3"));
  EXPECT_THAT(box.catena("why fails c").out, HasSubstr("skipped"));
}

TEST_P(Backends, AnyAndNotokEdgesMeanTheSameEverywhere) {
  const auto said = box.run("edges",
                            "name: edges\nnodes:\n  good:\n    run: 'true'\n  bad:\n    run: exit 1\n"
                            "  cleanup:\n    after: {node: bad, on: any}\n" +
                                log() + "  rescue:\n    after: {node: bad, on: notok}\n" + log() +
                                "  never:\n    after: {node: good, on: notok}\n" + log() +
                                "  after-never:\n    after: {node: never, on: any}\n" + log() +
                                "  handler-of-never:\n    after: {node: never, on: notok}\n" + log() +
                                "  lost:\n    after: [bad]\n" + log() +
                                "  rescue-of-lost:\n    after: {node: lost, on: notok}\n" + log(),
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  for (const auto* node : {"cleanup", "rescue", "after-never", "rescue-of-lost", "good"})
    EXPECT_EQ(box.state(node), "completed") << node;
  for (const auto* node : {"never", "handler-of-never", "lost"})
    EXPECT_EQ(box.state(node), "skipped") << node;
}

TEST_P(Backends, AStartEdgeLetsTheChildRunBesideItsParent) {
  const auto said =
      box.run("start",
              "name: start\nnodes:\n  server:\n    run: |\n      for i in $(seq 600); do [ -e '{{ "
              "workflow.dir }}/met' ] && exit 0; sleep 0.1; done\n      exit 1\n"
              "  client:\n    after: {node: server, on: start}\n    run: touch '{{ workflow.dir }}/met'\n",
              "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
}

TEST_P(Backends, CancelEndsWhatRunsAndWhatWaits) {
  ASSERT_EQ(box.run("long",
                    "name: long\nnodes:\n  a:\n    run: echo x > '{{ workflow.dir }}/started'; sleep 300\n  "
                    "b:\n    after: [a]\n" +
                        log())
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return !box.read("started").empty(); }));
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  EXPECT_EQ(box.catena("cancel long").status, 0);
  EXPECT_EQ(box.catena("wait long --timeout 60s").status, 9);
  EXPECT_EQ(box.state("a"), "cancelled");
  EXPECT_EQ(box.state("b"), "cancelled");
  EXPECT_EQ(ran(), "");
  EXPECT_EQ(box.catena("cancel long").status, 0) << "safe to repeat";
}

TEST_P(Backends, CancellingOneNodeSkipsOnlyItsDescendants) {
  ASSERT_EQ(box.run("part",
                    "name: part\nnodes:\n  a:\n    run: |\n      for i in $(seq 600); do [ -e '{{ "
                    "workflow.dir }}/go' ] && exit 0; sleep 0.1; done\n  b:\n    after: [a]\n" +
                        log() + "  c:\n    after: [b]\n" + log() + "  d:\n    after: [a]\n" + log())
                .status,
            0);
  EXPECT_EQ(box.catena("cancel part b").status, 0);
  box.write("go", "");
  EXPECT_EQ(box.catena("wait part --timeout 60s").status, 9);
  EXPECT_EQ(box.state("b"), "cancelled");
  EXPECT_EQ(box.state("c"), "skipped");
  EXPECT_EQ(box.state("d"), "completed");
}

TEST_P(Backends, ABodyIsKilledAtItsTimeLimitAndTheNodeSaysSo) {
  if (box.site() == "slurm") GTEST_SKIP() << "SLURM's shortest limit is a minute: tests/live has it";
  const auto said = box.run(
      "limit",
      "name: limit\nnodes:\n  a:\n    resources: {walltime: 1s}\n    run: trap '' TERM; sleep 60; sleep 60\n",
      "--wait");
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(box.state("a"), "timeout");
}

TEST_P(Backends, TheBodySeesTheSameWorldEverywhere) {
  const auto said = box.run("world",
                            "name: world\nparams: {p: 'a b'}\nenv: {COLOUR: red}\nnodes:\n  w:\n    env: "
                            "{SHAPE: \"it's round\"}\n    run: |\n      pwd\n      echo \"$CATENA_NODE "
                            "$CATENA_ATTEMPT $CATENA_RUN $CATENA_PARAM_p $COLOUR $SHAPE\"\n"
                            "      echo {{ p }} \"{{ p }}\" '{{ p }}'\n      [ -n \"$CATENA_JOB_ID\" ] && "
                            "echo job\n      echo oops >&2\n      readlink /proc/self/fd/0 | grep -c null\n",
                            "--wait --id w1");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  const auto folder = (box.dir / "catena-runs/world-w1/w").string();
  const auto logs = box.catena("logs world w");
  EXPECT_EQ(logs.out, folder + "\nw 1 w1 a b red it's round\na b a b a b\njob\n1\n");
  EXPECT_EQ(logs.err, "oops\n");
}

TEST_P(Backends, ResultsAreRecordedAndShown) {
  const auto said =
      box.run("results",
              "name: results\nnodes:\n  a:\n    foreach: {x: [1, 2]}\n    results: {square: {file: out, "
              "regex: 'square (\\S+)'}}\n    run: echo square $(({{ x }} * {{ x }})).50 > out\n"
              "  b:\n    after: [a]\n    run: cat \"$CATENA_RUN_DIR\"/results/a.*.json\n",
              "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  const auto status = box.status();
  EXPECT_EQ(status.at("nodes").at(1).at("results").at("square").as_string(), "4.50");
  EXPECT_THAT(box.catena("logs results b").out,
              HasSubstr(R"({"node":"a.2","params":{"x":2},"results":{"square":4.50}})"));
}

TEST_P(Backends, InputsAreThereAndAMissingOneStopsTheRunBeforeItStarts) {
  box.write("in.txt", "value {{ x }}\n");
  const std::string yaml =
      "name: inputs\nnodes:\n  a:\n    params: {x: 7}\n    inputs: [in.txt, {from: in.txt, to: "
      "sub/filled.txt, render: true}]\n    run: cat in.txt sub/filled.txt\n";
  EXPECT_EQ(box.run("inputs", yaml, "--wait").status, 0);
  EXPECT_EQ(box.catena("logs inputs a").out, "value {{ x }}\nvalue 7\n");
  std::filesystem::remove(box.dir / "in.txt");
  const auto said = box.run("inputs", yaml);
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, HasSubstr("in.txt"));
  EXPECT_EQ(boost::json::parse(box.catena("list --json").out).as_array().size(), 1U);
}

TEST_P(Backends, AnUnmodifiedBatchScriptIsANode) {
  box.write("one.sbatch",
            "#!/bin/bash\n#SBATCH --job-name=one\n#SBATCH -n 2 --time=5\n#SBATCH --output=one-%j.log\n\necho "
            "first > data\necho \"in $PWD\"\n");
  box.write("two.sbatch", "#!/bin/bash\n#SBATCH --time=00:05:00\n#SBATCH --mem=100M\ncat data one-*.log\n");
  const auto said = box.run(
      "scripts",
      "name: scripts\nnodes:\n  one: {script: one.sbatch}\n  two: {script: two.sbatch, after: [one]}\n",
      "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(box.catena("logs scripts two").out, "first\nin " + box.dir.string() + "\n");
  EXPECT_EQ(box.catena("logs scripts one").out, "in " + box.dir.string() + "\n");
}

TEST_P(Backends, AFailedNodeIsTriedAgainAndItsChildrenWaitForTheRetry) {
  const auto said = box.run("retry",
                            "name: retry\nnodes:\n  a:\n    retry: {max: 2, backoff: 1s}\n    run: |\n      "
                            "echo x >> '{{ workflow.dir }}/tries'\n      [ $(wc -l < '{{ workflow.dir "
                            "}}/tries') -ge 2 ]\n  b:\n    after: [a]\n" +
                                log(),
                            "--wait");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(box.read("tries"), "x\nx\n");
  EXPECT_EQ(ran(), "b\n");
  EXPECT_EQ(box.status().at("nodes").at(0).at("attempts").as_int64(), 2);
}

TEST_P(Backends, OnFailureStopCancelsTheRest) {
  const auto said = box.run("stop",
                            "name: stop\nnodes:\n  a:\n    on_failure: stop\n    run: exit 1\n  b:\n    run: "
                            "sleep 300\n  c:\n    after: [b]\n" +
                                log(),
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(box.state("b"), "cancelled");
  EXPECT_EQ(box.state("c"), "cancelled");
}

TEST_P(Backends, ANodeTriedInPlaceKeepsItsJobAndItsChildren) {
  const auto said = box.run(
      "tries",
      "name: tries\nnodes:\n  a:\n    retry: {max: 2, how: in_place}\n    outputs: [x]\n" +
          log("[ $CATENA_TRY -lt 2 ] || touch x; [ $CATENA_TRY -gt 2 ] || exit 3") +
          "  b:\n    after: [a]\n" + log() + "  c:\n    retry: {max: 5, how: in_place, permanent: [4]}\n" +
          log("exit 4") + "  d:\n    retry: {max: 1, how: in_place}\n" + log("exit 5"),
      "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  const auto all = ran();
  for (const auto& [node, times] : {std::pair{"a\n", 3}, {"b\n", 1}, {"c\n", 1}, {"d\n", 2}}) {
    int found = 0;
    for (auto at = all.find(node); at != all.npos; at = all.find(node, at + 1)) ++found;
    EXPECT_EQ(found, times) << node << all;
  }
  EXPECT_EQ(box.state("a"), "completed");
  const auto why = box.catena("why tries a").out;
  EXPECT_THAT(why, HasSubstr("try: exit 3: tried again in the same job"));
  EXPECT_EQ(why.find("submitted:"), why.rfind("submitted:")) << why;
  EXPECT_THAT(box.catena("why tries d").out, HasSubstr("exit 5 (try 2 in the same job)"));
}

TEST_P(Backends, ALayeredGraphOf1000NodesRunsOnceEach) {
  if (server) GTEST_SKIP() << "the scripted server takes a tenth of a second for a job";
  std::string yaml = "name: layers\ndefaults: {resources: {memory: 10M}}\nnodes:\n";
  for (int layer = 1; layer <= 10; ++layer) {
    yaml += "  l" + std::to_string(layer) +
            ":\n    foreach: {i: 1..100}\n    run: echo \"$CATENA_NODE\" >> '{{ workflow.dir }}/ran'\n";
    if (layer > 1) yaml += "    after: [gate" + std::to_string(layer - 1) + "]\n";
    yaml += "  gate" + std::to_string(layer) + ":\n    after: [l" + std::to_string(layer) +
            "]\n    run: 'true'\n";
  }
  const auto said = box.run("layers", yaml, "--wait");
  EXPECT_EQ(said.status, 0) << said.out.substr(0, 3000) << said.err;
  EXPECT_EQ(std::ranges::count(ran(), '\n'), 1000);
}

INSTANTIATE_TEST_SUITE_P(All, Backends, testing::Values("local", "slurm", "pbs", "torque"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace catena
