// A job's header: #SBATCH lines, in the same order for every job.
#pragma once

#include <string>
#include <vector>

#include "core/job.h"
#include "core/scheduler_text.h"
#include "slurm/dialect.h"

namespace catena::slurm {

// The name, the output files, the working directory, the resources, then the user's own options. Times are
// rounded up to whole minutes, which is what SLURM counts in, and memory to KiB. `priority` becomes --nice
// with the opposite sign, which lets everybody go back in the queue; going forward SLURM grants to operators
// only, and refuses others. Throws Error(config) for a path with a line break.
std::vector<std::string> directives(const Job& job, const Options& options);

// The resources' part of them; `gres` is the value of --gres.
std::vector<ResourceDirective> resource_directives(const Resources& resources, const std::string& gres);

// The value of --gres for the resources' gpus; empty without any.
std::string gpu_gres(const Resources& resources);

}  // namespace catena::slurm
