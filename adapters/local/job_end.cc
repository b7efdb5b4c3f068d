#include "adapters/local/job_end.h"

#include <fmt/core.h>
#include <sys/wait.h>

#include <cstring>

#include "adapters/local/process_table.h"

namespace catena::local {

void end_by_record(const std::optional<Report>& record, JournalLine& line) {
  if (!record) {
    line.outcome = Outcome::failed;
    line.reason = "the supervisor and the job were killed before the job could say how it ended";
    return;
  }
  line.status = record->exit_code;
  line.signal = record->signal;
  line.reason = record->reason;
  if (record->ended) line.time = *record->ended;
  line.outcome = record->state == JobState::completed   ? Outcome::completed
                 : record->state == JobState::timeout   ? Outcome::timeout
                 : record->state == JobState::cancelled ? Outcome::cancelled
                                                        : Outcome::failed;
}

void end_by_status(int status, bool recorded, JournalLine& line) {
  if (WIFSIGNALED(status)) line.signal = WTERMSIG(status);
  line.status = line.signal ? 128 + *line.signal : WEXITSTATUS(status);
  line.outcome = *line.status == 0 && recorded ? Outcome::completed : Outcome::failed;
  // Without its record nobody has checked its outputs: an end with 0 proves nothing (a script cut short by a
  // full disk).
  if (recorded) return;
  line.reason = line.signal ? fmt::format("killed by signal {} ({})", *line.signal, strsignal(*line.signal))
                            : fmt::format("its script ended with {} and left no exit record", *line.status);
}

void end_stopped(Outcome stopped_as, Seconds walltime, JournalLine& line) {
  line.outcome = stopped_as;
  line.reason = stopped_as == Outcome::timeout ? "ended by its time limit of " + format_walltime(walltime)
                                               : std::string("cancelled while it ran");
}

Report record_of(const JournalLine& end, std::optional<Time> started) {
  Report report;
  report.token = end.token;
  report.native_id = end.id;
  report.exit_code = end.status.value_or(1);
  report.signal = end.signal;
  report.reason = end.reason;
  report.host = host_name();
  report.started = started;
  report.ended = end.time;
  report.state = end.outcome == Outcome::timeout     ? JobState::timeout
                 : end.outcome == Outcome::cancelled ? JobState::cancelled
                                                     : JobState::failed;
  return report;
}

}  // namespace catena::local
