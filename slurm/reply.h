// What all of SLURM's commands have in common: how they are called, and how they say that nobody answered.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/scheduler_text.h"

namespace catena::slurm {

// "env -u VARIABLE … LC_ALL=C TZ=UTC0 SLURM_TIME_FORMAT=%s COMMAND": without the input variables given, in
// English, with times as seconds since 1970 (and read as UTC).
std::vector<std::string> command_words(std::string_view command,
                                       std::initializer_list<std::string_view> unset);

std::string joined(const std::vector<std::string>& words);  // with commas

// Throws Error(unavailable), with the command's own words, where the controller or the database did not
// answer.
void throw_if_unanswered(const CommandResult& result);
// The same for any other failure: a failed query says nothing about any job.
[[noreturn]] void throw_failed(const CommandResult& result);

}  // namespace catena::slurm
