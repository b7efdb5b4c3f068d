// The supervisor's side of its workers (worker.h): as many as bare jobs have run at one time, each with one
// job, and perhaps one more that was sent ahead.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/local/job_table.h"
#include "adapters/local/worker.h"

namespace catena::local {

class WorkerPool {
 public:
  struct End {
    std::optional<Report> record;  // nothing: the worker was killed, and its body with it
    bool recorded = false;         // the record is in the record log
    std::optional<Outcome> stopped_as;
  };
  // Called from the event loop.
  struct Events {
    std::function<void(JobIndex, const End&)> ended;
    // What was sent ahead is its worker's job now: the one before it has ended.
    std::function<void(JobIndex)> begun;
    // … or was not begun. `cancelled`: stop() was called for it.
    std::function<void(JobIndex, bool cancelled)> given_back;
  };
  // `files` and `limits` must outlive the pool.
  WorkerPool(boost::asio::io_context& io, const RunFiles& files, const Limits& limits, Events events);
  ~WorkerPool();  // workers that have a job bring it to its end

  struct Identity {
    pid_t pid = 0;
    std::int64_t start = 0;  // process_start()
  };
  // Gives the job a worker, which is not told yet. Throws std::system_error where none can be had.
  Identity reserve(JobIndex job);
  // Jobs after which another may be sent ahead: their worker has none, and its last job was short. Behind a
  // long one it would only come back.
  std::vector<JobIndex> without_next() const;
  Identity reserve_after(JobIndex job, JobIndex next);
  void give_back(JobIndex job);  // reserved, and not run after all
  void run(JobIndex job, const QueueLine& line);
  // Does nothing for a job that has no worker, or is being stopped already.
  void stop(JobIndex job, Outcome why);
  // Stops it as timed out when that time has passed.
  void limit(JobIndex job, std::chrono::seconds left);
  bool busy() const { return !busy_.empty(); }

 private:
  struct Worker;
  std::shared_ptr<Worker> start();
  void listen(const std::shared_ptr<Worker>& worker);
  void take_answer(const std::shared_ptr<Worker>& worker);
  static pid_t body_left_by(const Worker& worker);
  void bury(const std::shared_ptr<Worker>& worker);
  void end(const std::shared_ptr<Worker>& worker, std::optional<Report> record, bool logged);

  boost::asio::io_context& io_;
  const RunFiles& files_;
  const Limits& limits_;
  Events events_;
  std::vector<std::shared_ptr<Worker>> idle_;
  std::unordered_map<JobIndex, std::shared_ptr<Worker>> busy_;
};

}  // namespace catena::local
