// scheduler_options for PBS: words of #PBS lines, as the user wrote them.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace catena::pbs {

// What is wrong with scheduler_options, one sentence each; empty if all are sound. Refused are what qsub
// would refuse, what catena sets itself, and what has a portable resource.
std::vector<std::string> check_options(std::span<const std::string> options);

// Whether one of the options says itself what chunks or nodes the job is to have.
bool have_chunks(std::span<const std::string> options);

}  // namespace catena::pbs
