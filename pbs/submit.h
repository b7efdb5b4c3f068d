// How jobs are submitted: the parts of the submission program that are PBS's.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "pbs/dialect.h"

namespace catena::pbs {

SubmitText submit_text(const Options& options);

// -a for a begin that counts from the submission; empty otherwise.
std::string begin_words(const Job& job);

// "afterok:$J1:$J2,afterany:$J3": one group a kind. Empty without parents.
std::string dependency_list(std::span<const std::pair<On, std::string>> parents);

}  // namespace catena::pbs
