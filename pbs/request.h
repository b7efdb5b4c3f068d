// The value of qsub's -l, read into portable resources.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/resources.h"

namespace catena::pbs {

// Takes what has a portable field, and gives the rest back, one "name=value" each. `problem` says what is
// wrong with a value.
std::vector<std::string> read_request(std::string_view text, Resources& resources, std::string& problem);

}  // namespace catena::pbs
