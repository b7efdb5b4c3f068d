// The process that runs bare jobs (core/script.h, bare_job), one after another. It does around a body what
// the job script does around it, with a few system calls in place of a shell.
//
// The supervisor forks one for each bare job that runs at a time (worker_pool.h) and talks to it over a
// socket that keeps messages apart. A worker does not need its supervisor: when that is gone, it brings its
// job to the end, writes the record, and leaves. It ends a job (TERM to the body's group, KILL after the
// grace) when it is told to, or by SIGTERM, for a successor of the supervisor has no socket to it.
//
// A second job may be sent ahead while one runs: it begins as soon as the first has ended and its end has
// been said, which saves two processes' wake-ups between short jobs. It never waits for long: after
// Limits::longest_ahead it goes back unbegun. Once the supervisor is gone, no job is begun any more.
#pragma once

#include <sys/types.h>

#include <atomic>

#include "adapters/local/records.h"

namespace catena::local {

// From the supervisor.
struct Order {
  enum class Kind { run, stop };
  Kind kind = Kind::run;
  std::size_t at = 0, size = 0;      // the job's line in the queue; for a stop, `at` names the job
  Outcome why = Outcome::cancelled;  // stop: what the record is to say
};

// To the supervisor: a letter, and, when a job has ended, its exit record.
constexpr char recorded = '+';      // it is in the record log
constexpr char not_recorded = '-';  // it could not be written there
constexpr char given_back = '<';    // no record: the job that was sent ahead was not begun, and will not be

constexpr pid_t body_starting = -1;

// Serves until the socket's other end is closed. `body`: the running body's process, 0, or body_starting, for
// the supervisor to see. Returns an exit status.
int work(int socket, const RunFiles& files, const Limits& limits, std::atomic<pid_t>& body);

}  // namespace catena::local
