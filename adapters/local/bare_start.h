// How a bare job's body comes to be: its environment, its interpreter, its process.
#pragma once

#include <sys/types.h>

#include <string>

#include "adapters/local/records.h"

namespace catena::local {

// What a job script would have ended with in its place.
struct CannotStart {
  int status = 1;
  std::string reason;
};

// Runs `SHELL… BODY_FILE` in the job's working directory, as the leader of a process group, with nothing to
// read. The interpreter is looked for in the job's own PATH. Waits while the machine has no room for another
// process. Throws CannotStart.
pid_t start_body(const BareLine& bare, const std::string& body_file, int out, int err);

}  // namespace catena::local
