#include "adapters/local/job_table.h"

#include <algorithm>
#include <charconv>

namespace catena::local {
namespace {

using Phase = LocalJob::Phase;

constexpr std::string_view id_prefix = "local.";

std::int64_t number_of(std::string_view id) {
  std::int64_t number = 0;
  if (id.starts_with(id_prefix)) std::from_chars(id.data() + id_prefix.size(), id.data() + id.size(), number);
  return number;
}

}  // namespace

EdgeState judge(On on, const LocalJob& parent) {
  if (on == On::start && parent.started) return EdgeState::met;
  if (parent.phase != Phase::ended) return EdgeState::open;
  const bool unneeded = parent.outcome == Outcome::skipped_unneeded;
  const bool completed = parent.outcome == Outcome::completed;
  switch (on) {
    case On::any:
      return EdgeState::met;
    case On::notok:
      return completed || unneeded ? EdgeState::broken_unneeded : EdgeState::met;
    case On::ok:
      if (completed) return EdgeState::met;
      break;
    case On::start:
      break;
  }
  return unneeded ? EdgeState::broken_unneeded : EdgeState::broken_by_failure;
}

bool JobTable::add(QueueLine line) {
  const auto index = static_cast<JobIndex>(jobs_.size());
  if (!ids_.try_emplace(line.id, index).second) return false;
  tokens_[line.token] = index;
  highest_ = std::max(highest_, number_of(line.id));
  jobs_.push_back(LocalJob{.line = std::move(line)});
  return true;
}

std::optional<JobIndex> JobTable::apply(const ControlLine& line) {
  const auto index = by_id(line.id);
  if (!index) return std::nullopt;
  auto& job = jobs_[*index];
  if (job.phase != Phase::waiting) return index;
  if (line.action == Action::hold) job.line.held = true;
  if (line.action == Action::release) job.line.held = false;
  if (line.action == Action::repoint) job.line.parents = line.parents;
  return index;
}

std::optional<JobIndex> JobTable::apply(const JournalLine& line) {
  using What = JournalLine::What;
  if (line.what == What::supervisor) {
    boot_ = line.boot;
    host_ = line.host;
    idle_.reset();
    return std::nullopt;
  }
  if (line.what == What::idle) {
    idle_ = line;
    return std::nullopt;
  }
  const auto index = by_id(line.id);
  if (!index || jobs_[*index].phase == Phase::ended) return std::nullopt;
  auto& job = jobs_[*index];
  if (line.what == What::starting) job.phase = Phase::starting;
  if (line.what == What::back) {
    job.phase = Phase::waiting;
    job.started.reset();
  }
  if (line.what == What::start) {
    job.phase = Phase::running;
    job.pid = line.pid;
    job.pid_start = line.pid_start;
    job.started = line.time;
  }
  if (line.what == What::end) {
    job.phase = Phase::ended;
    job.ended = line.time;
    job.outcome = line.outcome;
    job.status = line.status;
    job.signal = line.signal;
    job.reason = line.reason;
  } else {
    job.boot = boot_;
    job.host = host_;
  }
  return index;
}

Parents JobTable::open_edges(const LocalJob& job) const {
  Parents open;
  for (const auto& [on, id] : job.line.parents) {
    const auto parent = by_id(id);
    if (parent && judge(on, jobs_[*parent]) == EdgeState::open) open.emplace_back(on, id);
  }
  return open;
}

std::string JobTable::next_id(std::size_t ahead) const {
  return std::string(id_prefix) + std::to_string(highest_ + 1 + static_cast<std::int64_t>(ahead));
}

std::optional<JobIndex> JobTable::find(const Index& index, std::string_view key) {
  const auto found = index.find(std::string(key));
  return found == index.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace catena::local
