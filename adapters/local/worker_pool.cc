#include "adapters/local/worker_pool.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "adapters/local/job_start.h"
#include "adapters/local/launcher.h"
#include "adapters/local/process_table.h"

namespace catena::local {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The body's process, seen from both sides.
class SharedPid {
 public:
  SharedPid() : page_(mmap(nullptr, sizeof(Pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (page_ == MAP_FAILED) fail("mmap");
    new (page_) Pid(0);
  }
  ~SharedPid() { munmap(page_, sizeof(Pid)); }
  SharedPid(const SharedPid&) = delete;
  SharedPid& operator=(const SharedPid&) = delete;
  std::atomic<pid_t>& get() const { return *static_cast<Pid*>(page_); }

 private:
  using Pid = std::atomic<pid_t>;
  static_assert(Pid::is_always_lock_free);
  void* page_;
};

// In the new process: nothing of the supervisor's is kept. Its lock would outlive it here, and its ends of
// the other workers' sockets would keep them waiting.
[[noreturn]] void become_worker(Descriptor socket, const RunFiles& files, const Limits& limits,
                                std::atomic<pid_t>& body) {
  setpgid(0, 0);
  constexpr int kept = 3;
  if (socket.get() != kept && dup2(socket.get(), kept) != kept) _exit(1);
  close_range(kept + 1, ~0U, 0);
  _exit(work(kept, files, limits, body));
}

}  // namespace

struct WorkerPool::Worker {
  Worker(asio::io_context& io, Descriptor socket, pid_t its_pid, std::unique_ptr<SharedPid> its_body)
      : pid(its_pid),
        start(process_start(its_pid).value_or(0)),
        body(std::move(its_body)),
        stream(io, socket.release()),
        timer(io) {}
  bool tell(const Order& order) {
    return ::send(stream.native_handle(), &order, sizeof order, MSG_NOSIGNAL) ==
           static_cast<ssize_t>(sizeof order);
  }
  pid_t pid;
  std::int64_t start;
  std::unique_ptr<SharedPid> body;
  asio::posix::stream_descriptor stream;
  asio::steady_timer timer;

  struct Task {
    JobIndex job = 0;
    std::size_t at = 0;  // its line in the queue
    std::string token{};
    std::optional<Outcome> stopped_as{};
  };
  Task* task(JobIndex job) {
    for (auto* each : {&now, &next}) {
      if (*each && (*each)->job == job) return &**each;
    }
    return nullptr;
  }
  void stop(JobIndex job, Outcome why) {
    auto* stopped = task(job);
    if (!stopped || stopped->stopped_as) return;
    stopped->stopped_as = why;
    tell({.kind = Order::Kind::stop, .at = stopped->at, .why = why});
  }
  std::optional<Task> now{}, next{};  // `next` was sent ahead, or is about to be
  std::chrono::steady_clock::time_point began{};
  bool quick = false;  // its last job was over before one that was sent ahead would have come back
};

WorkerPool::WorkerPool(asio::io_context& io, const RunFiles& files, const Limits& limits, Events events)
    : io_(io), files_(files), limits_(limits), events_(std::move(events)) {}

WorkerPool::~WorkerPool() = default;

std::shared_ptr<WorkerPool::Worker> WorkerPool::start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
  Descriptor ours(ends[0]), theirs(ends[1]);
  auto body = std::make_unique<SharedPid>();
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) become_worker(std::move(theirs), files_, limits_, body->get());
  auto worker = std::make_shared<Worker>(io_, std::move(ours), pid, std::move(body));
  listen(worker);
  return worker;
}

WorkerPool::Identity WorkerPool::reserve(JobIndex job) {
  std::shared_ptr<Worker> worker;
  if (idle_.empty()) {
    worker = start();
  } else {
    worker = std::move(idle_.back());
    idle_.pop_back();
  }
  worker->now = {.job = job};
  worker->began = std::chrono::steady_clock::now();
  busy_[job] = worker;
  return {worker->pid, worker->start};
}

std::vector<JobIndex> WorkerPool::without_next() const {
  std::vector<JobIndex> jobs;
  for (const auto& [job, worker] : busy_) {
    if (worker->quick && !worker->next) jobs.push_back(job);
  }
  return jobs;
}

WorkerPool::Identity WorkerPool::reserve_after(JobIndex job, JobIndex next) {
  const auto worker = busy_.at(job);
  worker->next = {.job = next};
  busy_[next] = worker;
  return {worker->pid, worker->start};
}

void WorkerPool::give_back(JobIndex job) {
  const auto found = busy_.find(job);
  if (found == busy_.end()) return;
  const auto worker = std::move(found->second);
  busy_.erase(found);
  if (worker->next && worker->next->job == job) {
    worker->next.reset();
  } else {
    worker->now.reset();
    idle_.push_back(worker);
  }
}

void WorkerPool::run(JobIndex job, const QueueLine& line) {
  // One that was killed meanwhile does not take it: its end is in the event loop already.
  auto& worker = *busy_.at(job);
  auto& task = *worker.task(job);
  task.at = line.at;
  task.token = line.token;
  worker.tell({.kind = Order::Kind::run, .at = line.at, .size = line.size});
}

void WorkerPool::stop(JobIndex job, Outcome why) {
  if (const auto found = busy_.find(job); found != busy_.end()) found->second->stop(job, why);
}

void WorkerPool::limit(JobIndex job, std::chrono::seconds left) {
  auto& worker = busy_.at(job);
  worker->timer.expires_after(std::max(left, std::chrono::seconds{0}));
  worker->timer.async_wait([watched = std::weak_ptr(worker), job](const error_code& error) {
    const auto limited = watched.lock();
    if (!error && limited) limited->stop(job, Outcome::timeout);
  });
}

void WorkerPool::listen(const std::shared_ptr<Worker>& worker) {
  worker->stream.async_wait(asio::posix::descriptor_base::wait_read,
                            [this, watched = std::weak_ptr(worker)](const error_code& error) {
                              const auto heard = watched.lock();
                              if (!error && heard) take_answer(heard);
                            });
}

void WorkerPool::take_answer(const std::shared_ptr<Worker>& worker) {
  std::array<char, 16384> answer;  // a record is a name, numbers, a path and a pattern
  const auto got = recv(worker->stream.native_handle(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return listen(worker);
  if (got <= 0) return bury(worker);
  listen(worker);
  const std::string_view text(answer.data(), static_cast<std::size_t>(got));
  if (text[0] != given_back) return end(worker, read_record(text.substr(1)), text[0] == recorded);
  if (!worker->next) return;
  const auto task = *std::exchange(worker->next, std::nullopt);
  busy_.erase(task.job);
  worker->quick = false;
  events_.given_back(task.job, task.stopped_as.has_value());
}

// Killed while it was starting its body, a worker cannot say which process that is, nor whether there is one:
// it shows itself within its exec.
pid_t WorkerPool::body_left_by(const Worker& worker) {
  const pid_t body = worker.body->get();
  if (body != body_starting || !worker.now) return body;
  for (int tries = 0; tries < 100; ++tries) {
    if (const auto found = body_of(worker.now->token)) return *found;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return 0;
}

// It was killed, or was told to leave by somebody else.
void WorkerPool::bury(const std::shared_ptr<Worker>& worker) {
  kill(worker->pid, SIGKILL);  // its end of the socket is closed: it is past all use
  waitpid(worker->pid, nullptr, 0);
  signal_group(body_left_by(*worker), SIGKILL);
  log(fmt::format("worker {} is gone", worker->pid));
  while (worker->now) end(worker, std::nullopt, false);  // and what was sent ahead
  worker->stream.close();
  std::erase(idle_, worker);
}

void WorkerPool::end(const std::shared_ptr<Worker>& worker, std::optional<Report> record, bool logged) {
  if (!worker->now) return;
  const auto task = *std::exchange(worker->now, std::exchange(worker->next, std::nullopt));
  const auto instant = std::chrono::steady_clock::now();
  worker->timer.cancel();
  worker->quick = instant - worker->began < limits_.longest_ahead;
  worker->began = instant;
  busy_.erase(task.job);
  if (!worker->now) idle_.push_back(worker);
  events_.ended(task.job, {std::move(record), logged, task.stopped_as});
  if (worker->now) events_.begun(worker->now->job);
}

}  // namespace catena::local
