#include "adapters/local/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace catena::local {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int open_or_fail(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) fail(path);
  return fd;
}

void write_all(int fd, std::string_view text, const char* what) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(what);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

constexpr std::size_t piece_size = std::size_t{1} << 18;

}  // namespace

FileLock::FileLock(const std::string& path, Wait wait) : file_(open_or_fail(path, O_RDWR | O_CREAT)) {
  auto lock = whole_file(F_WRLCK);
  while (fcntl(file_.get(), wait == Wait::yes ? F_OFD_SETLKW : F_OFD_SETLK, &lock) != 0) {
    if (errno == EINTR) continue;
    if (wait == Wait::no && (errno == EAGAIN || errno == EACCES)) return;
    fail(path);
  }
  held_ = true;
}

bool is_locked(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.open() && errno == ENOENT) return false;
  auto lock = whole_file(F_WRLCK);
  if (!file.open() || fcntl(file.get(), F_OFD_GETLK, &lock) != 0) fail(path);
  return lock.l_type != F_UNLCK;
}

LineWriter::LineWriter(const std::string& path) : file_(open_or_fail(path, O_RDWR | O_CREAT | O_APPEND)) {
  struct stat info;
  if (fstat(file_.get(), &info) != 0) fail(path);
  std::string piece(4096, '\0');
  for (auto end = info.st_size; end > 0;) {
    const auto start = std::max<off_t>(0, end - static_cast<off_t>(piece.size()));
    const auto got = pread(file_.get(), piece.data(), static_cast<std::size_t>(end - start), start);
    if (got != end - start) fail(path);
    const auto newline = std::string_view(piece.data(), static_cast<std::size_t>(got)).rfind('\n');
    const auto whole = newline == std::string_view::npos ? start : start + static_cast<off_t>(newline) + 1;
    if (newline == std::string_view::npos && start > 0) {
      end = start;
      continue;
    }
    if (whole != info.st_size && ftruncate(file_.get(), whole) != 0) fail(path);
    break;
  }
}

void LineWriter::append(std::string_view lines) {
  const auto before = lseek(file_.get(), 0, SEEK_END);
  if (before < 0) fail("append");
  try {
    write_all(file_.get(), lines, "append");
  } catch (const std::system_error&) {
    if (ftruncate(file_.get(), before) != 0) fail("append");
    throw;
  }
}

void LineWriter::sync() {
  if (fdatasync(file_.get()) != 0) fail("fdatasync");
}

void LineReader::read(const std::function<void(std::string_view line)>& sink) {
  if (!file_.open()) {
    file_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_.open() && errno == ENOENT) return;
    if (!file_.open()) fail(path_);
  }
  std::size_t filled = 0;
  for (;;) {
    if (buffer_.size() < filled + piece_size) buffer_.resize(filled + piece_size);
    const auto got = pread(file_.get(), buffer_.data() + filled, buffer_.size() - filled,
                           static_cast<off_t>(offset_ + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_);
    filled += static_cast<std::size_t>(got);
    std::string_view rest(buffer_.data(), filled);
    for (auto newline = rest.find('\n'); newline != std::string_view::npos; newline = rest.find('\n')) {
      offset_ += newline + 1;
      sink(rest.substr(0, newline));
      rest.remove_prefix(newline + 1);
    }
    if (filled < buffer_.size()) return;  // the end of the file, as it was
    std::memmove(buffer_.data(), rest.data(), rest.size());
    filled = rest.size();
  }
}

void write_file(const std::string& path, std::string_view content) {
  const Descriptor file(open_or_fail(path, O_WRONLY | O_CREAT | O_TRUNC));
  write_all(file.get(), content, path.c_str());
}

void replace_file(const std::string& path, std::string_view content) {
  const auto temporary = path + "." + std::to_string(getpid()) + ".part";
  try {
    const Descriptor file(open_or_fail(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    write_all(file.get(), content, temporary.c_str());
    if (rename(temporary.c_str(), path.c_str()) != 0) fail(path);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
}

std::string read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file.open()) return text;
  char piece[8192];
  for (;;) {
    const auto got = ::read(file.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? std::string() : text;
    text.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace catena::local
