// The Torque dialect through Debian's slurm-wlm-torque: qsub, qstat, qrls and qdel in front of the real SLURM
// of scripts/cluster.
#include <gmock/gmock.h>

#include "sandbox.h"

namespace catena {
namespace {

using testing::HasSubstr;

class Torque : public testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("CATENA_TEST_SLURM")) GTEST_SKIP() << "no private SLURM: scripts/test starts one";
    if (read_text("/usr/bin/qsub").find("Slurm") == std::string::npos)
      GTEST_SKIP() << "slurm-wlm-torque is not installed";
    setenv("PATH", (std::string("/usr/bin:") + getenv("PATH")).c_str(), 1);
    box.write("sites/torque.ini",
              "[scheduler]\nkind = torque\npoll = 0s\nsettle = 5s\nscript = /dev/stdin\n");
  }
  static std::string log() { return "    run: echo \"$CATENA_NODE\" >> '{{ workflow.dir }}/ran'\n"; }
  Sandbox box{"torque"};
};

TEST_F(Torque, AFailedMiddleEndsTheChainByItsEdges) {
  ASSERT_EQ(box.run("chain", "name: chain\nnodes:\n  a:\n" + log() +
                                 "  b:\n    after: [a]\n    run: exit 3\n  c:\n    "
                                 "after: [b]\n" +
                                 log() + "  d:\n    after: {node: b, on: notok}\n" + log())
                .status,
            0);
  EXPECT_EQ(box.catena("wait chain --timeout 120s").status, 1) << box.catena("status chain").out;
  EXPECT_EQ(box.read("ran"), "a\nd\n");
  EXPECT_EQ(box.state("b"), "failed");
  EXPECT_EQ(box.state("c"), "skipped");
  EXPECT_EQ(box.state("d"), "completed");
}

TEST_F(Torque, ACancelledRunLeavesNothingInTheQueue) {
  ASSERT_EQ(
      box.run("cancel", "name: cancel\nnodes:\n  a:\n    run: sleep 100\n  b:\n    after: [a]\n" + log())
          .status,
      0);
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  EXPECT_EQ(box.catena("cancel cancel").status, 0);
  EXPECT_EQ(box.catena("wait cancel --timeout 120s").status, 9) << box.catena("status cancel").out;
  EXPECT_EQ(box.state("b"), "cancelled");
  EXPECT_EQ(box.read("ran"), "");
}

TEST_F(Torque, DoctorCopesWithAnEmulation) {
  const auto said = box.catena("doctor torque");
  EXPECT_EQ(said.status, 0) << said.out;
  EXPECT_THAT(said.out, HasSubstr("queues: "));
}

}  // namespace
}  // namespace catena
