// The questions to a PBS server. PBS has no accounting that users can ask: ended jobs are in its history,
// which qstat -x shows (the server's job_history_enable, two weeks by default); Torque shows them with the
// others for keep_completed seconds.
#pragma once

#include "pbs/dialect.h"

namespace catena::pbs {

// More ids than this are not asked one by one: each costs a connection of its own (300 took up to 62 s).
inline constexpr std::size_t most_ids = 20;

// What is queued or runs, of all users, in one call: qstat's -f goes with neither -u nor a limit.
// Subjobs are listed where some of these jobs are, and to count without jobs.
Command queue_query(const Query& query, const Options& options);

// What has become of these jobs: few are asked by their ids; many, and those without an id, with the whole
// history. Torque: the listing once more.
Command history_query(const Query& query, const Options& options);

}  // namespace catena::pbs
