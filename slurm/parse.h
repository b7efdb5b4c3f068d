// What squeue and sacct print, read into reports.
#pragma once

#include "core/report.h"
#include "core/transport.h"

namespace catena::slurm {

// Reports of jobs whose name ends in a token; all other jobs are passed over. Lines without the columns of query.h (the rest
// of a foreign name with a line break) are `unread`. Throws Error(unavailable) for a query that failed, but for
// "Invalid job id specified", which is an empty answer.
//
// `state` follows the State column alone. A report has an exit code only where it can be trusted: sacct of 22.05 and 24.11
// loses 128 of exit codes from 128 on, so that FAILED 0:0 was a 128.
Parsed parse_queue(const CommandResult& result);
Parsed parse_accounting(const CommandResult& result);

}  // namespace catena::slurm
