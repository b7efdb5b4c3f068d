// What a killed process leaves behind, and what is made of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "crash_run.h"

namespace catena {
namespace {

// In a container whose first process reaps nobody, what was killed stays a zombie: it has a process id and a
// start time, and will never do anything again.
TEST(LossCrash, AKilledHolderThatNobodyHasReapedHoldsNothing) {
  Sandbox box;
  box.write("w.yaml", "name: w\nnodes:\n  a:\n    run: 'true'\n");
  setenv("CATENA_HOME", (box.dir / "home").c_str(), 1);
  setenv("CATENA_SITE_PATH", (box.dir / "sites").c_str(), 1);
  setenv("CATENA_CRASH_LOG", (box.dir / "points").c_str(), 1);
  setenv("CATENA_CRASH_AT", "7", 1);
  std::string words[] = {
      CATENA_CRASH_BINARY, "run", (box.dir / "w.yaml").string(), "--id", "r", "--site", "local"};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  ASSERT_EQ(posix_spawn(&pid, CATENA_CRASH_BINARY, nullptr, nullptr, argv.data(), environ), 0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  ASSERT_EQ(info.si_code, CLD_KILLED);
  ASSERT_NE(box.read("points").find("leases.acquire after"), std::string::npos);
  const auto said = box.catena("sync r");
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.err, "");
  EXPECT_EQ(box.catena("wait r --timeout 30s").status, 0);
  waitpid(pid, nullptr, 0);
  for (const char* name : {"CATENA_HOME", "CATENA_SITE_PATH", "CATENA_CRASH_LOG", "CATENA_CRASH_AT"})
    unsetenv(name);
}

// Each killed submission uses up an attempt's number, and leaves no job: what adopts the run must not take
// the first numbers' silence for a node that was never submitted.
TEST(LossCrash, ARunThatWasSubmittedOnlyAtTheSixthTimeIsAdoptedAndNothingRunsTwice) {
  Sandbox box;
  box.write("sites/local.ini", "[scheduler]\nkind = local\nsettle = 0s\n");
  const auto log = (box.dir / "log").string(), go = (box.dir / "go").string();
  box.write("w.yaml", fmt::format("name: w\nnodes:\n  a:\n    run: |\n      echo a >> '{0}'\n"
                                  "      for i in $(seq 600); do [ -e '{1}' ] && break; sleep 0.05; done\n"
                                  "  b:\n    after: [a]\n    run: echo b >> '{0}'\n",
                                  log, go));
  box.binary = CATENA_CRASH_BINARY;
  const std::string before = "backend.submit before";
  box.environment = fmt::format("CATENA_CRASH_LOG='{}' CATENA_CRASH_AT='{},{},{},{},{}'",
                                (box.dir / "points").string(), before, before, before, before, before);
  ASSERT_EQ(box.catena("run w.yaml --id r --site local").status, 128 + SIGKILL);
  ASSERT_TRUE(box.until([&] { return box.catena("sync r").status == 0 && box.state("a") == "running"; }));
  const auto text = box.read("points");
  ASSERT_EQ(std::ranges::count(split(text, '\n'), before + " HERE"), 5) << text;
  std::filesystem::remove_all(box.dir / "home");
  box.binary = CATENA_BINARY;
  box.environment.clear();
  const auto adopted = box.catena("adopt catena-runs/w-r");
  EXPECT_EQ(adopted.status, 0) << adopted.err;
  EXPECT_EQ(box.state("a"), "running") << adopted.out << adopted.err;
  EXPECT_EQ(box.state("b"), "held") << adopted.out << adopted.err;
  box.write("go", "");
  EXPECT_EQ(box.catena("wait r --timeout 30s").status, 0);
  EXPECT_EQ(box.read("log"), "a\nb\n");
}

}  // namespace
}  // namespace catena
