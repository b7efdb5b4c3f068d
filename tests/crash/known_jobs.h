// The jobs that the real SLURM knows of.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "sandbox.h"

namespace catena {

inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

// A job as the scheduler knows it.
struct KnownJob {
  std::string id, name, state, directory;
  std::string token() const {  // of an array's element with its index
    const auto index = id.find('_');
    return name.substr(name.rfind('.') + 1) + (index == id.npos ? "" : id.substr(index));
  }
};

inline std::vector<KnownJob> jobs_in(const std::string& listing) {
  std::vector<KnownJob> jobs;
  for (const auto& line : split(listing, '\n')) {
    const auto fields = split(line, '|');
    if (fields.size() == 4) jobs.push_back({fields[0], fields[1], fields[2], fields[3]});
  }
  return jobs;
}

// What is in the controller's memory: all that is live, and what has ended in the last minute (MinJobAge).
inline std::vector<KnownJob> squeue() {
  return jobs_in(shell_output("squeue -h -a -r -t all -o '%i|%j|%T|%Z'"));
}
// What has ended. Without the states, a window in time leaves out what was taken out while it waited.
inline std::vector<KnownJob> sacct(const std::string& since) {
  return jobs_in(shell_output("sacct -a -X -n -P -D -s BF,CA,CD,DL,F,NF,OOM,PR,TO -S " + since +
                              " -E now -o JobID,JobName%100,State,WorkDir%200"));
}

inline bool live(const KnownJob& job) {
  return job.state == "PENDING" || job.state == "RUNNING" || job.state == "COMPLETING" ||
         job.state == "SUSPENDED" || job.state == "CONFIGURING";
}

}  // namespace catena
