// How a job's process comes to be: its environment and its log files.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "adapters/local/descriptor.h"
#include "adapters/local/records.h"

namespace catena::local {

// The environment of this process with a CATENA_JOB_ID that changes from job to job.
class JobEnvironment {
 public:
  JobEnvironment();
  char* const* with(const std::string& id);  // good until the next call

 private:
  std::string id_;
  std::vector<char*> entries_;
};

// Runs `/bin/bash SCRIPT` in the job's working directory, as the leader of a process group, with nothing to
// read and its output in the job's log files, which are begun anew (missing folders are made). Throws
// std::system_error.
pid_t start_job(const QueueLine& job, const std::string& script, JobEnvironment& environment);

// Begins a log file anew (missing folders are made); not open() without a path. Throws std::system_error.
Descriptor open_log(const std::string& path);

// One line with the time in the supervisor's log, which is its standard error.
void log(const std::string& text);

}  // namespace catena::local
