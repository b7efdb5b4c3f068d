// Starts a process by posix_spawn, in a process group of its own.
//
// Boost.Process 1.81 forks (slow from a large parent), leaks descriptors and calls exit() in the child when
// exec fails; so the start is ours, and Boost.Process's handle waits for what was started (supervisor.cc).
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "adapters/local/descriptor.h"

namespace catena::local {

struct Launch {
  std::vector<std::string> argv;       // argv[0] is looked for in PATH unless it holds a slash
  std::string program{};               // the file to run, if it is not argv[0]
  std::string directory;               // where it starts; empty: the caller's
  int in = -1, out = -1, err = -1;     // -1: /dev/null
  char* const* environment = nullptr;  // null: the caller's
};

// The child leads a new process group (its id is the process's), with default signal actions, an empty mask
// and no descriptor above 2. Throws std::system_error with the errno of whatever failed: the exec, the
// directory, or the spawn.
pid_t launch(const Launch& launch);

// A pipe whose ends are closed on exec and stand above 2, so that they cannot collide with the child's
// standard streams.
std::pair<Descriptor, Descriptor> make_pipe();  // the read end, the write end

// To be polled: readable once the process has ended, whether it is a child or not. Not open() if there is no
// such process.
Descriptor open_process(pid_t pid);

// Sends a signal to the process group that `leader` leads. Call before the leader is reaped: its id cannot be
// somebody else's yet.
void signal_group(pid_t leader, int signal);

}  // namespace catena::local
