#include "adapters/local/local_transport.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>

#include "adapters/local/launcher.h"
#include "adapters/transfer/download.h"
#include "core/error.h"

namespace catena {
namespace {

using local::Descriptor;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t error_cap = 1U << 20;
constexpr milliseconds pipe_grace{200};
constexpr milliseconds kill_grace{2000};

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error(ErrorKind::transport, fmt::format("{}: {}", what, std::strerror(error)));
}

// A write to a command that does not read its input raises SIGPIPE: it is kept from the thread while this
// lives.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigset_t pending;
    sigpending(&pending);
    pending_before_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    if (!pending_before_) {
      while (sigtimedwait(&pipe_, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_, before_;
  bool pending_before_ = false;
};

// Ends and reaps the child on every way out.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), ended_(local::open_process(pid)) {
    if (!ended_.open()) {
      const int error = errno;
      finish(true);
      fail("cannot watch a process", error);
    }
  }
  ~Child() { finish(true); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int watch() const { return ended_.get(); }
  void signal(int number) const { local::signal_group(pid_, number); }
  // Waits. Returns the exit status, or 128+N. `kill`: what is left of the group goes first.
  int finish(bool kill) {
    if (pid_ < 0) return status_;
    if (kill) signal(SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
  Descriptor ended_;
  int status_ = 0;
};

class Conversation {
 public:
  Conversation(const Command& command, const ByteSource& input, const ByteSink& output)
      : command_(command),
        input_(input),
        output_(output),
        pending_(input ? std::string_view() : std::string_view(command.input)) {}

  CommandResult hold() {
    NoPipeSignal no_signal;
    auto child_ends = make_pipes();
    Child child(start(child_ends));
    child_ends = {};
    const auto begin = SteadyClock::now();
    std::optional<SteadyClock::time_point> deadline, drop_pipes;
    if (command_.timeout.count() > 0) deadline = begin + command_.timeout;
    bool ended = false;
    while (!ended || out_.open() || err_.open()) {
      const auto until = ended ? drop_pipes : deadline;
      pollfd polled[4] = {{in_.get(), POLLOUT, 0},
                          {out_.get(), POLLIN, 0},
                          {err_.get(), POLLIN, 0},
                          {ended ? -1 : child.watch(), POLLIN, 0}};
      const int ready = poll(polled, 4, wait_for(until));
      if (ready < 0 && errno != EINTR) fail("poll", errno);
      if (ready > 0) {
        if (polled[0].revents) feed();
        if (polled[1].revents) take_output();
        if (polled[2].revents) take_error();
        if (polled[3].revents) {
          ended = true;
          in_.reset();
          drop_pipes = SteadyClock::now() + pipe_grace;
        }
      }
      if (!until || SteadyClock::now() < *until) continue;
      if (ended) break;
      child.signal(result_.timed_out ? SIGKILL : SIGTERM);
      child.signal(SIGCONT);  // a stopped process would not see the TERM
      deadline = SteadyClock::now() + kill_grace;
      result_.timed_out = true;
    }
    result_.status = child.finish(result_.timed_out);
    if (dropped_ > 0) result_.err += fmt::format("\n[{} more bytes dropped]\n", dropped_);
    return std::move(result_);
  }

 private:
  struct ChildEnds {
    Descriptor in, out, err;
  };

  ChildEnds make_pipes() {
    ChildEnds ends;
    try {
      if (input_ || !pending_.empty()) std::tie(ends.in, in_) = local::make_pipe();
      std::tie(out_, ends.out) = local::make_pipe();
      std::tie(err_, ends.err) = local::make_pipe();
    } catch (const std::system_error& error) {
      fail("cannot run a command on this machine", error.code().value());
    }
    for (const auto* end : {&in_, &out_, &err_}) {
      if (end->open()) fcntl(end->get(), F_SETFL, fcntl(end->get(), F_GETFL) | O_NONBLOCK);
    }
    return ends;
  }

  pid_t start(const ChildEnds& ends) {
    try {
      return local::launch({.argv = command_.argv,
                            .directory = {},
                            .in = ends.in.get(),
                            .out = ends.out.get(),
                            .err = ends.err.get()});
    } catch (const std::system_error& error) {
      const std::string program = command_.argv.empty() ? "an empty command" : command_.argv[0];
      if (error.code().value() == ENOENT) {
        throw Error(ErrorKind::transport, program + ": not found on this machine",
                    "load the module that provides it, or check PATH");
      }
      fail("cannot run " + program + " on this machine", error.code().value());
    }
  }

  static int wait_for(std::optional<SteadyClock::time_point> until) {
    if (!until) return -1;
    const auto left = std::chrono::ceil<milliseconds>(*until - SteadyClock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  void feed() {
    if (pending_.empty() && input_)
      pending_ = {input_buffer_.data(), input_({input_buffer_.data(), input_buffer_.size()})};
    if (pending_.empty()) return in_.reset();
    const auto written = write(in_.get(), pending_.data(), pending_.size());
    if (written > 0) pending_.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // EPIPE: it reads no more, which is its right; its status tells the rest.
    if (written < 0 || (pending_.empty() && !input_)) in_.reset();
  }

  // One piece; false at the end.
  bool take(Descriptor& from, std::string_view& piece) {
    const auto got = ::read(from.get(), buffer_.data(), buffer_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
      from.reset();
      return false;
    }
    piece = {buffer_.data(), static_cast<std::size_t>(got)};
    return true;
  }

  void take_output() {
    std::string_view piece;
    if (take(out_, piece)) output_(piece);
  }

  void take_error() {
    std::string_view piece;
    if (!take(err_, piece)) return;
    const auto room = std::min(piece.size(), error_cap - result_.err.size());
    result_.err += piece.substr(0, room);
    dropped_ += piece.size() - room;
  }

  const Command& command_;
  const ByteSource& input_;
  const ByteSink& output_;
  CommandResult result_;
  Descriptor in_, out_, err_;
  std::size_t dropped_ = 0;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{1} << 16);
  std::vector<char> input_buffer_ = std::vector<char>(input_ ? std::size_t{1} << 16 : 0);
  std::string_view pending_;  // input that is not written yet
};

void write_all(int fd, std::string_view text, const std::string& target) {
  while (!text.empty()) {
    const auto written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write " + target, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void copy(const std::string& source, int fd, const std::string& target) {
  const Descriptor from(open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from.open()) fail("cannot read " + source, errno);
  // Within the kernel, as a clone where the file system can. It gives 0 on files that are made as they are
  // read (/proc), and fails across some file systems: the plain copy goes on from wherever it stopped.
  while (copy_file_range(from.get(), nullptr, fd, nullptr, std::size_t{1} << 30, 0) > 0) {
  }
  std::vector<char> buffer(std::size_t{1} << 18);
  for (;;) {
    const auto got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read " + source, errno);
    if (got == 0) return;
    write_all(fd, {buffer.data(), static_cast<std::size_t>(got)}, target);
  }
}

void make_directory(const std::filesystem::path& path) {
  if (path.empty() || mkdir(path.c_str(), 0700) == 0) return;
  if (errno == ENOENT && path.has_parent_path() && path.parent_path() != path) {
    make_directory(path.parent_path());
    if (mkdir(path.c_str(), 0700) == 0) return;
  }
  const int error = errno;
  struct stat found;
  if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return;
  fail("cannot make the directory " + path.string(), error == EEXIST ? ENOTDIR : error);
}

// Not made of the target's name, which may be as long as a name can be.
std::string temporary_beside(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  return (target.parent_path() / fmt::format(".catena-{}-{}.part", getpid(), counter.fetch_add(1))).string();
}

void put_one(const FileToPut& file) {
  const std::filesystem::path target = file.target;
  const auto temporary = temporary_beside(target);
  const auto create = [&] { return open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); };
  Descriptor out(create());
  if (!out.open() && errno == ENOENT) {
    make_directory(target.parent_path());
    out.reset(create());
  }
  if (!out.open() && errno == EEXIST) {  // left by a dead process that had our id
    unlink(temporary.c_str());
    out.reset(create());
  }
  if (!out.open()) fail("cannot write " + file.target, errno);
  try {
    if (file.source.empty()) {
      write_all(out.get(), file.content, file.target);
    } else {
      copy(file.source.string(), out.get(), file.target);
    }
    if (fchmod(out.get(), static_cast<mode_t>(file.mode)) != 0)
      fail("cannot set the mode of " + file.target, errno);
    if (close(out.release()) != 0) fail("cannot write " + file.target, errno);
    if (rename(temporary.c_str(), target.c_str()) != 0) fail("cannot write " + file.target, errno);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
}

// One more name for a file that was put; false where the file system has no such links.
bool put_link(const std::string& there, const std::filesystem::path& target) {
  const auto temporary = temporary_beside(target);
  unlink(temporary.c_str());
  if (link(there.c_str(), temporary.c_str()) != 0) {
    make_directory(target.parent_path());
    if (link(there.c_str(), temporary.c_str()) != 0) return false;
  }
  const bool done = rename(temporary.c_str(), target.c_str()) == 0;
  unlink(temporary.c_str());  // of two names of one file rename(2) leaves both
  return done;
}

}  // namespace

CommandResult LocalTransport::stream(const Command& command, const ByteSource& input,
                                     const ByteSink& output) {
  return Conversation(command, input, output).hold();
}

void LocalTransport::put(std::span<const FileToPut> files, const std::string&, const Progress&) {
  std::map<std::pair<std::string, int>, const std::string*>
      copies;  // of a source with a mode: the first target
  for (const auto& file : files) {
    if (file.source.empty()) {
      put_one(file);
      continue;
    }
    const auto [copy, first] = copies.try_emplace({file.source.string(), file.mode}, &file.target);
    if (first || !put_link(*copy->second, file.target)) put_one(file);
  }
}

FilesGot LocalTransport::get(std::span<const FilesToGet> sets, const Progress& progress) {
  return transfer::download(*this, sets, progress);
}

void LocalTransport::make_directories(std::span<const std::string> paths) {
  for (const auto& path : paths) make_directory(path);
}

std::optional<FileInfo> LocalTransport::stat(const std::string& path) {
  struct stat found;
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail("cannot look at " + path, errno);
  }
  return FileInfo{.directory = S_ISDIR(found.st_mode),
                  .size = static_cast<std::uintmax_t>(found.st_size),
                  .mode = static_cast<int>(found.st_mode & 07777)};
}

void LocalTransport::read(const std::string& path, std::uintmax_t offset, const ByteSink& sink) {
  const Descriptor from(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from.open()) {
    if (errno == ENOENT || errno == ENOTDIR)
      throw Error(ErrorKind::not_found, path + ": there is no such file");
    fail("cannot read " + path, errno);
  }
  if (offset > 0 && lseek(from.get(), static_cast<off_t>(offset), SEEK_SET) < 0)
    fail("cannot read " + path, errno);
  std::vector<char> buffer(std::size_t{1} << 18);
  for (;;) {
    const auto got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read " + path, errno);
    if (got == 0) return;
    sink({buffer.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace catena
