#include "adapters/local/scheduler.h"

#include <fmt/core.h>

#include <utility>

namespace catena::local {
namespace {

using Phase = LocalJob::Phase;

constexpr int most_passers = 100;
constexpr std::chrono::seconds longest_passing{60};
// How many jobs that do not fit are looked past: more would make each end of a job cost the length of the
// queue.
constexpr int look_ahead = 100;

}  // namespace

void Scheduler::add(QueueLine line) {
  if (!table_.add(std::move(line))) return;
  children_.emplace_back();
  generation_.push_back(0);
  unmet_.push_back(0);
  touch(static_cast<JobIndex>(table_.size() - 1));
}

void Scheduler::apply(const ControlLine& line) {
  if (const auto index = table_.apply(line)) touch(*index);
}

void Scheduler::take_over() {
  for (JobIndex i = 0; i < table_.size(); ++i) {
    const auto& job = table_[i];
    if (job.phase == Phase::ended) ++finished_;
    if (job.phase == Phase::starting || job.phase == Phase::running) take_slots(job, 1);
  }
}

std::vector<JobIndex> Scheduler::settle() {
  while (!ended_.empty() || !touched_.empty()) {
    // What was touched goes first: its edges are new ones, and an ended parent must not be told to the old
    // ones.
    if (!touched_.empty()) {
      const auto index = touched_.back();
      touched_.pop_back();
      evaluate(index);
    } else {
      const auto parent = ended_.back();
      ended_.pop_back();
      tell_children(parent);
    }
  }
  return std::exchange(skipped_, {});
}

void Scheduler::evaluate(JobIndex index) {
  const auto& job = table_[index];
  if (job.phase != Phase::waiting) return;
  ready_.erase(index);
  delayed_.erase({job.line.begin, index});
  const auto generation = ++generation_[index];
  unmet_[index] = 0;
  for (const auto& [on, id] : job.line.parents) {
    const auto parent = table_.by_id(id);
    const auto state = parent ? judge(on, table_[*parent]) : EdgeState::broken_by_failure;
    if (state == EdgeState::met) continue;
    if (state != EdgeState::open) return skip(index, state, id);
    children_[*parent].push_back({index, generation, on});
    ++unmet_[index];
  }
  if (unmet_[index] == 0) make_ready(index);
}

void Scheduler::make_ready(JobIndex index) {
  const auto& line = table_[index].line;
  if (line.held) return;
  if (line.begin > now_) {
    delayed_.emplace(line.begin, index);
  } else {
    ready_.insert(index);
  }
}

void Scheduler::wake(Time now) {
  now_ = now;
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    touch(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
  }
}

// All edges of an ended job are decided; of one that has only started, those that wait for the start.
void Scheduler::tell_children(JobIndex parent) {
  auto children = std::exchange(children_[parent], {});
  for (const auto& child : children) edge_changed(child, parent);
}

void Scheduler::edge_changed(const Child& child, JobIndex parent) {
  if (generation_[child.job] != child.generation || table_[child.job].phase != Phase::waiting) return;
  const auto state = judge(child.on, table_[parent]);
  if (state == EdgeState::open) {
    children_[parent].push_back(child);
  } else if (state != EdgeState::met) {
    skip(child.job, state, table_[parent].line.id);
  } else if (--unmet_[child.job] == 0) {
    make_ready(child.job);
  }
}

void Scheduler::skip(JobIndex index, EdgeState why, const std::string& parent) {
  const auto& job = table_[index];
  const auto found = table_.by_id(parent);
  std::string reason = fmt::format("its parent {} is not in this run's queue", parent);
  if (found) {
    const auto& line = table_[*found].line;
    reason = fmt::format("its parent {} ({}) ended {}", line.name, parent, to_string(table_[*found].outcome));
  }
  end({.what = JournalLine::What::end,
       .id = job.line.id,
       .token = job.line.token,
       .time = now(),
       .outcome =
           why == EdgeState::broken_by_failure ? Outcome::skipped_by_failure : Outcome::skipped_unneeded,
       .reason = std::move(reason)});
  skipped_.push_back(index);
}

std::vector<JobIndex> Scheduler::start_next(Instant now) {
  std::vector<JobIndex> chosen, too_large;
  for (auto it = ready_.begin(); it != ready_.end() && free_cpus_ > 0;) {
    const auto index = *it;
    auto& job = table_[index];
    if (!fits(job)) {
      const auto waiting = passed_over_.try_emplace(index, PassedOver{0, now}).first->second;
      if (waiting.by >= most_passers || now - waiting.since >= longest_passing) break;
      too_large.push_back(index);
      if (too_large.size() >= look_ahead) break;
      ++it;
      continue;
    }
    it = ready_.erase(it);
    passed_over_.erase(index);
    for (const auto passed : too_large) ++passed_over_[passed].by;
    job.phase = Phase::starting;
    take_slots(job, 1);
    chosen.push_back(index);
  }
  return chosen;
}

std::optional<JobIndex> Scheduler::next_after(JobIndex running) {
  if (ready_.empty()) return std::nullopt;
  const auto index = *ready_.begin();
  auto& job = table_[index];
  const auto& leaves = table_[running].line;
  if (job.line.body.empty() || job.line.cpus > leaves.cpus || job.line.memory > leaves.memory)
    return std::nullopt;
  for (const auto& child : children_[index]) {
    if (child.on == On::start) return std::nullopt;
  }
  ready_.erase(ready_.begin());
  passed_over_.erase(index);
  job.phase = Phase::starting;
  ahead_.insert(index);
  return index;
}

void Scheduler::started(const JournalLine& line) {
  const auto index = table_.apply(line);
  if (!index) return;
  if (ahead_.erase(*index)) take_slots(table_[*index], 1);
  ended_.push_back(*index);  // its `start` edges
}

void Scheduler::put_back(const JournalLine& line) {
  const auto index = table_.by_id(line.id);
  if (!index) return;
  if (const auto phase = table_[*index].phase; phase != Phase::starting && phase != Phase::running) return;
  give_slots(*index);
  table_.apply(line);
  touch(*index);
}

void Scheduler::end(const JournalLine& line) {
  const auto found = table_.by_id(line.id);
  if (!found || table_[*found].phase == Phase::ended) return;
  const auto& job = table_[*found];
  if (job.phase == Phase::waiting) {
    ready_.erase(*found);
    delayed_.erase({job.line.begin, *found});
    passed_over_.erase(*found);
  } else {
    give_slots(*found);
  }
  table_.apply(line);
  ++finished_;
  ended_.push_back(*found);
}

void Scheduler::take_slots(const LocalJob& job, int sign) {
  free_cpus_ -= sign * job.line.cpus;
  free_memory_ -= sign * job.line.memory;
  active_ += static_cast<std::size_t>(sign);
}

void Scheduler::give_slots(JobIndex index) {
  if (!ahead_.erase(index)) take_slots(table_[index], -1);
}

bool Scheduler::fits(const LocalJob& job) const {
  // A job that was taken in under larger limits runs alone rather than never.
  return (job.line.cpus <= free_cpus_ && job.line.memory <= free_memory_) || active_ == 0;
}

}  // namespace catena::local
