// What all of PBS's commands have in common: how they are called, and how they say that nobody answered.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/scheduler_text.h"

namespace catena::pbs {

// Exit codes of the commands: the PBS error number modulo 256 (Torque: the number itself, cut the same way).
inline constexpr int unknown_job = 153;  // PBSE_UNKJOBID 15001
inline constexpr int job_finished = 35;  // PBSE_HISTJOBID 15139

// "env -u PBS_QSTAT_EXECONLY LC_ALL=C TZ=UTC0 COMMAND": in English, with times in UTC.
std::vector<std::string> command_words(std::string_view command);

// "qdel: Job has finished 120.pbshost", "qhold: Unknown Job Id 99999.pbshost", "qdel: Request invalid for
// state of job MSG=… - COMPLETE": what a command says of a job that is no more.
bool says_ended(std::string_view line);
bool says_unknown(std::string_view line);

// "54[].pbshost" of "54[3].pbshost": only whole arrays can be held, released and altered.
std::string whole_array(std::string id);

// Throws Error(unavailable), with the command's own words, where the server did not answer.
void throw_if_unanswered(const CommandResult& result);
// The same for any other failure: a failed query says nothing about any job.
[[noreturn]] void throw_failed(const CommandResult& result);

}  // namespace catena::pbs
