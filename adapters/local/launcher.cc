#include "adapters/local/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>

#include <cerrno>
#include <system_error>

namespace catena::local {
namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

class FileActions {
 public:
  FileActions() { check(posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void stream(int fd, int target, int flags) {
    check(fd < 0 ? posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", flags, 0)
                 : posix_spawn_file_actions_adddup2(&actions_, fd, target),
          "standard streams");
  }
  void close_from(int fd) { check(posix_spawn_file_actions_addclosefrom_np(&actions_, fd), "closefrom"); }
  void directory(const std::string& path) {
    check(posix_spawn_file_actions_addchdir_np(&actions_, path.c_str()), "chdir");
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  Attributes() {
    check(posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    // An ignored signal (a supervisor's HUP, a shell's PIPE) would stay ignored in the child.
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

Descriptor above_stdio(int fd) {
  Descriptor given(fd);
  if (fd > 2) return given;
  Descriptor moved(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!moved.open()) check(errno, "dup");
  return moved;
}

}  // namespace

pid_t launch(const Launch& launch) {
  FileActions actions;
  actions.stream(launch.in, 0, O_RDONLY);
  actions.stream(launch.out, 1, O_WRONLY);
  actions.stream(launch.err, 2, O_WRONLY);
  actions.close_from(3);
  if (!launch.directory.empty()) actions.directory(launch.directory);
  static const Attributes attributes;

  std::vector<char*> argv;
  argv.reserve(launch.argv.size() + 1);
  for (const auto& word : launch.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  if (launch.argv.empty() || launch.argv[0].empty()) check(ENOENT, "an empty command");
  pid_t pid = -1;
  check(posix_spawnp(&pid, launch.program.empty() ? argv[0] : launch.program.c_str(), actions.get(),
                     attributes.get(), argv.data(), launch.environment ? launch.environment : environ),
        argv[0]);
  return pid;
}

std::pair<Descriptor, Descriptor> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) check(errno, "pipe");
  Descriptor read_end = above_stdio(ends[0]);
  return {std::move(read_end), above_stdio(ends[1])};
}

Descriptor open_process(pid_t pid) {
  // By number: glibc 2.36's <sys/pidfd.h> lacks the extern "C" that C++ needs.
  return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void signal_group(pid_t leader, int signal) {
  if (leader > 1) ::kill(-leader, signal);
}

}  // namespace catena::local
