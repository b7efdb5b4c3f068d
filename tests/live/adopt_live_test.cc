// The store is lost: a run is taken in again from its directory and from what the scheduler knows of its
// tokens.
#include <gmock/gmock.h>

#include <map>
#include <optional>

#include "fake_pbs.h"
#include "sandbox.h"

namespace catena {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using States = std::map<std::string, std::string>;

class Adopt : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (box.site() == "slurm" && !getenv("CATENA_TEST_SLURM"))
      GTEST_SKIP() << "no private SLURM: scripts/test starts one";
    if (box.site() == "pbs" || box.site() == "torque") server.emplace(box, GetParam());
    if (box.site() != "ssh") return;
    if (!getenv("CATENA_TEST_SSH")) GTEST_SKIP() << "no private SSH servers: scripts/test starts them";
    // Jobs of that user write here.
    box.write("ran", "");
    using std::filesystem::perms;
    std::filesystem::permissions(box.dir, perms(0755));
    std::filesystem::permissions(box.dir / "ran", perms(0666));
  }
  States states() const {
    States all;
    const auto status = box.status("", "--offline");
    if (!status.contains("nodes")) return {{"error", boost::json::serialize(status)}};
    for (const auto& node : status.at("nodes").as_array())
      all[std::string(node.at("name").as_string())] = std::string(node.at("state").as_string());
    return all;
  }
  // What each attempt of each node did, in no order.
  std::map<std::string, int> ran() const {
    std::map<std::string, int> times;
    std::istringstream lines(box.read("ran"));
    for (std::string line; std::getline(lines, line);) ++times[line];
    return times;
  }
  std::string directory() const {
    return std::string(box.status("", "--offline").at("directory").as_string());
  }
  void lose_the_store() const { std::filesystem::remove_all(box.dir / "home"); }
  static std::string log() { return "echo \"$CATENA_NODE.$CATENA_ATTEMPT\" >> '{{ workflow.dir }}/ran'"; }

  Sandbox box{GetParam()};
  std::optional<FakePbs> server;
};

TEST_P(Adopt, WhatJobsHaveAddedIsThere) {
  const auto said = box.run("grown",
                            "name: grown\nnodes:\n  find:\n    run: |\n      " + log() +
                                "\n      echo 'nodes: {more: {run: \"true\"}}' | catena extend -\n",
                            "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  const auto before = states();
  const auto run = directory();
  lose_the_store();
  const auto adopted = box.catena("adopt '" + run + "' --site " + box.site());
  ASSERT_EQ(adopted.status, 0) << adopted.out << adopted.err;
  EXPECT_EQ(states(), before);
  EXPECT_EQ(states().at("more"), "completed");
}

TEST_P(Adopt, ARunThatHasEndedIsAsItWas) {
  const auto said =
      box.run("ended",
              "name: ended\nnodes:\n"
              "  a:\n    foreach: {i: 1..3}\n    run: |\n      " +
                  log() +
                  "\n      echo 'energy = -7.50' > out\n"
                  "    results: {energy: {file: out, regex: 'energy = (.*)'}}\n"
                  "  flaky:\n    after: [a]\n    retry: {max: 2, backoff: 1s}\n    run: |\n      " +
                  log() +
                  "\n"
                  "      [ \"$CATENA_ATTEMPT\" = 2 ]\n"
                  "  bad:\n    after: [flaky]\n    run: |\n      " +
                  log() +
                  "\n      exit 3\n"
                  "  never:\n    after: [bad]\n    run: 'true'\n"
                  "  mend:\n    after: {node: bad, on: notok}\n    run: |\n      " +
                  log() + "\n",
              "--wait");
  ASSERT_EQ(said.status, 1) << said.out << said.err;
  const auto before = states();
  ASSERT_EQ(before, (States{{"a.1", "completed"},
                            {"a.2", "completed"},
                            {"a.3", "completed"},
                            {"flaky", "completed"},
                            {"bad", "failed"},
                            {"never", "skipped"},
                            {"mend", "completed"}}));
  const auto did = ran();
  const auto where = directory();
  const auto old = box.status("", "--offline");
  lose_the_store();
  const auto adopted = box.catena("adopt " + where + " --site " + box.site());
  EXPECT_EQ(adopted.status, 0) << adopted.err;
  EXPECT_EQ(box.catena("wait --timeout 60s").status, 1) << box.catena("status").out;
  EXPECT_EQ(states(), before) << adopted.out << adopted.err;
  EXPECT_EQ(ran(), did) << "something ran again";
  const auto now = box.status("", "--offline");
  for (std::size_t i = 0; i < now.at("nodes").as_array().size(); ++i) {
    for (const char* field : {"attempts", "job", "exit_code", "results", "started", "ended"}) {
      const auto& was = old.at("nodes").at(i);
      if (was.at("state").as_string() == "skipped") continue;
      EXPECT_EQ(now.at("nodes").at(i).at(field), was.at(field)) << was.at("name") << " " << field;
    }
  }
  for (const char* field : {"id", "workflow", "file", "site", "directory", "state", "created"})
    EXPECT_EQ(now.at(field), old.at(field)) << field;
  EXPECT_EQ(box.catena("db check").status, 0) << box.catena("db check").out;
  const auto twice = box.catena("adopt " + where + " --site " + box.site());
  EXPECT_EQ(twice.status, 8);
  EXPECT_THAT(twice.err, HasSubstr("in the store already"));
}

TEST_P(Adopt, ARunThatGoesOnIsTakenOverAndNothingIsSubmittedTwice) {
  ASSERT_EQ(box.run("middle",
                    "name: middle\nnodes:\n"
                    "  first:\n    run: " +
                        log() +
                        "\n"
                        "  long:\n    after: [first]\n    run: |\n      " +
                        log() +
                        "\n"
                        "      for i in $(seq 600); do [ -e '{{ workflow.dir }}/go' ] && exit 0; sleep 0.1; "
                        "done; exit 1\n"
                        "  late:\n    after: [long]\n    run: " +
                        log() +
                        "\n"
                        "  free:\n    run: " +
                        log() + "\n")
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return box.state("long") == "running" && box.state("free") == "completed"; }))
      << box.catena("status").out;
  const auto before = states();
  ASSERT_EQ(before.at("late"), "held");
  const auto where = directory();
  lose_the_store();
  // A directory that can be seen from here names its site.
  const auto adopted = box.catena("adopt " + where + (box.site() == "ssh" ? " --site ssh" : ""));
  EXPECT_EQ(adopted.status, 0) << adopted.err;
  EXPECT_EQ(states(), before) << adopted.out << adopted.err;
  box.write("go", "");
  EXPECT_EQ(box.catena("wait --timeout 100s").status, 0) << box.catena("status").out;
  EXPECT_EQ(ran(), (std::map<std::string, int>{{"first.1", 1}, {"long.1", 1}, {"late.1", 1}, {"free.1", 1}}));
}

TEST_P(Adopt, ANewRunInTheDirectoryOfOneThatTheStoreDoesNotKnowIsRefused) {
  const std::string workflow = "name: same\nnodes:\n  a:\n    run: " + log() + "\n";
  ASSERT_EQ(box.run("same", workflow, "--id x --wait").status, 0);
  const auto where = directory();
  lose_the_store();
  const auto again = box.run("same", workflow, "--id x");
  EXPECT_EQ(again.status, 3) << again.out << again.err;
  EXPECT_THAT(again.err, AllOf(HasSubstr(where), HasSubstr("catena adopt"), HasSubstr("--id")));
  EXPECT_EQ(box.catena("list --json").out, "[]\n");
  EXPECT_EQ(box.run("same", workflow, "--id y --wait").status, 0);
  EXPECT_EQ(ran(), (std::map<std::string, int>{{"a.1", 2}}));
}

TEST_P(Adopt, WhatIsNoDirectoryOfARunIsRefusedAndNothingIsRecorded) {
  const auto nothing = box.catena("adopt " + (box.dir / "nowhere").string() + " --site " + box.site());
  EXPECT_EQ(nothing.status, 4) << nothing.err;
  EXPECT_THAT(nothing.err, HasSubstr("nowhere/.catena/run.json"));
  box.write("torn/.catena/run.json", "{\"v\":1,\"id\":\"k3f");
  const auto torn = box.catena("adopt " + (box.dir / "torn").string() + " --site " + box.site());
  EXPECT_EQ(torn.status, 3) << torn.err;
  EXPECT_THAT(torn.err, HasSubstr("torn/.catena/run.json"));
  EXPECT_EQ(box.catena("list --json").out, "[]\n");
}

INSTANTIATE_TEST_SUITE_P(Sites, Adopt, testing::Values("local", "slurm", "ssh", "pbs", "torque"),
                         [](const auto& it) { return std::string(it.param); });

}  // namespace
}  // namespace catena
