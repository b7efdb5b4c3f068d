#include "adapters/local/mpi_session.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>

#include "adapters/local/process_table.h"

namespace catena::local {
namespace {

constexpr mode_t mine = 0700;

// As Open MPI looks for it (opal_tmp_directory).
std::string temporary_directory() {
  for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
    if (const char* value = std::getenv(name); value && *value) return value;
  }
  return "/tmp";
}

}  // namespace

MpiSession::MpiSession(const std::string& run_directory)
    : shared_(fmt::format("{}/ompi.{}.{}", temporary_directory(), host_name(), geteuid())),
      held_(fmt::format("{}/catena.{:x}", shared_, std::hash<std::string>()(run_directory))) {
  for (int tries = 0; tries < 10; ++tries) {  // it may be removed in between
    if (mkdir(shared_.c_str(), mine) != 0 && errno != EEXIST) return;
    if (mkdir(held_.c_str(), mine) == 0 || errno != ENOENT) return;
  }
}

MpiSession::~MpiSession() {
  rmdir(held_.c_str());
  rmdir(shared_.c_str());  // fails while others use it
}

}  // namespace catena::local
