#include "adapters/store/backup.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view endings[] = {"", "-wal", "-journal", "-shm"};

[[noreturn]] void fail(const fs::path& file, std::string_view what, int error) {
  throw Error(ErrorKind::internal,
              fmt::format("{}: {}: {}", file.string(), what, std::generic_category().message(error)),
              "make room, or name a file in a directory that can be written");
}

void sync(const fs::path& path, int flags) {
  const int descriptor = open(path.c_str(), flags | O_CLOEXEC);
  const bool done = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  // Some file systems have no sync of directories.
  if (!done && !(flags & O_DIRECTORY)) fail(path, "cannot be written to the disk", error);
}

void move_into_place(const fs::path& from, const fs::path& to, bool replace) {
  if (replace) {
    if (rename(from.c_str(), to.c_str()) != 0) fail(to, "cannot be made", errno);
    return;
  }
  // NFS knows no RENAME_NOREPLACE, but hard links.
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno != EEXIST && link(from.c_str(), to.c_str()) == 0) {
    unlink(from.c_str());
    return;
  }
  if (errno != EEXIST) fail(to, "cannot be made", errno);
  throw Error(ErrorKind::conflict, fmt::format("{}: exists already", to.string()),
              "choose another name, or replace it with --force");
}

}  // namespace

fs::path backup_name(const fs::path& store, Time now) {
  const auto first = fmt::format("{}.{:%Y%m%dT%H%M%SZ}", store.string(),
                                 fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  auto name = first;
  std::error_code error;
  for (int number = 2; fs::exists(name, error); ++number) name = fmt::format("{}-{}", first, number);
  return name;
}

void replace_whole(const fs::path& target, bool replace, const std::function<void(const fs::path&)>& write) {
  const auto place = fs::absolute(target).lexically_normal();
  std::error_code error;
  if (fs::is_directory(place, error)) {
    throw Error(ErrorKind::conflict, fmt::format("{}: is a directory", place.string()), "name a file");
  }
  if (!replace && fs::exists(place, error)) {  // before the work; the move looks again
    throw Error(ErrorKind::conflict, fmt::format("{}: exists already", place.string()),
                "choose another name, or replace it with --force");
  }
  std::string part = (place.parent_path() / fmt::format(".{}.XXXXXX", place.filename().string())).string();
  const int descriptor = mkostemp(part.data(), O_CLOEXEC);  // with mode 0600
  if (descriptor < 0) fail(place, "cannot be made", errno);
  close(descriptor);
  try {
    write(part);
    sync(part, O_RDWR);
    move_into_place(part, place, replace);
  } catch (...) {
    for (const auto ending : endings) unlink((part + std::string(ending)).c_str());
    throw;
  }
  sync(place.parent_path(), O_RDONLY | O_DIRECTORY);
}

void back_up(Database& db, const fs::path& target, bool replace) {
  replace_whole(target, replace, [&](const fs::path& part) {
    Database copy(part.string(), SQLITE_OPEN_READWRITE, target, db.busy_timeout());
    db.copy_to(copy);
    // One file that can be read wherever it is moved to, also where nothing can be written beside it. Of a
    // damaged database even that may be impossible.
    try {
      copy.text("PRAGMA journal_mode = DELETE");
    } catch (const Error&) {
      return;
    }
  });
}

void back_up_bytes(const fs::path& store, const fs::path& target) {
  for (const std::string_view ending :
       {"-wal", "-journal", ""}) {  // the database last: then all of it is there
    const fs::path from = store.string() + std::string(ending);
    std::error_code error;
    if (!fs::exists(from, error)) continue;
    replace_whole(target.string() + std::string(ending), false, [&](const fs::path& part) {
      fs::copy_file(from, part, fs::copy_options::overwrite_existing, error);
      if (error) fail(target, "cannot be written", error.value());
      fs::permissions(part, fs::perms::owner_read | fs::perms::owner_write, error);
    });
  }
}

}  // namespace catena
