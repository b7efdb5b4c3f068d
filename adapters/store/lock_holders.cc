#include "adapters/store/lock_holders.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

namespace catena {
namespace {

namespace fs = std::filesystem;

// Inodes in /proc/locks are of any file system: the process must have this very file open.
bool has_open(std::int64_t pid, const std::set<std::pair<dev_t, ino_t>>& files) {
  std::error_code error;
  for (fs::directory_iterator it(fmt::format("/proc/{}/fd", pid), error), end; !error && it != end;
       it.increment(error)) {
    struct stat found {};
    if (::stat(it->path().c_str(), &found) == 0 && files.contains({found.st_dev, found.st_ino})) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string lock_holders(const fs::path& database) {
  std::set<std::pair<dev_t, ino_t>> files;
  std::set<std::string> inodes;
  for (const char* suffix : {"", "-shm"}) {
    struct stat found {};
    if (::stat((database.string() + suffix).c_str(), &found) == 0) {
      files.emplace(found.st_dev, found.st_ino);
      inodes.insert(std::to_string(found.st_ino));
    }
  }
  std::set<std::int64_t> processes;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    // "1: POSIX  ADVISORY  WRITE 2219 fd:01:524293 0 EOF" (proc(5)); one that waits has "->" after the colon.
    std::istringstream words(line);
    std::string number, kind, advisory, access, file;
    std::int64_t pid = 0;
    if (!(words >> number >> kind >> advisory >> access >> pid >> file) || pid == getpid()) {
      continue;
    }
    if (inodes.contains(file.substr(file.rfind(':') + 1)) && has_open(pid, files)) {
      processes.insert(pid);
    }
  }
  std::string text;
  for (const auto pid : processes) {
    std::string name;
    std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), name);
    text += fmt::format("{}{} (process {})", text.empty() ? "" : ", ", name, pid);
  }
  return text;
}

}  // namespace catena
