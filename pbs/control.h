// What is done with jobs at the server: release, hold, cancel, new dependencies.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pbs/dialect.h"

namespace catena::pbs {

// qrls and qhold with as many ids as fit a command line; a qdel for each id in one command (a list may crash
// the server of OpenPBS), of Torque with a list; one qalter for each job to be re-pointed. Repeating any of
// them does no harm. No targets: no commands. qdel is asynchronous (a running job takes up to ten seconds to
// end), and says nothing to the job's dependents where the job had never started: they are stranded, and have
// to be deleted or submitted again.
std::vector<Command> control(Action action, std::span<const ControlTarget> targets, const Options& options);

// The lines of stderr that say what could not be done (the rest of the list was). A job that has ended
// already is no failure of a release, hold or cancel; one that the server does not know is none of a cancel.
std::vector<std::string> parse_control(Action action, const CommandResult& result);

}  // namespace catena::pbs
