#include "adapters/local/mpi_session.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "adapters/local/process_table.h"

namespace catena::local {
namespace {

constexpr mode_t mine = 0700;
constexpr std::string_view prefix = "catena.";  // … and the holder's pid

// As Open MPI looks for it (opal_tmp_directory).
std::string temporary_directory() {
  for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
    if (const char* value = std::getenv(name); value && *value) return value;
  }
  return "/tmp";
}

void let_go_of_the_dead(const std::string& shared) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(shared, error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    pid_t pid = 0;
    if (!name.starts_with(prefix)) continue;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), pid);
    if (pid > 0 && !process_start(pid)) rmdir(it->path().c_str());
  }
}

}  // namespace

MpiSession::MpiSession()
    : shared_(fmt::format("{}/ompi.{}.{}", temporary_directory(), host_name(), geteuid())),
      held_(fmt::format("{}/{}{}", shared_, prefix, getpid())) {
  for (int tries = 0; tries < 10; ++tries) {  // it may be removed in between
    if (mkdir(shared_.c_str(), mine) != 0 && errno != EEXIST) return;
    if (mkdir(held_.c_str(), mine) == 0 || errno != ENOENT) break;
  }
  let_go_of_the_dead(shared_);
}

MpiSession::~MpiSession() {
  rmdir(held_.c_str());
  rmdir(shared_.c_str());  // fails while others use it
}

}  // namespace catena::local
