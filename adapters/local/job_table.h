// A run's jobs on this machine, as queue, control and journal tell of them. The supervisor schedules by it;
// the backend reads its own copy to answer questions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/local/records.h"

namespace catena::local {

using JobIndex = std::uint32_t;  // place in the queue

struct LocalJob {
  enum class Phase { waiting, starting, running, ended };
  QueueLine line;  // `held` and `parents` as control has changed them
  Phase phase = Phase::waiting;
  std::int64_t pid = 0, pid_start = 0;
  std::string boot{}, host{};  // of the supervisor that started it
  std::optional<Time> started{}, ended{};
  Outcome outcome = Outcome::completed;
  std::optional<int> status{}, signal{};
  std::string reason{};  // why it ended as it did
};

// What an edge means now, seen from the child.
enum class EdgeState {
  open,
  met,
  broken_by_failure,  // can no longer be met: the child is skipped, which counts as a failure before what
                      // follows
  broken_unneeded,    // can no longer be met, and nothing failed
};
EdgeState judge(On on, const LocalJob& parent);

class JobTable {
 public:
  // A line with an id that is there already is passed over: false.
  bool add(QueueLine line);
  // hold, release and repoint of a job that waits; anything else changes nothing. Gives the job that it was
  // about.
  std::optional<JobIndex> apply(const ControlLine& line);
  std::optional<JobIndex> apply(const JournalLine& line);

  std::size_t size() const { return jobs_.size(); }
  const LocalJob& operator[](JobIndex index) const { return jobs_[index]; }
  LocalJob& operator[](JobIndex index) { return jobs_[index]; }
  std::optional<JobIndex> by_id(std::string_view id) const { return find(ids_, id); }
  std::optional<JobIndex> by_token(std::string_view token) const { return find(tokens_, token); }

  // The parents that the job still waits for, with each edge's meaning.
  Parents open_edges(const LocalJob& job) const;
  // The id that the next job gets.
  std::string next_id(std::size_t ahead = 0) const;
  // The last word of a supervisor that left by itself; none while one is at work, or was killed.
  const std::optional<JournalLine>& idle() const { return idle_; }

 private:
  using Index = std::unordered_map<std::string, JobIndex>;
  static std::optional<JobIndex> find(const Index& index, std::string_view key);

  std::vector<LocalJob> jobs_;
  Index ids_, tokens_;
  std::int64_t highest_ = 0;
  std::string boot_, host_;
  std::optional<JournalLine> idle_;
};

}  // namespace catena::local
