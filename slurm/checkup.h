// The questions of `catena doctor` to a SLURM: versions, controller, accounting, limits.
#pragma once

#include <vector>

#include "core/checkup.h"

namespace catena::slurm {

std::vector<Check> checkup();

}  // namespace catena::slurm
