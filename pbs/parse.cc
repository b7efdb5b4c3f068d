#include "pbs/parse.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "core/error.h"
#include "core/job.h"
#include "core/resources.h"
#include "core/split.h"
#include "pbs/listing.h"
#include "pbs/reply.h"
#include "pbs/states.h"

namespace catena::pbs {
namespace {

std::optional<int> integer(std::string_view text) {
  int value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

// "Sat Nov 21 02:59:10 2026", in UTC since the command was told so.
std::optional<Time> time_of(std::string_view text) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 24) return std::nullopt;
  const auto part = [&](std::size_t at, std::size_t size) {
    auto digits = text.substr(at, size);
    while (digits.starts_with(' ')) digits.remove_prefix(1);
    return integer(digits).value_or(-1);
  };
  const auto month = months.find(text.substr(4, 3));
  if (month == months.npos || month % 3 != 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(part(20, 4)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(part(8, 2)))};
  const int hours = part(11, 2), minutes = part(14, 2), seconds = part(17, 2);
  if (!date.ok() || hours < 0 || minutes < 0 || seconds < 0) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(hours) + std::chrono::minutes(minutes) +
         std::chrono::seconds(seconds);
}

// Of "afterok:6.pbshost@pbshost,beforeok:8.pbshost@pbshost" what the job itself waits for.
std::string waits_for(std::string_view depend) {
  std::string text;
  for (const auto one : split_words(depend, ",")) {
    if (!one.starts_with("before")) text.append(text.empty() ? "" : ",").append(one);
  }
  return text;
}

// The hosts of "node1/1*2+node2/0", each once.
std::string hosts_of(std::string_view exec_host) {
  std::string list;
  std::string_view last;
  for (const auto chunk : split_words(exec_host, "+")) {
    const auto host = chunk.substr(0, chunk.find('/'));
    if (host.empty() || host == last) continue;
    list.append(list.empty() ? "" : ",").append(host);
    last = host;
  }
  return list;
}

// Torque ends a job at its walltime with the same signal as qdel does, and shows no substate.
void explain_signal(const ListedJob& job, Report& report) {
  const auto limit = parse_duration(job.walltime), used = parse_duration(job.walltime_used);
  if (limit && used && *used >= *limit) {
    report.state = JobState::timeout;
    report.native = job.state + " (ended at its walltime)";
  } else if (report.signal == SIGTERM) {
    report.state = JobState::cancelled;
    report.native = job.state + " (deleted)";
  }
}

void fill_end(const ListedJob& job, const NativeState& row, Report& report) {
  report.source = Evidence::accounting;
  const auto status = integer(job.exit_status);
  report.ended = time_of(job.ended.empty() ? job.modified : job.ended);
  if (!status) {  // it never ran
    report.state = JobState::cancelled;
    report.native += row.state == JobState::cancelled ? " (deleted before it started)"
                                                      : " (never ran: removed from the queue)";
    report.reason = "it was removed from the queue";
    report.removed = row.state != JobState::cancelled;
    return;
  }
  report.started = time_of(job.started);
  const auto exit = read_exit(*status, job.state == "C");
  report.state = exit.state;
  report.exit_code = exit.exit_code;
  report.signal = exit.signal;
  report.native += fmt::format(
      " ({})", exit.meaning.empty() ? fmt::format("Exit_status {}", *status) : std::string(exit.meaning));
  if (job.state == "C" && report.signal) explain_signal(job, report);
  // Deleted while it ran: the script may have caught the signal and ended in its own way.
  if (row.state == JobState::cancelled) {
    report.state = JobState::cancelled;
    report.native = fmt::format("{}/{} (deleted)", job.state, job.substate);
    report.exit_code.reset();
  }
}

// "3" of "54[3].pbshost"; empty: no subjob.
std::string_view subjob_index(std::string_view id) {
  const auto open = id.find('['), close = id.find(']');
  if (open == id.npos || close == id.npos || close < open) return {};
  const auto index = id.substr(open + 1, close - open - 1);
  return is_index(index) ? index : std::string_view();
}

Report report_of(const ListedJob& job) {
  Report report;
  report.token = token_of(job.name);
  if (const auto index = subjob_index(job.id); !index.empty())
    report.token = element_token(report.token, index);
  report.native_id = job.id;
  report.native = job.substate.empty() ? job.state : job.state + "/" + job.substate;
  report.submitted = time_of(job.created.empty() ? job.queued : job.created);
  report.host = hosts_of(job.exec_host);
  const auto* row = find_state(job.state, integer(job.substate));
  if (row == nullptr || job.broken) return report;
  const bool array = job.id.find("[]") != job.id.npos;
  if (row->ended && array) {
    report.native += " (a whole array, whose subjobs decide)";
  } else if (row->ended && job.terse && job.exit_status.empty()) {
    report.native += " (ended: how, its record says)";
  } else if (row->ended) {
    fill_end(job, *row, report);
  } else {
    report.state = row->state;
    report.dependency = job.terse && row->state == JobState::queued ? "not told" : waits_for(job.depend);
    // Torque and others show no substate.
    const bool dependent = row->state == JobState::held && !report.dependency.empty();
    report.reason = !job.comment.empty() && row->state != JobState::running ? job.comment
                    : dependent                                             ? "Dependency"
                    : row->state == JobState::held || job.state == "W"      ? std::string(row->meaning)
                                                                            : std::string();
    if (row->state == JobState::running) report.started = time_of(job.started);
    if (row->state == JobState::unknown) report.native += fmt::format(" ({})", row->meaning);
  }
  return report;
}

// Of jobs asked by their ids, some may be gone; and Torque's emulation ends with 153 where there is no job.
bool answered(const CommandResult& result) {
  if (result.status == 0) return true;
  if (result.status != unknown_job && result.status != job_finished) return false;
  return std::ranges::all_of(lines(result.err),
                             [](std::string_view line) { return says_ended(line) || says_unknown(line); });
}

}  // namespace

Parsed parse(QueryKind /*kind*/, const CommandResult& result) {
  throw_if_unanswered(result);
  if (!answered(result)) throw_failed(result);
  const auto first = result.out.find_first_not_of(" \t\r\n");
  auto listing =
      first != result.out.npos && result.out[first] == '{' ? read_json(result.out) : read_text(result.out);
  Parsed parsed;
  parsed.unread = std::move(listing.unread);
  // The subjobs of an array that is held are shown as queued.
  std::unordered_map<std::string, const ListedJob*> held;
  for (const auto& job : listing.jobs) {
    if (job.state == "H" && job.id.find("[]") != job.id.npos) held.emplace(job.id, &job);
  }
  for (auto& job : listing.jobs) {
    if (const auto array = job.state == "Q" ? held.find(whole_array(job.id)) : held.end();
        array != held.end()) {
      job.state = "H";
      job.substate = array->second->substate;
      job.comment = array->second->comment;
      if (job.depend.empty()) job.depend = array->second->depend;
    }
    if (job.broken) parsed.unread.push_back("job " + job.id);
    const auto* row = find_state(job.state, integer(job.substate));
    const bool array = job.id.find("[]") != job.id.npos;  // it is its subjobs that count
    if ((!row || !row->ended) && !array) ++parsed.live[job.owner.substr(0, job.owner.find('@'))];
    if (token_of(job.name).empty()) continue;
    if (job.broken) listing.whole = false;
    parsed.reports.push_back(report_of(job));
  }
  if (!listing.whole) {
    throw Error(
        ErrorKind::unavailable, "PBS: the answer of qstat cannot be read to its end",
        "nothing has changed; with `listing = text` in the site's [scheduler] qstat's other form is used");
  }
  return parsed;
}

}  // namespace catena::pbs
