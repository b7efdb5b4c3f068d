// What squeue and sacct print, read into reports.
#pragma once

#include "core/report.h"
#include "core/transport.h"

namespace catena::slurm {

// Reports of jobs whose name ends in a token; all other jobs are passed over. Lines without the columns of
// query.h (the rest of a foreign name with a line break) are `unread`. Throws Error(unavailable) for a query
// that failed, but for "Invalid job id specified", which is an empty answer.
//
// `state` follows the State column alone. exit_code is a hint: sacct of 22.05 and 24.11 loses 128 of codes
// from 128 on (137 reads 9); a FAILED 0:0, which was 128, has none.
Parsed parse_queue(const CommandResult& result);
Parsed parse_accounting(const CommandResult& result);

}  // namespace catena::slurm
