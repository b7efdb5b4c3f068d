// The questions of `catena doctor` to a PBS server: version, server, history, queues.
#pragma once

#include <vector>

#include "core/checkup.h"

namespace catena::pbs {

std::vector<Check> checkup();
std::vector<Check> torque_checkup();

}  // namespace catena::pbs
