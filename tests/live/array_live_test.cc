// Job arrays on the real SLURM: one submission, and each element still a node of its own.
#include <gmock/gmock.h>

#include <set>

#include "sandbox.h"

namespace catena {
namespace {

using testing::HasSubstr;

class Array : public testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("CATENA_TEST_SLURM")) GTEST_SKIP() << "no private SLURM: scripts/test starts one";
    box.write("sites/slurm.ini",
              "[scheduler]\nkind = slurm\npoll = 1s\nsettle = 3s\n[transport]\nkind = local\n");
  }
  // Of all nodes by name: a field of their status.
  std::map<std::string, std::string> field(const char* name) const {
    std::map<std::string, std::string> all;
    const auto status = box.status("", "--offline");
    for (const auto& node : status.at("nodes").as_array()) {
      const auto& value = node.at(name);
      all[std::string(node.at("name").as_string())] =
          value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
    }
    return all;
  }
  std::set<std::string> arrays() const {
    std::set<std::string> ids;
    for (const auto& [node, id] : field("job")) ids.insert(id.substr(0, id.find('_')));
    return ids;
  }
  // In a partition that starts nothing.
  static std::string waiting(int elements) {
    return "name: wait\ndefaults: {resources: {queue: down, memory: 10M}}\nnodes:\n  a:\n    foreach: {i: "
           "1.." +
           std::to_string(elements) + "}\n    run: 'true'\n  b:\n    foreach: {i: 1.." +
           std::to_string(elements) + "}\n    after: {node: a, each: true}\n    run: 'true'\n";
  }
  Sandbox box{"slurm"};
};

TEST_F(Array, AThousandElementsAndThoseThatFollowThemAreTwoSubmissions) {
  ASSERT_EQ(box.run("wait", waiting(1000)).status, 0);
  const auto ids = arrays();
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(field("job").size(), 2000U);
  EXPECT_THAT(shell_output("squeue -h -r -j " + *ids.rbegin() + "_1000 -o '%i %E'"),
              HasSubstr("_1000 aftercorr:" + *ids.begin() + "_*(unfulfilled)"));
  EXPECT_EQ(box.catena("cancel wait").status, 0);
  EXPECT_EQ(box.catena("wait wait --timeout 60s").status, 9);
  EXPECT_EQ(shell_output("squeue -h -t PD -j " + *ids.begin() + "," + *ids.rbegin()), "");
}

TEST_F(Array, AnElementsFailureEndsOnlyWhatFollowsItAndItsRetryIsWaitedFor) {
  const auto said = box.run("own", R"yaml(name: own
nodes:
  a:
    foreach: {i: 1..5}
    retry: {max: 1, backoff: 0s}
    run: |
      echo "this is {{ i }}, attempt $CATENA_ATTEMPT of job $CATENA_JOB_ID"
      case "{{ i }}$CATENA_ATTEMPT" in 21|31|32) exit 7 ;; esac
      echo "{{ i }}" > value
    results: {value: {file: value}}
  b:
    foreach: {i: 1..5}
    after: {node: a, each: true}
    run: echo "got {{ nodes.a.results.value }}"
  all:
    after: [a]
    run: 'true'
  any:
    after: {node: b, on: any}
    run: 'true'
)yaml",
                            "--wait");
  EXPECT_EQ(said.status, 1) << said.out << said.err;
  auto states = field("state");
  for (const char* node : {"a.1", "a.2", "a.4", "a.5", "b.1", "b.2", "b.4", "b.5", "any"})
    EXPECT_EQ(states[node], "completed") << node << ": " << field("reason")[node];
  EXPECT_EQ(states["a.3"], "failed");
  EXPECT_EQ(states["b.3"], "skipped");
  EXPECT_EQ(states["all"], "skipped");
  EXPECT_EQ(field("attempts")["a.2"], "2");
  EXPECT_EQ(box.catena("logs own b.2").out, "got 2\n");
  EXPECT_EQ(box.catena("logs own a.4").out, "this is 4, attempt 1 of job " + field("job")["a.4"] + "\n");
  EXPECT_THAT(field("job")["a.4"], testing::EndsWith("_4"));
}

// It is nowhere any more: not in the queue, and not in accounting.
TEST_F(Array, AnElementThatIsCancelledByHandWhileItWaitsIsCancelled) {
  ASSERT_EQ(box.run("wait", waiting(3)).status, 0);
  shell_output("scancel " + field("job")["a.2"]);
  ASSERT_TRUE(box.until([&] { return box.state("a.2") == "cancelled"; })) << box.catena("why wait a.2").out;
  auto states = field("state");
  EXPECT_EQ(states["a.1"], "queued");
  EXPECT_EQ(states["a.3"], "queued");
  EXPECT_EQ(box.state("b.2"), "skipped");
  EXPECT_EQ(box.catena("cancel wait").status, 0);
}

TEST_F(Array, PausedElementsAreHeldAndResumedOnesReleased) {
  ASSERT_EQ(box.run("wait", waiting(3)).status, 0);
  const auto id = *arrays().begin();
  const auto reasons = [&] { return shell_output("squeue -h -r -j " + id + " -o %r | sort -u"); };
  EXPECT_EQ(box.catena("pause wait").status, 0);
  EXPECT_THAT(reasons(), HasSubstr("JobHeld"));
  EXPECT_EQ(box.catena("resume wait").status, 0);
  EXPECT_THAT(reasons(), testing::Not(HasSubstr("JobHeld")));
  EXPECT_EQ(box.catena("cancel wait a.1 a.3").status, 0);
  box.catena("sync wait");
  auto states = field("state");
  EXPECT_EQ(states["a.1"], "cancelled");
  EXPECT_EQ(states["a.2"], "queued");
  EXPECT_EQ(box.catena("cancel wait").status, 0);
}

TEST_F(Array, ThePlanSaysTheSameAsTheRun) {
  box.write("wait.yaml", waiting(3));
  const auto program = box.catena("plan wait.yaml --site slurm --program").out;
  EXPECT_THAT(program, HasSubstr("--array=1-3"));
  EXPECT_THAT(box.catena("plan wait.yaml --site slurm --script a.2").out, HasSubstr("node a.2 of run plan"));
  EXPECT_THAT(box.catena("plan wait.yaml --site slurm").out, HasSubstr("as job arrays: a (3), b (3)"));
}

}  // namespace
}  // namespace catena
