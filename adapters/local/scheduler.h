// Decides which job of a run starts next on this machine: edges, holds, CPUs and memory. No I/O and no clock.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/local/job_table.h"

namespace catena::local {

// The order is that of the queue, but for a job that was sent ahead and came back: later ones may have
// started meanwhile. A job that does not fit lets smaller ones pass, but no more than 100 of them and no
// longer than 60 seconds; after that nothing starts before it.
class Scheduler {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  explicit Scheduler(Limits limits) : free_cpus_(limits.cpus), free_memory_(limits.memory) {}

  const JobTable& jobs() const { return table_; }
  void add(QueueLine line);
  void apply(const ControlLine& line);  // all but cancel
  // Takes a line of an earlier supervisor's journal. Nothing is decided before take_over() and settle().
  void replay(const JournalLine& line) { table_.apply(line); }
  void wake(Time now);  // jobs whose `begin` has come may start
  void take_over();     // after the last replay: what is running takes its slots

  // Decides on all that has changed. Gives the jobs that were skipped by it: they have ended.
  std::vector<JobIndex> settle();
  // Takes the slots of the jobs that are to be started now.
  std::vector<JobIndex> start_next(Instant now);
  // A job that may begin as soon as `running` ends, in the slots that it leaves: the first that is ready, if
  // it is bare, needs no more, and nobody waits for its start. It takes its slots by started().
  std::optional<JobIndex> next_after(JobIndex running);
  void started(const JournalLine& line);  // a start line
  void put_back(
      const JournalLine& line);       // a back line, of a starting job, or of a running one that never began
  void end(const JournalLine& line);  // an end line, of a job in any phase

  // Nothing runs and nothing can start: what is left is held, or waits for what is held.
  bool idle() const { return active_ == 0 && ready_.empty() && delayed_.empty(); }
  std::size_t unfinished() const { return table_.size() - finished_; }

 private:
  struct Child {
    JobIndex job;
    std::uint32_t generation;  // of its edges: older ones were re-pointed
    On on;
  };
  struct PassedOver {
    int by = 0;
    Instant since;
  };
  void touch(JobIndex index) { touched_.push_back(index); }
  void evaluate(JobIndex index);
  void make_ready(JobIndex index);
  void tell_children(JobIndex parent);
  void edge_changed(const Child& child, JobIndex parent);
  void skip(JobIndex index, EdgeState why, const std::string& parent);
  void take_slots(const LocalJob& job, int sign);
  void give_slots(JobIndex index);
  bool fits(const LocalJob& job) const;

  JobTable table_;
  std::vector<std::vector<Child>> children_;
  std::vector<std::uint32_t> generation_, unmet_;
  std::vector<JobIndex> touched_, ended_, skipped_;
  std::set<JobIndex> ready_;
  std::set<std::pair<Time, JobIndex>> delayed_;
  Time now_{};
  std::unordered_map<JobIndex, PassedOver> passed_over_;
  std::set<JobIndex> ahead_;  // starting, without slots
  int free_cpus_;
  Bytes free_memory_;
  std::size_t active_ = 0, finished_ = 0;
};

}  // namespace catena::local
