// How jobs are asked for.
#pragma once

#include <string_view>

#include "slurm/dialect.h"

namespace catena::slurm {

// One squeue for all jobs of the user, ended ones that the controller still remembers among them. Not by id:
// one unknown id is an error, two are an empty answer, and an empty list lists everything.
Command queue_query(const Query& query, const Options& options);

// One command for all jobs: sacct by id for those whose id is known, and sacct by name for the others (a
// reply was lost). A search by name has a time window, in which sacct omits jobs that never became eligible
// (held, dependent) unless it is asked for states, so it is asked for the ended ones; live ones are in the
// queue. Where one sacct is not enough, because there are jobs of both kinds or the lists grow too long, the
// command is a shell that runs several, from its standard input, and stops at the first that fails.
Command accounting_query(const Query& query, const Options& options);

// The columns, separated by '|'. Names come last: those of other jobs may hold '|' and line breaks.
inline constexpr std::string_view queue_format = "%i|%T|%V|%S|%e|%N|%E|%r|%j";
inline constexpr std::string_view accounting_format =
    "JobID,State,ExitCode,Submit,Start,End,NodeList,Reason,JobName";

}  // namespace catena::slurm
