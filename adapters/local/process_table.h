// Which process is which, across restarts of the supervisor and of the machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace catena::local {

std::string boot_id();  // of the running kernel; empty if it does not say
std::string host_name();

// When a process started, in clock ticks since boot (/proc/PID/stat, field 22): with its id it names a
// process for as long as the machine is up. Nullopt if there is none, or it is a zombie.
std::optional<std::int64_t> process_start(pid_t pid);

// The processes that run `bash DIRECTORY/TOKEN.sh`, by that path. Throws std::system_error if /proc cannot be
// read.
std::unordered_map<std::string, pid_t> script_processes(std::string_view directory);

// The leader of a process group that has this token in its environment, if there is one: a job's body.
std::optional<pid_t> body_of(std::string_view token);

}  // namespace catena::local
