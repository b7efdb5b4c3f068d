// What qstat prints, read into reports.
#pragma once

#include "core/backend.h"
#include "core/dialect.h"
#include "core/report.h"
#include "core/transport.h"

namespace catena::pbs {

// Reports of jobs whose name ends in a token; all other jobs are passed over. The form of the listing, and
// whether it is Torque's, shows in it. Jobs that the server does not know, or knows as finished, are no
// failure; a server without a history answers with what lives. Throws Error(unavailable) for a query that
// failed, and for a listing that is cut off or in which a job of ours cannot be read: what is not in it might
// exist.
//
// An ended job without an exit status never ran, whatever its substate says: it was deleted, by somebody or
// with a parent. It is `cancelled`, without a start; `removed` where its substate is not that of a qdel. The
// record of a whole array is `unknown`
// when it has ended: its status is that of the last subjob to be updated.
Parsed parse(QueryKind kind, const CommandResult& result);

}  // namespace catena::pbs
