// Open MPI 4's session directory, one a user and machine, kept while a supervisor runs.
//
// The last MPI program to end removes it, and one that starts at that moment fails in MPI_Init ("A call to
// mkdir was unable to create the desired directory"): short MPI jobs one after another, or side by side, on
// one machine. A directory in it keeps it. Seen with 4.1.4; its name is of orte/util/session_dir.c.
#pragma once

#include <string>

namespace catena::local {

class MpiSession {
 public:
  // Lets go of what processes held that were killed. Where nothing can be made there (another's directory, a
  // full disk), nothing is held.
  MpiSession();
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

 private:
  std::string shared_, held_;
};

}  // namespace catena::local
