// What is done with jobs at the scheduler: release, hold, cancel, new dependencies.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "slurm/dialect.h"

namespace catena::slurm {

// `scontrol release`, `scontrol hold`, `scancel` with as many ids as fit a command line; `scontrol update`
// for each job to be re-pointed. Repeating any of them does no harm. No targets: no commands.
std::vector<Command> control(Action action, std::span<const ControlTarget> targets, const Options& options);

// The lines of stderr that say what could not be done (the rest of the list was). A job that has ended
// already is no failure of a release, hold or cancel; one that the controller does not know is none of a
// cancel.
std::vector<std::string> parse_control(Action action, const CommandResult& result);

}  // namespace catena::slurm
