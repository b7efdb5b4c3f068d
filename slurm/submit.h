// How jobs are submitted: the parts of the submission program that are SLURM's.
#pragma once

#include "core/scheduler_text.h"
#include "slurm/dialect.h"

namespace catena::slurm {

SubmitText submit_text(const Options& options);

}  // namespace catena::slurm
