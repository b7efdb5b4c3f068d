// The program itself killed before each of its system calls that changes anything outside of it: between two
// of them, no instruction makes a difference. On this machine's backend, whose queue, scripts and supervisor
// are catena's own; and at some of the calls on the real SLURM.
//
//   CATENA_CRASH_POINT=17      only this one; its folder is kept
//   CATENA_CRASH_STEP=1        every so many calls on the real SLURM (16)
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>

#include "crash_run.h"

namespace catena {
namespace {

bool changes_something(const __ptrace_syscall_info& call) {
  const auto& [number, arguments] = call.entry;
  switch (number) {
    case SYS_write:
    case SYS_writev:
      return arguments[0] > 2;  // a file or a pipe, not what it says
    case SYS_openat:
      return arguments[2] & (O_CREAT | O_TRUNC);
    case SYS_pwrite64:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_copy_file_range:
    case SYS_sendfile:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
    case SYS_symlinkat:
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_utimensat:
    case SYS_clone:
    case SYS_clone3:
    case SYS_kill:
#ifdef SYS_rename  // what newer architectures have only in the forms above
    case SYS_rename:
    case SYS_link:
    case SYS_symlink:
    case SYS_unlink:
    case SYS_rmdir:
    case SYS_mkdir:
    case SYS_chmod:
    case SYS_creat:
    case SYS_fork:
    case SYS_vfork:
#endif
      return true;
    default:
      return false;
  }
}

class TracedRun : public CrashRun {
 public:
  // `at`: which of the calls it is killed before; 0: none.
  TracedRun(const std::string& site, int at) : CrashRun(site), at_(at) {}
  int passed() const { return passed_; }

 protected:
  bool mortal(const std::string& call) override {
    auto words = split(call, ' ');
    words.insert(words.begin(), CATENA_BINARY);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto home = "CATENA_HOME=" + (box.dir / "home").string(),
               sites = "CATENA_SITE_PATH=" + (box.dir / "sites").string(), out = (box.dir / ".out").string();
    std::vector<char*> environment;
    for (char** each = environ; *each; ++each) environment.push_back(*each);
    for (const auto* each : {&home, &sites}) environment.push_back(const_cast<char*>(each->c_str()));
    environment.push_back(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {  // only calls that are safe after a fork in a process with threads
      const int said = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      const int nothing = open("/dev/null", O_RDONLY);
      if (chdir(box.dir.c_str()) != 0 || dup2(nothing, 0) < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0 ||
          ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
        _exit(99);
      execve(argv[0], argv.data(), environment.data());
      _exit(99);
    }
    return follow(pid);
  }

 private:
  // False: it was killed.
  bool follow(pid_t pid) {
    int status = 0;
    for (bool first = true; waitpid(pid, &status, __WALL) == pid; first = false) {
      if (WIFEXITED(status)) return true;
      if (WIFSIGNALED(status)) return WTERMSIG(status) != SIGKILL;
      if (first) ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
      int signal = WSTOPSIG(status);
      if (signal == (SIGTRAP | 0x80)) {
        signal = 0;
        __ptrace_syscall_info info{};
        ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), pid, sizeof info, &info);
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY && changes_something(info) && ++passed_ == at_) {
          kill(pid, SIGKILL);
          continue;
        }
      } else if (signal == SIGTRAP) {
        signal = 0;  // the exec
      }
      ptrace(PTRACE_SYSCALL, pid, nullptr, signal);
    }
    throw std::runtime_error("a traced process is lost");
  }

  int at_, passed_ = 0;
};

class SystemCallCrash : public testing::TestWithParam<const char*> {};

TEST_P(SystemCallCrash, KilledBeforeEachCallThatChangesAnythingARunEndsAsPlanned) {
  const std::string site = GetParam();
  if (site == "slurm" && !getenv("CATENA_TEST_SLURM"))
    GTEST_SKIP() << "no private SLURM: scripts/test starts one";
  const auto number = [](const char* name, int otherwise) {
    const char* text = getenv(name);
    return text && *text ? std::stoi(text) : otherwise;
  };
  TracedRun whole(site, 0);
  ASSERT_TRUE(whole.story("")) << "killed without being told to";
  for (const auto& problem : whole.problems()) ADD_FAILURE() << "without a kill: " << problem;
  ASSERT_GT(whole.passed(), 100);
  const int only = number("CATENA_CRASH_POINT", 0);
  const int step = site == "local" ? 1 : number("CATENA_CRASH_STEP", 16);
  std::atomic<int> next = only > 0 ? only : 1;
  const int last = only > 0 ? only : whole.passed();
  std::atomic<int> deaths = 0;
  std::vector<std::thread> pool;
  for (int i = 0; i < 12; ++i) {
    pool.emplace_back([&] {
      for (int at = next.fetch_add(step); at <= last && !HasFailure(); at = next.fetch_add(step)) {
        TracedRun run(site, at);
        if (!run.story("")) {
          ++deaths;
          run.go_on(at % 2 == 0, false);
        }
        run.box.keep = only > 0;
        for (const auto& problem : run.problems()) {
          run.box.keep = true;
          ADD_FAILURE() << "CATENA_CRASH_POINT=" << at << " in " << run.box.dir << ": " << problem;
        }
      }
    });
  }
  for (auto& thread : pool) thread.join();
  fmt::print("{} calls, killed before {} of them\n", whole.passed(), deaths.load());
  EXPECT_GT(deaths, only > 0 ? 0 : whole.passed() / step - 5);
}

INSTANTIATE_TEST_SUITE_P(Sites, SystemCallCrash, testing::Values("local", "slurm"),
                         [](const auto& it) { return std::string(it.param); });

}  // namespace
}  // namespace catena
