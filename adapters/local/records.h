// What the local backend and its supervisor tell each other: lines of JSON in files below
// RUN_DIR/.catena/local.
//   queue    who may submit appends one line a job, under the writer lock; its place gives the id: "local.1",
//   … control  release, hold, cancel, repoint: appended under the same lock journal  what became of each job:
//   written by the supervisor alone records  what the workers say of bare jobs: record_log.h
// A line that cannot be read (torn, foreign) is passed over.
#pragma once

#include <chrono>
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
  std::string body(std::string_view token) const;
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
  std::string records;  // of the bare jobs: record_log.h
};

// What a run may use of this machine.
struct Limits {
  int cpus = 0;            // 0: those that this process may run on
  Bytes memory = 0;        // 0: the machine's
  Seconds kill_grace{10};  // between TERM and KILL
  // How long a job that was sent ahead to a worker waits there for the one before to end, and how short a
  // worker's last job must have been for one to be sent (worker.h).
  std::chrono::milliseconds longest_ahead{20};
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
  std::string body{};  // a bare job's: the token that its body's file is named by; empty: it has a script
  std::size_t at = 0, size = 0;  // where the line stands in the queue; set by who reads the file
};

// A bare job's queue line, with all that the worker that runs it needs.
struct BareLine {
  QueueLine queued;
  std::vector<std::string> environment;  // NAME=value
  std::vector<std::string> shell, outputs;
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
    start,       // pid, pid_start; of a bare job: the worker's, and written before the worker is told
    back,        // it could not be started, or never began: it waits again (also after `start`)
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

std::string to_line(const QueueLine& line, const BareJob* bare = nullptr);  // each with its newline
std::string to_line(const ControlLine& line);
std::string to_line(const JournalLine& line);
std::optional<QueueLine> read_queue_line(std::string_view text);
std::optional<BareLine> read_bare_line(std::string_view text);  // the same text; nothing if it is not bare
std::optional<ControlLine> read_control_line(std::string_view text);
std::optional<JournalLine> read_journal_line(std::string_view text);

std::string_view to_string(Outcome outcome);
Time now();

}  // namespace catena::local
