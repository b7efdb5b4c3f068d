// What was observed of a job, by whom, and the record that a job writes of itself.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/state.h"
#include "core/value.h"

namespace catena {

using Time = std::chrono::sys_seconds;

// Where a word about a job comes from, the strongest evidence of an end first.
enum class Evidence { record, accounting, queue };

// What happened to a job, in portable terms. A dialect's state table maps native states to these.
enum class JobState {
  held,  // by a user's or our hold, or waiting for a dependency
  queued,
  running,  // also: suspended, configuring, completing (not ended yet)
  completed,
  failed,
  timeout,
  cancelled,
  node_fail,
  oom,
  preempted,
  unknown,  // a state that the table does not hold: kept with its text, changes nothing
};

struct Report {
  std::string token;      // whose job it is, from its name or record
  std::string native_id;  // as the source gave it: "123", "123_4", "54[2].host"; may be empty in a record
  Evidence source = Evidence::queue;
  JobState state = JobState::unknown;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string native;      // the native state, verbatim: "CANCELLED by 1003"
  std::string reason;      // the scheduler's reason, or the record's: "Resources", "output missing: pw.out"
  std::string dependency;  // the scheduler's text for what it still waits for; "(null)" is given as empty
  bool removed = false;    // cancelled before it started, by the scheduler itself and not by a person
  std::string host;
  std::optional<Time> submitted, started, ended;
  Params results;          // of a record
  bool permanent = false;  // of a record: the job says that another attempt would not change it
  struct Try {
    int exit_code = 0;
    std::string reason;
    Time ended{};
  };
  std::vector<Try> tries;                // of a record: the failed ones before this, in the same job
  std::string stdout_file, stderr_file;  // of a record: where the body's output went, if not to the log
};

// Lines that a parser could not read, for the log; they never change a node.
struct Parsed {
  std::vector<Report> reports;
  std::vector<std::string> unread;
  // Of the queue: how many jobs that have not ended each user has; "" where only one user's were asked for.
  std::map<std::string, std::size_t> live;
};

// The records that a job script leaves in RUN_DIR/.catena/spool: one JSON object on one line each,
// TOKEN.start when it starts and TOKEN.exit on every way out that a script can see. Fields: v, kind, token,
// job, host, time; of .exit also start, exit, signal (by which the body or the job was ended from outside),
// reason, permanent, results, stdout, stderr, state (completed: a service that was stopped with a reason);
// of both tries (exit, reason, time of each). A torn, foreign or
// stale line is nullopt.
std::optional<Report> read_record(std::string_view line);

// The value of one result, as records hold them: a number as a string of its digits. Nothing where it is not
// JSON.
std::optional<Value> read_result(std::string_view json);

// What a job says while it runs, by the run's catena (core/job_tool.h): one JSON object on one line each in
// TOKEN.said.NAME of the spool, under a name that says it once.
struct SaidRecord {
  std::string kind;  // put, event, progress, ready, checkpoint, extend
  std::string token;
  std::string file;  // its name in the spool
  std::string name;  // put: the result's
  Value value;       // put
  std::string text;  // of the others; of progress "40%", or "40%: step 3"; of extend the document
  Time time{};
  std::int64_t order = 0;  // later ones have a larger number
};
// A torn or foreign line is nullopt, and so is one whose file cannot be one of that token's.
std::optional<SaidRecord> read_said(std::string_view line);

// An exit record as a job script would have written it (one line with its newline), for a backend that has to
// say how a job ended that could not say so itself. Uses token, native_id, exit_code, signal, reason, host,
// started, ended, results, permanent; `state` timeout and cancelled are kept ("state":"timeout").
std::string write_exit_record(const Report& report, std::string_view node = {});
// Likewise a start record. Uses token, native_id, host, started.
std::string write_start_record(const Report& report, std::string_view node = {});

}  // namespace catena
