// What several reports of one job add up to.
#include <fmt/core.h>

#include "core/engine.h"

namespace catena {
namespace {

bool ended(JobState state) {
  switch (state) {
    case JobState::held:
    case JobState::queued:
    case JobState::running:
    case JobState::unknown:
      return false;
    default:
      return true;
  }
}

bool waits(const Report& report) {
  return report.state == JobState::held || report.state == JobState::queued;
}

// Whether a signal from outside may have ended the job. Where the body died of it before its script heard of
// it, only the exit code tells: of INT, KILL, TERM and XCPU, which schedulers and their kernels send.
bool by_signal(const Report& exit) {
  if (exit.signal) return true;
  const int code = exit.exit_code.value_or(0);
  return code == 128 + 2 || code == 128 + 9 || code == 128 + 15 || code == 128 + 24;
}

// Later sources fill what earlier ones left open.
void fill(Report& into, const Report& from) {
  if (into.native_id.empty()) into.native_id = from.native_id;
  if (into.host.empty()) into.host = from.host;
  // That it runs, from before its end, says nothing of the end.
  if (into.native.empty() && ended(into.state) == ended(from.state)) into.native = from.native;
  if (into.reason.empty()) into.reason = from.reason;
  if (into.dependency.empty()) into.dependency = from.dependency;
  if (!into.exit_code) into.exit_code = from.exit_code;
  if (!into.signal) into.signal = from.signal;
  if (!into.submitted) into.submitted = from.submitted;
  if (!into.started) into.started = from.started;
  if (!into.ended) into.ended = from.ended;
  if (into.results.empty()) into.results = from.results;
  if (into.tries.empty()) into.tries = from.tries;
  into.permanent = into.permanent || from.permanent;
  if (into.stdout_file.empty()) into.stdout_file = from.stdout_file;
  if (into.stderr_file.empty()) into.stderr_file = from.stderr_file;
}

}  // namespace

std::optional<Outcome> merge(std::span<const Report* const> reports) {
  const Report *exit = nullptr, *start = nullptr, *accounting = nullptr, *queue = nullptr;
  for (const auto* report : reports) {
    switch (report->source) {
      case Evidence::record:
        (ended(report->state) ? exit : start) = report;
        break;
      case Evidence::accounting:
        accounting = report;
        break;
      case Evidence::queue:
        queue = report;
        break;
    }
  }
  // A queue that still remembers an ended job is as good as accounting.
  // A job that its scheduler has queued again: the old row of accounting is not its end.
  const bool again = queue && !ended(queue->state) && queue->state != JobState::unknown && accounting &&
                     (accounting->state == JobState::node_fail || accounting->state == JobState::preempted);
  if (again) accounting = nullptr;
  // A record of an end from before the job was queued again (requeued, preempted, its node lost). Success
  // stays one: a requeue after it runs nothing.
  if (exit && !(exit->state == JobState::completed && !exit->signal)) {
    const auto later = [exit](const Report* report) {
      return report && (waits(*report) || (report->state == JobState::running && report->started &&
                                           exit->ended && *report->started > *exit->ended));
    };
    // Where the queue does not show it, accounting that still has it alive may speak of either.
    const bool alive =
        !queue && accounting && !ended(accounting->state) && accounting->state != JobState::unknown;
    if (later(queue) || later(start) || (by_signal(*exit) && alive)) exit = nullptr;
  }
  const Report* verdict = accounting && ended(accounting->state) ? accounting
                          : queue && ended(queue->state)         ? queue
                                                                 : nullptr;

  Outcome outcome;
  auto take = [&](const Report& base) {
    outcome.report = base;
    outcome.state = base.state;
    for (const auto* other : {exit, accounting, queue, start}) {
      if (other && other != &base) fill(outcome.report, *other);
    }
    return outcome;
  };
  if (exit) {
    take(*exit);
    outcome.report.reason = exit->reason;  // accounting's "NonZeroExitCode" says less than the exit code
    if (exit->state == JobState::completed && !exit->signal) return outcome;
    // A failure or a signal from outside: accounting knows whether it was the time limit, memory, a cancel or
    // the body itself.
    if (verdict) {
      if (verdict->state != JobState::completed) {
        outcome.state = verdict->state;
        outcome.report.native = verdict->native;
      }
      return outcome;
    }
    outcome.waiting = by_signal(*exit);
    return outcome;
  }
  if (verdict) return take(*verdict);
  // No word of an end. The queue knows best (a requeued job has a start record of before), then accounting,
  // then the start record.
  const bool told = queue && queue->state != JobState::unknown;
  if (told) return take(*queue);
  if (accounting && accounting->state != JobState::unknown) return take(*accounting);
  if (queue) return take(*queue);
  if (accounting) return take(*accounting);
  if (start) return take(*start);
  return std::nullopt;
}

std::string failure_text(JobState state, const Report& report) {
  switch (state) {
    case JobState::timeout:
      return "ran into its time limit";
    case JobState::oom:
      return "out of memory";
    case JobState::node_fail:
      return "its compute node failed";
    case JobState::preempted:
      return "preempted by the scheduler";
    case JobState::cancelled:
      return report.native.empty() ? "cancelled" : report.native;
    default:
      break;
  }
  if (report.source == Evidence::record && !report.reason.empty()) return report.reason;
  if (report.signal) return fmt::format("killed by signal {}", *report.signal);
  constexpr int last_signal = 64;
  if (report.exit_code && *report.exit_code > 128 && *report.exit_code <= 128 + last_signal &&
      report.source == Evidence::record) {
    return fmt::format("exit {} (signal {})", *report.exit_code, *report.exit_code - 128);
  }
  // Accounting of SLURM before 26.05 shows an exit code of 128 as 0: then the native state says more.
  if (report.exit_code && *report.exit_code != 0) return fmt::format("exit {}", *report.exit_code);
  return report.native.empty() ? "failed" : report.native;
}

}  // namespace catena
