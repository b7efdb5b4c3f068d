// Runs one run's jobs on this machine: one process a run, detached from whoever asked for it, with all its
// state in files.
//
// It reads queue and control (records.h) as they grow, starts jobs by Scheduler, ends them at their walltime,
// and keeps the journal. It leaves when all jobs have ended, or when for five seconds there were only held
// ones.
//
// A job comes in one of two forms. A script is a process of this one's (job_process.h), and writes its
// records itself. A bare job goes to a worker (worker.h), a process that this one forks once for each slot:
//   supervisor  journal: start, with the worker's pid
//               -> run: where the job's line stands in the queue
//   worker      record log: start record, then the body's process, at its end: outputs, exit record
//               <- the exit record
//   supervisor  journal: end, and the next job's start in the same write
// To a worker whose last job was short (Limits::longest_ahead) the next one is sent ahead, with its start
// in the journal, and begins as soon as the one before has ended, in its slots: the job shows as running for
// a moment before it does, and comes back unbegun where that moment gets long. A script needs some eight new
// files, five renames and three processes; a bare job its two logs and its body's process. Neither needs the
// supervisor's life to come to its end.
//
// Never started twice: a job's `starting` line is in the journal before its process exists. A supervisor that
// takes over from one that was killed holds the lock, which a child in the middle of its start would hold too
// (line_file.h), so every process that was started is visible by then. A job with a `starting` line, but no
// process, no claim and no record (core/script.h) never began, and only such a job is started again. One that
// began and whose process still lives is watched to its end; one that began and is gone is settled by its
// record; without a record it has failed. A bare job has begun once its start record is in the record log:
// its worker, while that lives, may still write it; a job whose worker is gone without one is started again,
// and so is one that a worker was sent ahead, for a worker that lost its supervisor begins nothing more.
#pragma once

#include <functional>
#include <string>

#include "adapters/local/records.h"

namespace catena::local {

// Supervises until there is nothing left to do. Returns 0; at once where another supervisor holds the run's
// lock. The folders below RUN_DIR/.catena must exist (LocalBackend makes them). Throws std::system_error if
// the lock or the journal cannot be had. `on_lock` is called once the lock is held, or is known to be held by
// another.
int supervise_here(const std::string& run_directory, const Limits& limits,
                   const std::function<void()>& on_lock = {});

// The hidden verb `_supervise RUN_DIR`: detaches (a session of its own, no terminal, deaf to SIGHUP, working
// directory /, output to supervisor.log), supervises with the limits in the run's files, and returns in the
// caller's process once the supervisor has the lock: an exit status, 0 if there is a supervisor. Call it from
// a process with one thread.
int supervise(const std::string& run_directory);

}  // namespace catena::local
