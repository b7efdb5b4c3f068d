#include "slurm/parse.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/job.h"
#include "core/split.h"
#include "slurm/reply.h"
#include "slurm/states.h"

namespace catena::slurm {
namespace {

// Of a row for many elements; the queue is asked for a row each, and one that none has is settled without.
constexpr std::size_t most_indices = 1000;

template <std::size_t n>
using Columns = std::array<std::string_view, n>;

// The last column takes the rest of the line, with whatever separators it holds.
template <std::size_t n>
bool split(std::string_view line, Columns<n>& columns) {
  for (std::size_t i = 0; i + 1 < n; ++i) {
    const auto bar = line.find('|');
    if (bar == line.npos) return false;
    columns[i] = line.substr(0, bar);
    line.remove_prefix(bar + 1);
  }
  columns[n - 1] = line;
  return true;
}

std::optional<long> integer(std::string_view text) {
  long value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

// Seconds since 1970; "Unknown", "None", "N/A", "NONE" are no time.
std::optional<Time> time_of(std::string_view text) {
  const auto seconds = integer(text);
  if (!seconds || *seconds <= 0) return std::nullopt;
  return Time(std::chrono::seconds(*seconds));
}

bool job_id(std::string_view text) {
  return !text.empty() && text[0] >= '1' && text[0] <= '9';
}

// "7647.batch", "7647.extern", "7647_3.0": a step, not a job. The dots within "7647_[1,2,...]" are a list
// that is cut.
bool step(std::string_view id) {
  const auto list = id.find("_["), end = id.find(']');
  return id.substr(0, list).find('.') != id.npos || (end != id.npos && id.find('.', end) != id.npos);
}

std::string known(std::string_view text) {
  return text == "(null)" || text == "None" || text == "None assigned" || text == "N/A" ? std::string()
                                                                                        : std::string(text);
}

bool ended(JobState state) {
  return state == JobState::completed || state == JobState::failed || state == JobState::timeout ||
         state == JobState::cancelled || state == JobState::node_fail || state == JobState::oom ||
         state == JobState::preempted;
}

// Right after its submission a dependent job's reason is None for a moment, but its dependency is there.
bool held(std::string_view reason, std::string_view dependency) {
  return !dependency.empty() || reason.starts_with("JobHeld") || reason.starts_with("Dependency") ||
         reason == "job requeued in held state";
}

// The parts that both sources have.
void fill(Report& report, std::string_view state, std::string_view reason, std::string_view dependency) {
  report.native = state;
  report.reason = known(reason);
  report.dependency = known(dependency);
  const auto* row = find_state(state);
  report.state = row != nullptr ? row->state : JobState::unknown;
  if (report.state == JobState::queued && held(report.reason, report.dependency))
    report.state = JobState::held;
}

// squeue's StartTime of a waiting job and EndTime of a running one are forecasts. A job that is cancelled
// while it waits gets that moment as its start; it has no host.
void fill_times(Report& report, std::string_view submitted, std::string_view started,
                std::string_view stopped) {
  report.submitted = time_of(submitted);
  const bool was_placed = report.state != JobState::cancelled || !report.host.empty();
  if (report.state == JobState::running || (ended(report.state) && was_placed))
    report.started = time_of(started);
  if (ended(report.state)) report.ended = time_of(stopped);
}

void fill_exit(Report& report, std::string_view exit_code) {
  const auto colon = exit_code.find(':');
  if (colon == exit_code.npos) return;
  const auto code = integer(exit_code.substr(0, colon));
  const auto signal = integer(exit_code.substr(colon + 1));
  if (!code || !signal) return;
  if (report.state == JobState::completed || (report.state == JobState::failed && *code != 0)) {
    report.exit_code = static_cast<int>(*code);
  }
  if (*signal != 0 && ended(report.state)) report.signal = static_cast<int>(*signal);
  // slurmstepd's own way to say that it could not open the batch job's output file, whose folder is missing.
  if (report.state == JobState::failed && *code == 0 && *signal == 53 && report.reason.empty()) {
    report.reason = "the output file could not be opened";
  }
}

// Of an array's elements: "4", or of those that wait and have no row of their own "[1-3,7%2]".
std::vector<std::string> indices(std::string_view text) {
  std::vector<std::string> list;
  if (!text.starts_with('[')) {
    if (is_index(text)) list.emplace_back(text);
    return list;
  }
  for (const auto range : catena::split_words(text.substr(1, text.find_first_of("]%") - 1), ",")) {
    const auto dash = range.find('-');
    const auto from = range.substr(0, dash), to = dash == range.npos ? from : range.substr(dash + 1);
    if (!is_index(from) || !is_index(to)) continue;  // "...": the list is cut
    const auto first = integer(from), last = integer(to);
    for (auto i = *first; i <= *last && list.size() < most_indices; ++i) list.push_back(std::to_string(i));
  }
  return list;
}

Parsed read(const CommandResult& result,
            bool (*read_line)(std::string_view line, Report& report, std::string_view& name)) {
  throw_if_unanswered(result);
  if (result.status != 0 && result.err.find("Invalid job id specified") == std::string::npos)
    throw_failed(result);
  Parsed parsed;
  for (const auto line : lines(result.out)) {
    Report report;
    std::string_view name;
    if (!read_line(line, report, name)) {
      parsed.unread.emplace_back(line);
      continue;
    }
    report.token = token_of(name);
    if (report.source == Evidence::queue && !ended(report.state)) ++parsed.live[""];
    if (report.token.empty() || step(report.native_id)) continue;
    const auto mark = report.native_id.find('_');
    if (mark == std::string::npos) {
      parsed.reports.push_back(std::move(report));
      continue;
    }
    const auto array = report.token, id = report.native_id.substr(0, mark + 1);
    for (const auto& index : indices(std::string_view(report.native_id).substr(mark + 1))) {
      report.token = element_token(array, index);
      report.native_id = id + index;
      parsed.reports.push_back(report);
    }
  }
  return parsed;
}

bool read_queue_line(std::string_view line, Report& report, std::string_view& name) {
  Columns<9> columns;
  if (!split(line, columns) || !job_id(columns[0])) return false;
  report.source = Evidence::queue;
  report.native_id = columns[0];
  fill(report, columns[1], columns[7], columns[6]);
  report.host = known(columns[5]);
  fill_times(report, columns[2], columns[3], columns[4]);
  name = columns[8];
  return true;
}

bool read_accounting_line(std::string_view line, Report& report, std::string_view& name) {
  Columns<9> columns;
  if (!split(line, columns) || !job_id(columns[0])) return false;
  report.source = Evidence::accounting;
  report.native_id = columns[0];
  // The reason stays as it was when the job last waited: it says nothing of a job that has started.
  const auto* row = find_state(columns[1]);
  const bool waits = row != nullptr && (row->state == JobState::queued || row->state == JobState::held);
  fill(report, columns[1], waits ? columns[7] : std::string_view(), {});
  report.host = known(columns[6]);
  fill_times(report, columns[3], columns[4], columns[5]);
  fill_exit(report, columns[2]);
  name = columns[8];
  return true;
}

}  // namespace

Parsed parse_queue(const CommandResult& result) {
  return read(result, read_queue_line);
}

Parsed parse_accounting(const CommandResult& result) {
  return read(result, read_accounting_line);
}

}  // namespace catena::slurm
