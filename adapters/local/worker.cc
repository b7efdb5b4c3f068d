#include "adapters/local/worker.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "adapters/local/bare_start.h"
#include "adapters/local/job_start.h"
#include "adapters/local/launcher.h"
#include "adapters/local/process_table.h"
#include "adapters/local/record_log.h"
#include "adapters/local/said.h"

namespace catena::local {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int cannot_record = 74;  // as the job script says it

// The signals that a worker waits for, as a descriptor. Bodies do not inherit the mask (launcher.h).
Descriptor watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  Descriptor fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.open()) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

class Worker {
 public:
  Worker(int socket, const RunFiles& files, const Limits& limits, std::atomic<pid_t>& body)
      : socket_(socket),
        files_(files),
        limits_(limits),
        body_(body),
        signals_(watched_signals()),
        queue_(::open(files.queue.c_str(), O_RDONLY | O_CLOEXEC)),
        records_(files.records),
        host_(host_name()) {}

  int serve() {
    for (;;) {
      pollfd polled[2] = {{socket_, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
      if (poll(polled, 2, -1) < 0 && errno != EINTR) return 1;
      if (polled[1].revents && take_signals()) return 0;
      if (!polled[0].revents) continue;
      auto order = receive();
      if (!order) return 0;
      if (order->kind == Order::Kind::stop) continue;  // it came after its job's end
      for (; order; order = std::exchange(ahead_, {})) {
        if (!run(*order)) return 0;
      }
    }
  }

 private:
  std::optional<Order> receive() {
    Order order;
    const auto got = recv(socket_, &order, sizeof order, 0);
    return got == static_cast<ssize_t>(sizeof order) ? std::optional(order) : std::nullopt;
  }

  // Whether there was a TERM.
  bool take_signals() {
    signalfd_siginfo infos[2];  // one of a kind can be pending
    const auto got = read(signals_.get(), infos, sizeof infos);
    bool term = false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::max<ssize_t>(got, 0)) / sizeof infos[0]; ++i)
      term = term || infos[i].ssi_signo == SIGTERM;
    return term;
  }

  // False: the supervisor is gone. What it sent ahead is its successor's to start.
  bool run(const Order& order) {
    std::string text(order.size, '\0');
    const auto got = pread(queue_.get(), text.data(), text.size(), static_cast<off_t>(order.at));
    const auto bare = got == static_cast<ssize_t>(text.size()) ? read_bare_line(text) : std::nullopt;
    if (!bare) throw std::runtime_error(fmt::format("no bare job at {} of {}", order.at, files_.queue));
    const auto& line = bare->queued;
    const std::string_view node = std::string_view(line.name).substr(0, line.name.rfind('.'));

    Report record;
    record.token = line.token;
    record.native_id = line.id;
    record.host = host_;
    record.started = now();
    at_ = order.at;
    stopped_ = {};
    if (records_.append(write_start_record(record, node))) {
      run_body(*bare, node, record);
    } else {
      record.exit_code = cannot_record;
      record.reason = "cannot write to " + files_.records;
    }
    record.ended = now();
    const auto said = write_exit_record(record, node);
    const auto answer = (records_.append(said) ? recorded : not_recorded) + said;
    return send(socket_, answer.data(), answer.size(), MSG_NOSIGNAL) >= 0;
  }

  void run_body(const BareLine& bare, std::string_view node, Report& record) {
    const auto& line = bare.queued;
    pid_t pid = 0;
    body_ = body_starting;
    try {
      const auto out = open_log(line.log_out);
      const auto err =
          line.log_err.empty() || line.log_err == line.log_out ? Descriptor() : open_log(line.log_err);
      pid = start_body(bare, files_.body(line.body), out.get(), err.open() ? err.get() : out.get());
    } catch (const CannotStart& problem) {
      body_ = 0;
      record.exit_code = problem.status;
      record.reason = problem.reason;
      return;
    } catch (const std::system_error& error) {
      body_ = 0;
      record.exit_code = 1;
      record.reason = error.what();
      return;
    }
    body_ = pid;
    const int status = wait_for(pid);
    body_ = 0;
    record.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    take_in_said(files_, bare, node, record);
    if (stopped_.term_sent) {
      record.signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGTERM;
      if (stopped_.why == Outcome::timeout) record.state = JobState::timeout;
      if (stopped_.why == Outcome::cancelled) record.state = JobState::cancelled;
    } else if (record.exit_code == 0) {
      check_outputs(bare, record);
    }
  }

  int wait_for(pid_t pid) {
    for (bool there = true;;) {
      pollfd polled[2] = {{signals_.get(), POLLIN, 0}, {there ? socket_ : -1, POLLIN, 0}};
      const int ready = poll(polled, 2, patience());
      if (ready == 0) do_what_is_due(pid);
      if (polled[1].revents) {
        const auto order = receive();
        there = order.has_value();
        if (order) obey(*order, pid);
      }
      if (!polled[0].revents) continue;
      if (take_signals()) stop(pid, {});
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid == pid)
        break;
    }
    signal_group(pid,
                 SIGKILL);  // what the body leaves in its group; it is not reaped yet, so the id is its own
    int status = 0;
    waitpid(pid, &status, 0);
    return status;
  }

  void obey(const Order& order, pid_t pid) {
    if (order.kind == Order::Kind::run) {
      ahead_ = order;
      back_at_ = Clock::now() + limits_.longest_ahead;
    } else if (order.at == at_) {
      stop(pid, order.why);
    } else if (ahead_ && order.at == ahead_->at) {
      give_back();
    }
  }

  void give_back() {
    ahead_.reset();
    send(socket_, &given_back, 1, MSG_NOSIGNAL);
  }

  void stop(pid_t pid, std::optional<Outcome> why) {
    if (stopped_.term_sent) return;
    stopped_ = {true, why, Clock::now() + limits_.kill_grace};
    signal_group(pid, SIGTERM);
    signal_group(pid, SIGCONT);  // a stopped process would not see the TERM
  }

  void do_what_is_due(pid_t pid) {
    const auto instant = Clock::now();
    if (stopped_.kill_at && *stopped_.kill_at <= instant) {
      signal_group(pid, SIGKILL);
      stopped_.kill_at.reset();
    }
    if (ahead_ && back_at_ <= instant) give_back();
  }

  // Milliseconds until something is due; -1: nothing is.
  int patience() const {
    auto due = stopped_.kill_at;
    if (ahead_) due = due ? std::min(*due, back_at_) : back_at_;
    if (!due) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
  }

  // In the working directory, as the script does it: a pattern is relative to it.
  static void check_outputs(const BareLine& bare, Report& record) {
    if (bare.outputs.empty()) return;
    const bool there = chdir(bare.queued.workdir.c_str()) == 0;
    for (const auto& output : bare.outputs) {
      glob_t found{};
      const bool any = there && glob(output.c_str(), GLOB_NOSORT, nullptr, &found) == 0;
      globfree(&found);
      if (any) continue;
      record.exit_code = 1;
      record.reason = "output missing: " + output;
      break;
    }
    if (chdir("/") != 0) log("cannot leave the working directory");
  }

  struct Stopped {
    bool term_sent = false;
    std::optional<Outcome> why;
    std::optional<Clock::time_point> kill_at;
  };

  int socket_;
  const RunFiles& files_;
  const Limits& limits_;
  std::atomic<pid_t>& body_;
  Descriptor signals_, queue_;
  RecordWriter records_;
  std::string host_;
  std::size_t at_ = 0;  // of the job that runs
  Stopped stopped_;
  std::optional<Order> ahead_;
  Clock::time_point back_at_{};  // when what was sent ahead goes back
};

}  // namespace

int work(int socket, const RunFiles& files, const Limits& limits, std::atomic<pid_t>& body) {
  try {
    return Worker(socket, files, limits, body).serve();
  } catch (const std::exception& error) {
    log(fmt::format("a worker ended by an error: {}", error.what()));
    return 1;
  }
}

}  // namespace catena::local
