#include "adapters/store/file_system.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/error.h"

namespace catena {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what, int error) {
  throw Error(
      ErrorKind::internal,
      fmt::format("{}: cannot be {}: {}", path.string(), what, std::generic_category().message(error)),
      "make its directory writable for yourself, or set CATENA_HOME to another directory");
}

}  // namespace

bool is_local(std::int64_t type) {
  // From statfs(2) and <linux/magic.h>; ZFS from its own sys/zfs_vfsops.h, bcachefs from its
  // bcachefs_format.h.
  static constexpr std::array<std::uint32_t, 11> known = {
      0xEF53,      // ext2, ext3, ext4
      0x58465342,  // XFS
      0x9123683E,  // btrfs
      0x2FC12FC1,  // ZFS
      0x01021994,  // tmpfs
      0x858458F6,  // ramfs
      0x794C7630,  // overlayfs: its upper layer cannot be NFS
      0xF2F52010,  // F2FS
      0xCA451A4E,  // bcachefs
      0x3153464A,  // JFS
      0x52654973,  // reiserfs
  };
  // f_type is a signed word: on some machines the upper ones come sign-extended.
  return std::ranges::find(known, static_cast<std::uint32_t>(type)) != known.end();
}

bool is_local(const std::filesystem::path& directory) {
  struct statfs status {};
  if (statfs(directory.c_str(), &status) != 0) {
    fail(directory, "examined", errno);
  }
  return is_local(static_cast<std::int64_t>(status.f_type));
}

void make_private_directory(const std::filesystem::path& directory) {
  if (directory.empty() || mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) {
    return;  // a file in its place is told by whoever opens what is in it
  }
  // /home may be a read-only mount point, an automounter may refuse mkdir: what exists already need not be
  // made.
  int error = errno;
  if (error == ENOENT) {
    make_private_directory(directory.parent_path());
    error = mkdir(directory.c_str(), 0700) == 0 ? 0 : errno;
  }
  std::error_code ignored;
  if (error != 0 && error != EEXIST && !std::filesystem::is_directory(directory, ignored)) {
    fail(directory, "made", error);
  }
}

void make_private_file(const std::filesystem::path& file) {
  // Exclusively: closing a descriptor of a database that this process has open elsewhere would drop its locks
  // (fcntl(2)).
  const int descriptor = open(file.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0) {
    close(descriptor);
  } else if (errno != EEXIST) {
    fail(file, "made", errno);
  }
}

}  // namespace catena
