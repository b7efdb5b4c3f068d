#include "adapters/local/job_process.h"

#include <poll.h>
#include <signal.h>

#include "adapters/local/launcher.h"

namespace catena::local {

JobProcess::JobProcess(boost::asio::io_context& io, pid_t pid, Descriptor watch, Kind kind,
                       std::chrono::seconds grace, std::function<void()> on_end)
    : pid_(pid), grace_(grace), watch_(io, watch.release()), timer_(io) {
  if (kind == Kind::child) handle_.emplace(io.get_executor(), pid);
  // Not the handle's own async_wait: that reaps the leader before what it left behind in its group can be
  // ended, and its id may then be somebody else's.
  watch_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                    [done = std::move(on_end), alive = alive()](const boost::system::error_code& error) {
                      if (!error && !alive.expired()) done();
                    });
}

void JobProcess::stop(Outcome why) {
  pollfd ended{watch_.native_handle(), POLLIN, 0};
  if (stopped_as_ || poll(&ended, 1, 0) > 0) return;
  stopped_as_ = why;
  signal_group(pid_, SIGTERM);
  signal_group(pid_, SIGCONT);  // a stopped process would not see the TERM
  timer_.expires_after(grace_);
  timer_.async_wait([pid = pid_, alive = alive()](const boost::system::error_code& error) {
    if (!error && !alive.expired()) signal_group(pid, SIGKILL);
  });
}

void JobProcess::limit(std::chrono::seconds left) {
  timer_.expires_after(std::max(left, std::chrono::seconds{0}));
  timer_.async_wait([this, alive = alive()](const boost::system::error_code& error) {
    if (!error && !alive.expired()) stop(Outcome::timeout);
  });
}

std::optional<int> JobProcess::reap() {
  timer_.cancel();
  if (!handle_) {
    // Somebody else reaps it. What is left of a group that had to be stopped is ended all the same.
    if (stopped_as_) signal_group(pid_, SIGKILL);
    return std::nullopt;
  }
  signal_group(pid_, SIGKILL);
  int status = 0;
  boost::system::error_code error;
  handle_->wait(status, error);
  return status;
}

}  // namespace catena::local
