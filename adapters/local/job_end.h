// How a job ended, as values: what its record or its process's status says, and the journal's and the
// record's form of it. No I/O.
#pragma once

#include "adapters/local/job_table.h"
#include "core/report.h"

namespace catena::local {

// `line` has what, id, token and time. For a job whose process was not our child: how it ended is known from
// its record alone, and without one it has failed.
void end_by_record(const std::optional<Report>& record, JournalLine& line);

// By waitpid(2)'s status. `recorded`: the job has left its exit record; an end without one proves nothing.
void end_by_status(int status, bool recorded, JournalLine& line);

// Stopped by the supervisor: its word stands over the job's own.
void end_stopped(Outcome stopped_as, Seconds walltime, JournalLine& line);

// In the place of a job that could not write it. `started`: if it did.
Report record_of(const JournalLine& end, std::optional<Time> started);

}  // namespace catena::local
