// Who holds a run's lease when its holder was killed.
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
TEST(LeaseCrash, AKilledHolderThatNobodyHasReapedHoldsNothing) {
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
}

}  // namespace
}  // namespace catena
