// What qstat -f prints, in either of its forms, as attributes of jobs: only those that catena uses. Both
// readers take what 23.06.06 really prints, which need not be JSON: names and values without quotes (nan, .5,
// 007), backslashes and raw bytes in values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace catena::pbs {

struct ListedJob {
  std::string id;  // "1.pbshost", "54[].pbshost", "54[2].pbshost"
  std::string name, owner, state, substate, exit_status, depend, comment, exec_host;
  std::string created, queued, started, ended, modified;  // "Sat Nov 21 02:59:10 2026"
  std::string walltime, walltime_used;                    // text form only: "00:01:00"
  bool terse = false;   // of slurm-wlm-torque's qstat, which tells neither dependencies nor exit statuses
  bool broken = false;  // could not be read to its end: what is set is right, what is not is not known
};

struct Listing {
  std::vector<ListedJob> jobs;
  std::vector<std::string> unread;  // text that belongs to no job
  bool whole = true;  // false: it ends too early, or a job's name is lost: a job that is not in it may exist
};

Listing read_json(std::string_view text);
Listing read_text(std::string_view text);

}  // namespace catena::pbs
