// A job's header: #SBATCH lines, in the same order for every job.
#pragma once

#include <string>
#include <vector>

#include "core/job.h"
#include "slurm/dialect.h"

namespace catena::slurm {

// The name, the output files, the working directory, the resources, then the user's own options. Times are
// rounded up to whole minutes, which is what SLURM counts in, and memory to KiB. `priority` becomes --nice
// with the opposite sign, which lets everybody go back in the queue; going forward SLURM grants to operators
// only, and refuses others. Throws Error(config) for a path with a line break.
std::vector<std::string> directives(const Job& job, const Options& options);

}  // namespace catena::slurm
