// The real SLURM, from the command line: what only SLURM does.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "sandbox.h"

namespace catena {
namespace {

using testing::HasSubstr;
using testing::Not;

class Slurm : public testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("CATENA_TEST_SLURM")) GTEST_SKIP() << "no private SLURM: scripts/test starts one";
  }
  std::string job(const std::string& node) const {
    const auto status = box.status("", "--offline");
    for (const auto& each : status.at("nodes").as_array()) {
      if (each.at("name").as_string() == node && each.at("job").is_string())
        return std::string(each.at("job").as_string());
    }
    return "";
  }
  static std::string log() { return "    run: echo \"$CATENA_NODE\" >> '{{ workflow.dir }}/ran'\n"; }
  Sandbox box{"slurm"};
};

TEST_F(Slurm, TheQueueShowsNodeAndTokenAndTheSchedulersOwnDependency) {
  ASSERT_EQ(
      box.run("names",
              "name: names\nnodes:\n  first:\n    run: sleep 300\n  second:\n    after: [first]\n" + log())
          .status,
      0);
  const auto queue = shell_output("squeue -h -j " + job("second") + " -o '%j %E'");
  EXPECT_THAT(queue,
              testing::MatchesRegex("second\\.[0-9a-z]+ afterok:" + job("first") + "\\(unfulfilled\\)\n"));
  EXPECT_THAT(box.catena("why names second").out, HasSubstr("waits for ok of first"));
  EXPECT_EQ(box.catena("cancel names").status, 0);
}

TEST_F(Slurm, WhatPlanShowsIsWhatRunSends) {
  const std::string yaml =
      "name: bytes\nnodes:\n  a:\n    run: 'true'\n  b:\n    after: [a]\n    run: 'true'\n";
  box.write("bytes.yaml", yaml);
  const auto program = box.catena("plan bytes.yaml --site slurm --id x1 --program").out;
  ASSERT_EQ(box.run("bytes", yaml, "--id x1").status, 0);
  EXPECT_THAT(program, HasSubstr(shell_output("scontrol write batch_script " + job("b") + " -")));
  const auto script = shell_output("grep -l 'node b of' '" + (box.dir / "catena-runs/bytes-x1").string() +
                                   "'/.catena/scripts/*");
  ASSERT_THAT(script, HasSubstr(".sh\n"));
  EXPECT_THAT(program, HasSubstr("# ==== " + script + shell_output("cat " + script)));
  EXPECT_EQ(box.catena("wait bytes --timeout 60s").status, 0);
  EXPECT_EQ(box.run("bytes", yaml, "--id x1").status, 8) << "an id is used once";
}

TEST_F(Slurm, ATimeLimitEndsTheNodeAsTimeout) {
  const auto said = box.run("limit",
                            "name: limit\nnodes:\n  a:\n    resources: {walltime: 1m}\n    run: sleep 600\n  "
                            "b:\n    after: {node: a, on: notok}\n" +
                                log(),
                            "--wait");
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(box.state("a"), "timeout");
  EXPECT_EQ(box.state("b"), "completed");
  EXPECT_THAT(box.catena("why limit a").out, HasSubstr("time limit"));
}

// Exit codes of 128 and more lose 128 in sacct: 128 is shown as FAILED 0:0.
TEST_F(Slurm, AnExitCodeOf128IsAFailure) {
  EXPECT_EQ(box.run("e128", "name: e128\nnodes:\n  a:\n    run: exit 128\n", "--wait").status, 1);
  EXPECT_EQ(box.status().at("nodes").at(0).at("exit_code").as_int64(), 128);
}

// Without an exit record, accounting decides.
TEST_F(Slurm, AJobKilledWithoutAWordIsSettledByAccounting) {
  ASSERT_EQ(
      box.run("killed", "name: killed\nnodes:\n  a:\n    run: kill -9 $PPID\n  b:\n    after: [a]\n" + log())
          .status,
      0);
  EXPECT_EQ(box.catena("wait killed --timeout 60s").status, 1);
  EXPECT_EQ(box.state("a"), "failed");
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(shell_output("squeue -h -j " + job("b") + " -t PD"), "");
}

// `CANCELLED by 0`, and a trap that ends with 0.
TEST_F(Slurm, AJobCancelledByHandIsCancelledWhateverItsTrapSays) {
  ASSERT_EQ(box.run("hand",
                    "name: hand\nnodes:\n  a:\n    run: |\n      trap 'exit 0' TERM\n      echo x > '{{ "
                    "workflow.dir }}/started'\n      sleep 300 & wait\n")
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return !box.read("started").empty(); }));
  shell_output("scancel " + job("a"));
  EXPECT_EQ(box.catena("wait hand --timeout 60s").status, 9);
  EXPECT_THAT(box.catena("why hand a").out, HasSubstr("CANCELLED"));
}

TEST_F(Slurm, ARefusedJobIsSaidInSlurmsWordsAndTheRestGoesOn) {
  const auto said = box.run("refused",
                            "name: refused\nnodes:\n  a:\n    resources: {queue: nowhere}\n    run: 'true'\n "
                            " b:\n    after: [a]\n" +
                                log() + "  c:\n" + log());
  EXPECT_EQ(said.status, 6);
  EXPECT_THAT(said.err, HasSubstr("invalid partition"));
  EXPECT_EQ(box.catena("wait refused --timeout 60s").status, 1);
  EXPECT_EQ(box.state("b"), "skipped");
  EXPECT_EQ(box.state("c"), "completed");
}

TEST_F(Slurm, AQueuedJobSaysWhichReasonSlurmGives) {
  ASSERT_EQ(
      box.run("down", "name: down\nnodes:\n  a:\n    resources: {queue: down}\n    run: 'true'\n").status, 0);
  ASSERT_TRUE(box.until([&] {
    return box.catena("why down a").out.find("PartitionDown") != std::string::npos;
  })) << box.catena("why down a").out;
  EXPECT_EQ(box.catena("cancel down").status, 0);
}

TEST_F(Slurm, ARunContinuedAfterAKillSubmitsNothingTwice) {
  box.write("sites/slurm.ini", box.read("sites/slurm.ini") + "[limits]\nmax_array = 0\n");  // one by one
  std::string yaml =
      "name: torn\ndefaults: {resources: {memory: 10M}}\nnodes:\n  a:\n    foreach: {i: 1..150}\n" + log() +
      "  b:\n    after: [a]\n" + log();
  box.write("torn.yaml", yaml);
  const auto pid = fork();
  if (pid == 0) {
    if (chdir(box.dir.c_str()) != 0 || !freopen("/dev/null", "w", stdout) ||
        !freopen("/dev/null", "w", stderr))
      _exit(126);
    setenv("CATENA_HOME", (box.dir / "home").c_str(), 1);
    setenv("CATENA_SITE_PATH", (box.dir / "sites").c_str(), 1);
    execl(CATENA_BINARY, "catena", "run", "torn.yaml", "--site", "slurm", nullptr);
    _exit(127);
  }
  // Killed in the middle of its submissions.
  ASSERT_TRUE(box.until([&] {
    const auto list = box.catena("list --json");
    if (list.status != 0) return false;
    const auto runs = boost::json::parse(list.out).as_array();
    return !runs.empty() && runs[0].at("counts").at("held").as_int64() > 20;
  }));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(box.catena("wait torn --timeout 200s").status, 0) << box.catena("status torn").out;
  std::map<std::string, int> times;
  std::istringstream ran(box.read("ran"));
  for (std::string line; std::getline(ran, line);) ++times[line];
  EXPECT_EQ(times.size(), 151U);
  for (const auto& [node, count] : times) EXPECT_EQ(count, 1) << node;
  // No token has two jobs: of this run's names, none comes twice in all of accounting.
  const auto status = box.status("torn", "--offline");
  std::string ids;
  for (const auto& node : status.at("nodes").as_array()) {
    ids += (ids.empty() ? "" : ",") + std::string(node.at("job").as_string());
  }
  const auto sacct = "sacct -n -P -X -o JobName%60 ";
  box.write("ours", shell_output(sacct + ("-j " + ids)));
  ASSERT_GT(box.read("ours").size(), 1000U);
  box.write("all", shell_output(sacct + std::string("-S now-1hour -E now")));
  const auto names = shell_output("cd " + box.dir.string() +
                                  " && sort -u ours > o && sort all | uniq -d > twice && comm -12 o twice");
  EXPECT_EQ(names, "");
}

// Scenario 24. Run alone: it stops the controller that all share.
TEST_F(Slurm, AControllerThatDoesNotAnswerChangesNothing) {
  const std::string ctl = getenv("CATENA_TEST_SLURM_CTL");
  ASSERT_EQ(box.run("down",
                    "name: down\nnodes:\n  a:\n    run: |\n      for i in $(seq 900); do [ -e '{{ "
                    "workflow.dir }}/go' ] && exit 0; sleep 0.1; done\n  b:\n    after: [a]\n" +
                        log())
                .status,
            0);
  ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  const auto before = box.state("b");
  shell_output(ctl + " stop-slurmctld");
  const auto said = box.catena("sync down");
  EXPECT_EQ(said.status, 7) << said.out;
  EXPECT_THAT(said.err, HasSubstr("Unable to contact slurm controller"));
  EXPECT_EQ(box.state("a"), "running");
  EXPECT_EQ(box.state("b"), before);
  const auto refused = box.run("later", "name: later\nnodes:\n  a:\n" + log());
  EXPECT_EQ(refused.status, 7) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("catena sync"));
  shell_output(ctl + " start-slurmctld");
  box.write("go", "");
  EXPECT_EQ(box.catena("wait down --timeout 120s").status, 0);
  EXPECT_EQ(box.catena("wait later --timeout 120s").status, 0);
  EXPECT_EQ(box.read("ran").size(), 4U) << "b of down and a of later, once each";
}

TEST_F(Slurm, AnOrdinaryUserRunsAWorkflow) {
  const std::string user = getenv("CATENA_TEST_SLURM_ALICE");
  box.write("user.yaml", "name: user\nnodes:\n  a:\n    run: id -un > who\n");
  shell_output("chown -R " + user + " " + box.dir.string() + " && chmod 755 " + box.dir.string());
  const auto said =
      shell_output("cd " + box.dir.string() + " && runuser -u " + user +
                   " -- env CATENA_HOME=" + box.dir.string() + "/home CATENA_SITE_PATH=" + box.dir.string() +
                   "/sites " CATENA_BINARY " run user.yaml --site slurm --id u1 --wait");
  EXPECT_THAT(said, HasSubstr("completed"));
  EXPECT_EQ(box.read("catena-runs/user-u1/a/who"), user + "\n");
}

// The example on this machine, on the real scheduler, and on that from a laptop: pw.x, results, and the fit.
// The dependents keep the id that they wait for, and no pass of catena's is needed.
TEST_F(Slurm, AFailedNodeGivesItsJobBackToTheQueue) {
  const auto said =
      box.run("requeue",
              "name: requeue\nnodes:\n  a:\n    retry: {max: 2, how: requeue}\n    run: |\n"
              "      echo \"try $CATENA_TRY of $CATENA_JOB_ID\"\n      [ $CATENA_TRY -gt 1 ] || exit 3\n"
              "  b: {after: a, run: echo b}\n",
              "--id q1");
  ASSERT_EQ(said.status, 0) << said.err;
  const auto id = job("a");
  // SLURM lets a requeued job wait for two minutes.
  ASSERT_TRUE(box.until([&] {
    return shell_output("squeue -h -j " + id + " -t PD -o %r") == "BeginTime\n" &&
           shell_output("scontrol update JobId=" + id + " StartTime=now 2>&1").empty();
  }));
  EXPECT_EQ(box.catena("wait q1 --timeout 60s").status, 0);
  EXPECT_EQ(job("a"), id);
  EXPECT_THAT(box.catena("why q1 a").out, HasSubstr("try: exit 3: tried again in the same job"));
  const auto log = box.catena("logs q1 a").out;
  EXPECT_THAT(log, HasSubstr("try 1 of " + id + "\n"));
  EXPECT_THAT(log, HasSubstr("try 2 of " + id + "\n"));
}

class Silicon : public testing::TestWithParam<const char*> {};

TEST_P(Silicon, TheEquationOfStateGivesTheKnownLatticeConstant) {
  if (GetParam() == std::string("slurm") && !getenv("CATENA_TEST_SLURM")) GTEST_SKIP() << "no private SLURM";
  if (GetParam() == std::string("ssh") && !getenv("CATENA_TEST_SSH")) GTEST_SKIP() << "no private SSH server";
  Sandbox box(GetParam());
  const std::string folder = CATENA_SOURCE_DIR "/templates/workflows/";
  box.write("si.in", read_text(folder + "si.in"));
  const auto said = box.run("silicon-eos", read_text(folder + "silicon-eos.yaml"), "--wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err << box.catena("logs silicon-eos scf.1").err;
  // An independent fit: the parabola through the three points around the minimum, in the recorded energies.
  std::map<double, double> energy;
  double fitted = 0;
  const auto status = box.status();
  for (const auto& node : status.at("nodes").as_array()) {
    const auto& results = node.at("results").as_object();
    if (node.at("name").as_string() == "fit") {
      fitted = std::stod(std::string(results.at("alat").as_string()));
    } else {
      energy[std::stod(std::string(node.at("values").at("alat").as_string()))] =
          std::stod(std::string(results.at("energy").as_string()));
    }
  }
  ASSERT_EQ(energy.size(), 5U);
  EXPECT_NEAR(energy[10.2], -15.8445, 0.0005);
  const double left = energy[10.1], middle = energy[10.2], right = energy[10.3];
  const double vertex = 10.2 + 0.1 * (left - right) / (2 * (left - 2 * middle + right));
  EXPECT_NEAR(fitted, vertex, 0.01);
  EXPECT_NEAR(fitted, 10.2, 0.03);
}

// Nine jobs in one submission, the last three at a lattice constant that only the fit finds.
TEST_P(Silicon, TheBandsAreThoseOfARunByHand) {
  if (GetParam() == std::string("slurm") && !getenv("CATENA_TEST_SLURM")) GTEST_SKIP() << "no private SLURM";
  if (GetParam() == std::string("ssh") && !getenv("CATENA_TEST_SSH")) GTEST_SKIP() << "no private SSH server";
  Sandbox box(GetParam());
  const std::string folder = CATENA_SOURCE_DIR "/templates/workflows/";
  for (const char* file : {"si.in", "si-ground.in", "si-bands.in"}) box.write(file, read_text(folder + file));
  const auto said = box.run("silicon-bands", read_text(folder + "silicon-bands.yaml"), "--wait --id b");
  ASSERT_EQ(said.status, 0) << said.out << said.err << box.catena("logs silicon-bands plot").err;
  std::string alat, gap;
  const auto status = box.status();
  for (const auto& node : status.at("nodes").as_array()) {
    if (node.at("name").as_string() == "fit") alat = node.at("results").at("alat").as_string();
    if (node.at("name").as_string() == "plot") gap = node.at("results").at("gap").as_string();
  }
  EXPECT_NEAR(std::stod(alat), 10.2, 0.03);
  EXPECT_NEAR(std::stod(gap), 0.5, 0.1) << "of the local density approximation";
  box.write("hand/run", R"sh(export OMP_NUM_THREADS=1
for step in ground bands; do
  sed "s|{{ pseudo_dir }}|/usr/share/espresso/pseudo|; s|{{ ecut }}|18|; s|{{ alat }}|$1|; s|{{ run.dir }}|$PWD|" ../si-$step.in > $step.in
  pw.x -in $step.in > $step.out || exit 1
done
printf "&bands prefix = 'si', outdir = '%s/save', filband = 'si.bands' /\n" "$PWD" > plot.in
bands.x -in plot.in > plot.out || exit 1
awk '$2 != "" { n++; k[n] = $1; e[n] = $2 }
  END { for (i = 1; i <= n; i++) { b += i == 1 || k[i] < k[i - 1]; if (b == 4 && (top == "" || e[i] > top)) top = e[i] }
        for (i = 1; i <= n; i++) printf "%10.4f %10.4f\n", k[i], e[i] - top }' si.bands.gnu > points
)sh");
  const auto hand = shell_output("cd '" + box.dir.string() + "/hand' && sh run " + alat);
  const std::string results = box.site() == "ssh" ? "catena-results/" : "catena-runs/";
  std::istringstream bands(box.read(results + "silicon-bands-b/plot/bands.dat"));
  std::string points;
  for (std::string line; std::getline(bands, line);) {
    if (!line.empty() && line[0] != '#') points += line + "\n";
  }
  EXPECT_EQ(std::ranges::count(points, '\n'), 8 * 71);
  EXPECT_EQ(points, box.read("hand/points")) << hand;
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Silicon, testing::Values("local", "slurm", "ssh"),
                         [](const auto& each) { return std::string(each.param); });

TEST_F(Slurm, ATranslatedPbsScriptIsTakenBySbatch) {
  box.write("old.pbs",
            "#PBS -N relax\n#PBS -l select=1:ncpus=2:mpiprocs=2:mem=100mb,walltime=00:10:00\n#PBS -l "
            "place=scatter\n#PBS -j oe -o out.%.txt -m abe -M ann,bob\n#PBS -J 1-10:2%3\n#PBS -r n -h -V\n"
            "#PBS -v \"A=1,B='x,y'\"\n#PBS -a 2330\n#PBS -p -20 -A phys -P climate\n#PBS -l "
            "min_walltime=00:05:00\ncd $PBS_O_WORKDIR\n");
  ASSERT_EQ(box.catena("translate old.pbs --to slurm --output new.sbatch").status, 0);
  EXPECT_THAT(shell_output("sbatch --test-only '" + (box.dir / "new.sbatch").string() + "'"),
              HasSubstr("to start at"));
}

}  // namespace
}  // namespace catena
