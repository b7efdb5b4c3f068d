// How jobs are submitted: the parts of the submission program that are PBS's.
#pragma once

#include <string>

#include "core/scheduler_text.h"
#include "pbs/dialect.h"

namespace catena::pbs {

SubmitText submit_text(const Options& options);

// -a for a begin that counts from the submission; empty otherwise.
std::string begin_words(const Job& job);

}  // namespace catena::pbs
