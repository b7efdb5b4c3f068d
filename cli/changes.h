// What the user has changed since a run was recorded.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace catena::cli {

// The recorded files that read differently now, or are gone: "/home/ada/relax.sbatch has changed".
std::vector<std::string> changed_files(const Snapshot& recorded, const Snapshot& now);

// Completed nodes that would do something else today, by run.workflow against `now` and by their inputs'
// times: "scf.3: its input si.in was changed after it had run". At most a few lines, the rest as a number.
std::vector<std::string> outdated(const Run& run, const Workflow& now, const Place& place);

}  // namespace catena::cli
