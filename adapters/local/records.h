// What the local backend and its supervisor tell each other: lines of JSON in three files below
// RUN_DIR/.catena/local.
//   queue    who may submit appends one line a job, under the writer lock; its place gives the id: "local.1",
//   "local.2", … control  release, hold, cancel, repoint: appended under the same lock journal  what became
//   of each job: written by the supervisor alone
// A line that cannot be read (torn, foreign) is passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/backend.h"

namespace catena::local {

// The paths of one run.
struct RunFiles {
  explicit RunFiles(const std::string& run_directory);
  std::string script(std::string_view token) const;
  std::string spooled(std::string_view token, std::string_view kind) const;  // kind: "start", "exit"
  // Whether the job has written that record, taken in by the engine or not.
  bool has_record(std::string_view token, std::string_view kind) const;
  // Whether the job's script has got as far as to claim its token (core/script.h).
  bool has_claim(std::string_view token) const;

  std::string run;    // the run's directory
  std::string local;  // RUN_DIR/.catena/local
  std::string queue, control, journal;
  std::string lock;    // held by the supervisor for its life
  std::string writer;  // lock of those who append to queue and control
  std::string limits;  // Limits, as JSON
  std::string log;     // the supervisor's
  std::string spool, taken, scripts, claims;
};

// What a run may use of this machine.
struct Limits {
  int cpus = 0;            // 0: those that this process may run on
  Bytes memory = 0;        // 0: the machine's
  Seconds kill_grace{10};  // between TERM and KILL
  bool operator==(const Limits&) const = default;
};
Limits resolve(Limits limits);  // fills in the machine's
std::string write_limits(const Limits& limits);
Limits read_limits(std::string_view text);  // what cannot be read stays 0

using Parents = std::vector<std::pair<On, std::string>>;  // by native id

struct QueueLine {
  std::string id, token, name, workdir, log_out, log_err;
  int cpus = 1;
  Bytes memory = 0;
  Seconds walltime{0};  // 0: none
  bool held = false;
  Parents parents;
  Time begin{};  // not before; the epoch: at once
  Time time{};
};

struct ControlLine {
  Action action = Action::release;
  std::string id;
  Parents parents;  // repoint
};

// How a job ended, in the words of core/workflow.h's edges.
enum class Outcome {
  completed,
  failed,
  timeout,
  cancelled,
  skipped_by_failure,  // an edge cannot be met, because of a failure before it
  skipped_unneeded,    // an edge cannot be met although nothing failed: `notok` of a parent that completed
};

struct JournalLine {
  enum class What {
    supervisor,  // a supervisor took over: pid, boot, host are its own and those of the starts that follow
    starting,    // written before the process exists: a job without this line was never started
    start,       // pid, pid_start
    back,        // it could not be started, or never began: it waits again
    end,         // outcome, status or signal
    idle,        // the supervisor left; it had read that much of queue and control
  };
  What what = What::end;
  std::string id{}, token{};
  Time time{};
  std::int64_t pid = 0, pid_start = 0;
  std::string boot{}, host{};
  Outcome outcome = Outcome::completed;
  std::optional<int> status{}, signal{};
  std::string reason{};
  std::size_t queue = 0, control = 0;
};

std::string to_line(const QueueLine& line);  // each with its newline
std::string to_line(const ControlLine& line);
std::string to_line(const JournalLine& line);
std::optional<QueueLine> read_queue_line(std::string_view text);
std::optional<ControlLine> read_control_line(std::string_view text);
std::optional<JournalLine> read_journal_line(std::string_view text);

std::string_view to_string(Outcome outcome);
Time now();

}  // namespace catena::local
