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

// Job arrays where the scheduler has them, else jobs of their own.
TEST_P(Backends, ElementsFollowTheElementsOfTheirOwnNumber) {
  const auto said = box.run("each", R"yaml(name: each
nodes:
  a:
    foreach: {i: 1..4}
    run: |
      [ {{ i }} != 3 ] || exit 5
      catena put square=$(({{ i }} * {{ i }}))
  b:
    foreach: {i: 1..4}
    after: {node: a, each: true}
    run: echo "{{ i }} {{ nodes.a.results.square }}" >> '{{ workflow.dir }}/ran'
  c:
    after: {node: b, on: any}
    run: echo end >> '{{ workflow.dir }}/ran'
)yaml",
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(box.state("a.3"), "failed");
  EXPECT_EQ(box.state("b.3"), "skipped");
  for (const char* node : {"b.1", "b.2", "b.4", "c"}) EXPECT_EQ(box.state(node), "completed") << node;
  auto lines = ran();
  for (const char* line : {"1 1\n", "2 4\n", "4 16\n", "end\n"}) EXPECT_THAT(lines, HasSubstr(line));
  EXPECT_TRUE(lines.ends_with("end\n")) << lines;
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

// What a job says and what a later one gets to know of it.
TEST_P(Backends, ALaterNodeGetsWhatEarlierOnesFound) {
  box.write("in.txt", "celldm = {{ alat }}\nlist {{ nodes.sweep.results.v }}");
  const auto said = box.run("late", R"yaml(name: late
params: {scale: 2}
nodes:
  relax:
    run: |
      catena put energy=-15.840 msg="it's \"x\" \$HOME"
      echo 'e = 3.50 eV' > out
      echo '{"a": {"b": [1, 2.50]}}' > out.json
    results:
      e: {file: out, regex: '(\w) = (\S+)', group: 2}
      b: {file: out.json, pointer: /a/b/1}
      lines: {command: 'grep -c eV out'}
  sweep:
    foreach: {a: [1, 2, 3]}
    run: sh -c 'catena put v={{ a }}0'
  use:
    after: [relax, sweep]
    params: {alat: "{{ nodes.relax.results.e * scale }}"}
    env: {MSG: "<{{ nodes.relax.results.msg }}>"}
    inputs: [{from: in.txt, render: true}]
    outputs: [got]
    run: |
      echo {{ nodes.relax.results.msg }} "{{ nodes.relax.results.msg }}" '{{ nodes.relax.results.msg }}' > got
      echo {{ alat }} {{ alat | format('%.4f') }} $CATENA_PARAM_alat "$MSG" >> got
      for v in {{ nodes.sweep.results.v }}; do echo "v $v"; done >> got
      echo {{ nodes.sweep.results.v | json }} {{ nodes.sweep.2.results.v }} {{ nodes.sweep.params.a }} >> got
      echo {{ nodes.relax.results.none | default(7) }} {{ nodes.relax.results.b }} {{ nodes.relax.results.lines }} >> got
      cat in.txt >> got; echo >> got
      catena get relax.energy >> got
      catena get --json sweep.v >> got
      catena get alat >> got
)yaml",
                            "--wait --id r");
  ASSERT_EQ(said.status, 0) << said.out << said.err << box.catena("why late use").out;
  EXPECT_EQ(
      box.read("catena-runs/late-r/use/got"),
      "it's \"x\" $HOME it's \"x\" $HOME it's \"x\" $HOME\n7 7.0000 7 <it's \"x\" $HOME>\nv 10\nv 20\nv 30\n"
      "[10,20,30] 20 1 2 3\n7 2.50 1\ncelldm = 7\nlist 10 20 30\n-15.840\n[10,20,30]\n7\n");
  EXPECT_EQ(box.read("catena-runs/late-r/results/sweep.2.json"),
            "{\"node\":\"sweep.2\",\"params\":{\"a\":2,\"scale\":2},\"results\":{\"v\":20}}\n");
  EXPECT_EQ(box.read("catena-runs/late-r/results/use.json").substr(0, 46),
            "{\"node\":\"use\",\"params\":{\"alat\":7,\"scale\":2},\"r");
  const auto results = box.status("late").at("nodes").as_array()[0].at("results").as_object();
  EXPECT_EQ(results.at("energy"), "-15.840");
  EXPECT_EQ(results.at("msg"), "it's \"x\" $HOME");
  EXPECT_EQ(results.at("e"), "3.50");
}

TEST_P(Backends, AResultThatIsMissingFailsTheNodeBeforeItsBodyRuns) {
  const auto said = box.run("missing",
                            "name: missing\nnodes:\n  relax:\n    run: 'true'\n  use:\n    after: relax\n" +
                                log(": {{ nodes.relax.results.energy }}"),
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(ran(), "");
  EXPECT_THAT(box.catena("why missing use").out,
              HasSubstr("needs nodes.relax.results.energy, which relax did not give"));
}

TEST_P(Backends, AValueNeverBreaksOutOfItsPlace) {
  const auto said = box.run("nasty", R"yaml(name: nasty
nodes:
  a:
    run: |
      catena put v="'; touch hacked; \"; \$(touch hacked) \`touch hacked\`
      EOF
      touch hacked"
  b:
    after: a
    run: |
      echo {{ nodes.a.results.v }}
      echo "{{ nodes.a.results.v }}" '{{ nodes.a.results.v }}' $(echo {{ nodes.a.results.v }})
      test ! -e hacked
)yaml",
                            "--wait --id n");
  EXPECT_EQ(said.status, 0) << said.out << said.err << box.catena("logs nasty b").out;
}

TEST_P(Backends, AJobAddsNodesThatItHasFound) {
  const auto said = box.run("grow", R"yaml(name: grow
params: {word: part}
nodes:
  find:
    run: |
      catena put count=2
      cat > more.yaml <<'EOF'
      nodes:
        part:
          foreach: {i: 1..2}
          run: echo {{ word }} {{ '{{' }} i }} of {{ '{{' }} nodes.find.results.count }} >> ../parts
        sum:
          after: [part, beside]
          results: {lines: {command: wc -l < ../parts}}
          run: "true"
      EOF
      catena extend more.yaml && catena extend more.yaml
  beside: {run: "true"}
  after: {after: find, run: "true"}
)yaml",
                            "--wait --id g");
  ASSERT_EQ(said.status, 0) << said.out << said.err << box.catena("why grow find").out;
  for (const char* node : {"find", "after", "part.1", "part.2", "sum"})
    EXPECT_EQ(box.state(node), "completed") << node;
  auto lines = box.read("catena-runs/grow-g/parts");
  EXPECT_TRUE(lines == "part 1 of 2\npart 2 of 2\n" || lines == "part 2 of 2\npart 1 of 2\n") << lines;
  EXPECT_EQ(box.status("grow").at("nodes").as_array().size(), 6U);
  EXPECT_THAT(box.catena("why grow find").out, HasSubstr("extended: 3 nodes: part.1, part.2, sum"));
  EXPECT_THAT(box.catena("why grow sum").out, HasSubstr("completed"));
}

// As many steps as it takes.
TEST_P(Backends, ANodeThatWasAddedAddsTheNext) {
  box.write("step.sh",
            "n=${CATENA_NODE#step-}\necho $n >> \"$CATENA_RUN_DIR/steps\"\n[ $n -eq 3 ] || "
            "echo \"{\\\"nodes\\\": {\\\"step-$((n + 1))\\\": {\\\"script\\\": \\\"step.sh\\\"}}}\" | "
            "catena extend -\n");
  const auto said = box.run("steps", "name: steps\nnodes:\n  step-1: {script: step.sh}\n", "--wait --id t");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(box.read("catena-runs/steps-t/steps"), "1\n2\n3\n");
}

TEST_P(Backends, EveryElementOfAFanAddsANode) {
  const auto said = box.run("fan", R"yaml(name: fan
nodes:
  find:
    foreach: {i: 1..20}
    run: 'echo "nodes: {more-{{ i }}: {run: \"true\"}}" | catena extend -'
)yaml",
                            "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  const auto nodes = box.status("fan").at("nodes").as_array();
  EXPECT_EQ(nodes.size(), 40U);
  for (const auto& node : nodes) EXPECT_EQ(node.at("state"), "completed") << node;
}

TEST_P(Backends, AnExtensionWithMistakesFailsItsNodeAndAddsNothing) {
  const auto said = box.run("bad", R"yaml(name: bad
nodes:
  find:
    run: |
      printf 'nodes:\n  other: {run: "true"}\n  b: {rnu: "true", after: fidn}\nparams: {a: 1}\n' | catena extend -
  other: {run: "true"}
  last: {after: find, run: "true"}
)yaml",
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(box.state("find"), "failed");
  EXPECT_EQ(box.state("other"), "completed");
  EXPECT_EQ(box.status("bad").at("nodes").as_array().size(), 3U);
  const auto why = box.catena("why bad find").out;
  for (const char* mistake :
       {"the extension by find:2:3: node 'other': the run has a node of this name already",
        "3:7: node 'b': unknown key 'rnu' in node", "after: unknown node 'fidn' (did you mean 'find'?)",
        "unknown key 'params' in an extension"})
    EXPECT_THAT(why, HasSubstr(mistake));
}

TEST_P(Backends, AJobSaysThatItHasFailedForGood) {
  const auto said =
      box.run("fail",
              "name: fail\nnodes:\n  a:\n    retry: 2\n" + log("catena fail --permanent \"it's no use\"") +
                  "  b:\n    after: a\n" + log(),
              "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(ran(), "a\n") << "no other try, and nothing after it";
  EXPECT_THAT(box.catena("why fail a").out, HasSubstr("it's no use"));
}

TEST_P(Backends, AFurtherAttemptFindsTheFilesOfTheCheckpoint) {
  const auto said = box.run("point", R"yaml(name: point
nodes:
  a:
    retry: 1
    outputs: [restart]
    run: |
      if [ "$CATENA_CHECKPOINT" = yes ]; then cat state sub/more > restart; exit 0; fi
      mkdir sub; echo 1 > state; echo 2 > sub/more
      catena checkpoint state sub/more
      echo torn > state
      catena put tried=yes
      exit 3
)yaml",
                            "--wait --id c");
  EXPECT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(box.read("catena-runs/point-c/a/restart"), "1\n2\n");
  EXPECT_FALSE(std::filesystem::exists(box.dir / "catena-runs/point-c/results/a.json"))
      << "what the failed attempt put is not the node's result";
}

TEST_P(Backends, AServiceTellsWhereItIs) {
  const auto said = box.run("service", R"yaml(name: service
nodes:
  db:
    run: |
      sleep 0.3
      catena ready "127.0.0.1:54 32"
      for i in $(seq 600); do [ -e '{{ workflow.dir }}/met' ] && exit 0; sleep 0.1; done
      exit 1
  client:
    after: {node: db, on: start}
    run: echo {{ nodes.db.address }} > '{{ workflow.dir }}/met'
)yaml",
                            "--wait --id s");
  EXPECT_EQ(said.status, 0) << said.out << said.err << box.catena("why service client").out;
  EXPECT_EQ(box.read("met"), "127.0.0.1:54 32\n");
  EXPECT_FALSE(std::filesystem::exists(box.dir / "catena-runs/service-s/.catena/ready/db"))
      << "it is not up any more";
}

// Nobody calls catena while it runs: the service's own job sees that it is not needed any more.
TEST_P(Backends, AServiceEndsByItselfAfterItsLastUser) {
  ASSERT_EQ(box.run("idle", R"yaml(name: idle
nodes:
  db:
    kind: service
    run: |
      trap 'echo closed > "$CATENA_RUN_DIR/closed"; exit 9' TERM
      catena ready somewhere
      while :; do sleep 0.2; done
  first:
    after: {node: db, on: start}
    run: echo {{ nodes.db.address }} > first
  last:
    after: [first, {node: db, on: start}]
    run: echo {{ nodes.db.address }} > last
)yaml",
                    "--id i")
                .status,
            0);
  const std::string folder = "catena-runs/idle-i/";
  ASSERT_TRUE(box.until([&] { return !box.read(folder + "closed").empty(); }));
  EXPECT_EQ(box.read(folder + "last/last"), "somewhere\n");
  const auto said = box.catena("wait idle --timeout 60s");
  EXPECT_EQ(said.status, 0) << said.out << said.err << box.catena("why idle db").out;
  EXPECT_EQ(box.state("db"), "completed");
  EXPECT_THAT(box.catena("why idle db").out, HasSubstr("stopped: no node uses it any more"));
}

// A user that has failed may be tried again: only a pass knows that it will not.
TEST_P(Backends, AServiceWhoseUserFailedIsStoppedByTheNextPass) {
  const auto said = box.run("gone", R"yaml(name: gone
nodes:
  db: {kind: service, run: "catena ready x; exec sleep 300"}
  user:
    after: {node: db, on: start}
    retry: 1
    run: test {{ nodes.db.address }} = y
)yaml",
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(box.state("user"), "failed");
  EXPECT_EQ(box.state("db"), "completed");
  EXPECT_THAT(box.catena("why gone db").out, HasSubstr("stopped: no node uses it any more"));
}

TEST_P(Backends, ABodyRunsInScratchAndWhatItLeavesComesBackHoweverItEnds) {
  box.write("in", "2\n");
  const auto said = box.run("scratch", R"yaml(name: scratch
nodes:
  good:
    run_in: scratch
    inputs: [in]
    outputs: [out]
    results: {double: {file: out}}
    run: |
      [ "$PWD" = "$CATENA_SCRATCH" ] && [ "$PWD" != "$CATENA_WORKDIR" ] || exit 9
      echo $(($(cat in) * 2)) > out
  bad:
    run_in: scratch
    retry: 1
    run: |
      [ "$CATENA_CHECKPOINT" != yes ] || { cat state more > both; exit 0; }
      echo 1 > state
      catena checkpoint state
      echo torn > state; echo 2 > more
      exit 3
)yaml",
                            "--wait --id s");
  EXPECT_EQ(said.status, 0) << said.out << said.err << box.catena("why scratch good").out;
  EXPECT_EQ(box.read("catena-runs/scratch-s/good/out"), "4\n");
  EXPECT_EQ(box.status().at("nodes").at(0).at("results").at("double").as_string(), "4");
  EXPECT_EQ(box.read("catena-runs/scratch-s/bad/both"), "1\n2\n");
}

TEST_P(Backends, ACancelledOrTimedOutBodysFilesComeBackFromScratch) {
  ASSERT_EQ(box.run("late", R"yaml(name: late
nodes:
  cancelled: {run_in: scratch, run: "echo half > restart; touch '{{ workflow.dir }}/up'; exec sleep 300"}
)yaml",
                    "--id l")
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return std::filesystem::exists(box.dir / "up"); }));
  ASSERT_TRUE(box.until([&] { return box.state("cancelled") == "running"; }));
  EXPECT_EQ(box.catena("cancel late").status, 0);
  EXPECT_EQ(box.catena("wait late --timeout 60s").status, 9);
  EXPECT_EQ(box.read("catena-runs/late-l/cancelled/restart"), "half\n");
  if (box.site() == "slurm") return;  // its shortest limit is a minute
  const auto said = box.run("limit", R"yaml(name: limit
nodes:
  slow: {run_in: scratch, resources: {walltime: 1s}, run: "echo half > restart; sleep 60"}
)yaml",
                            "--wait --id t");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  EXPECT_EQ(box.state("slow"), "timeout");
  EXPECT_EQ(box.read("catena-runs/limit-t/slow/restart"), "half\n");
}

TEST_P(Backends, WhatAJobSaysIsSeenWhileItRunsAndOnce) {
  ASSERT_EQ(box.run("talk", R"yaml(name: talk
nodes:
  a:
    run: |
      for again in 1 2; do catena event "step 3 is \"done\""; catena put x=1.50; done
      catena progress 0.4 "step 3"
      for i in $(seq 600); do [ -e '{{ workflow.dir }}/go' ] && exit 0; sleep 0.1; done
)yaml")
                .status,
            0);
  EXPECT_TRUE(
      box.until([&] { return box.catena("status talk").out.find("40%: step 3") != std::string::npos; }));
  EXPECT_THAT(box.catena("status talk --results").out, HasSubstr("40%: step 3 x=1.50"));
  box.write("go", "");
  EXPECT_EQ(box.catena("wait talk --timeout 60s").status, 0);
  const auto why = box.catena("why talk a").out;
  const auto event = why.find("event: step 3 is \"done\"");
  ASSERT_NE(event, why.npos) << why;
  EXPECT_EQ(why.find("event: step 3 is", event + 1), why.npos) << why;
  EXPECT_THAT(why, HasSubstr("progress: 40%: step 3"));
}

// Where catena is installed on the node, its own verbs are found first.
TEST_P(Backends, TheRealCatenaSaysTheSame) {
  const auto body = [](const std::string& path) {
    return "    run: |\n      " + path + R"yaml(catena put a=1.50 b="x y" c=true
      catena put --json d='[1,{"e":null}]'
      catena put =1 2> err; echo $? >> err
      catena get none.x 2>> err; echo $? >> err
      env -u CATENA_RUN_DIR catena put a=1 2> /dev/null; echo $? >> err
      catena event hello
      catena put said="$(cat err)" which="$(command -v catena | grep -c '/[.]catena/bin/')"
)yaml";
  };
  const auto folder = std::filesystem::path(CATENA_BINARY).parent_path().string();
  const auto said = box.run(
      "both",
      "name: both\nnodes:\n  tool:\n" + body("") + "  real:\n" + body("PATH='" + folder + "':$PATH\n      "),
      "--wait --id b");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  const auto results = [&](const char* node) {
    return box.read("catena-runs/both-b/results/" + std::string(node) + ".json");
  };
  auto tool = results("tool"), real = results("real");
  EXPECT_THAT(
      tool,
      HasSubstr(R"("a":1.50,"b":"x y","c":true,"d":[1,{"e":null}],"said":"catena: put: '' is not a name)"));
  EXPECT_THAT(tool, HasSubstr(R"("which":1)"));
  EXPECT_THAT(real, HasSubstr(R"("which":0)"));
  real.replace(real.find("real"), 4, "tool").replace(real.find("\"which\":0"), 9, "\"which\":1");
  EXPECT_EQ(real, tool);
}

INSTANTIATE_TEST_SUITE_P(All, Backends, testing::Values("local", "slurm", "pbs", "torque"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace catena
