// How jobs are submitted: the parts of the submission program that are SLURM's.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "slurm/dialect.h"

namespace catena::slurm {

SubmitText submit_text(const Options& options);

// "afterok:$J1:$J2,afterany:$J3": one group a kind, its parents joined by colons. "afterok:A,B" would mean
// afterok A and afterany B. Empty without parents.
std::string dependency_list(std::span<const std::pair<On, std::string>> parents);

}  // namespace catena::slurm
