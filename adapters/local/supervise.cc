// The hidden verb: detaches, then supervises.
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "adapters/local/job_start.h"
#include "adapters/local/launcher.h"
#include "adapters/local/line_file.h"
#include "adapters/local/supervisor.h"

namespace catena::local {
namespace {

// In the process that stays: nothing of the caller's but its environment and its files.
void detach(const RunFiles& files) {
  setsid();
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const Descriptor log_file(::open(files.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  dup2(null.get(), STDIN_FILENO);
  dup2(log_file.open() ? log_file.get() : null.get(), STDOUT_FILENO);
  dup2(log_file.open() ? log_file.get() : null.get(), STDERR_FILENO);
  if (chdir("/") != 0) log("cannot leave the working directory");
}

}  // namespace

int supervise(const std::string& run_directory) {
  const RunFiles files(std::filesystem::absolute(run_directory).lexically_normal().string());
  auto [ready_read, ready_write] = make_pipe();
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child > 0) {
    ready_write.reset();
    char byte = 0;
    ssize_t got = 0;
    while ((got = read(ready_read.get(), &byte, 1)) < 0 && errno == EINTR) {
    }
    if (got == 1) return 0;
    int status = 0;
    waitpid(child, &status, 0);
    return 1;
  }
  ready_read.reset();
  detach(files);
  int status = 1;
  try {
    const auto limits = read_limits(read_file(files.limits));
    status = supervise_here(files.run, limits, [&ready = ready_write] {
      if (write(ready.get(), "", 1) != 1) log("nobody waits for the start");
      ready.reset();
    });
  } catch (const std::exception& error) {
    log(fmt::format("ended by an error: {}", error.what()));
  }
  _exit(status);
}

}  // namespace catena::local
