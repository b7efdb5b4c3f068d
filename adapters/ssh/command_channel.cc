#include "adapters/ssh/command_channel.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "adapters/ssh/remote_command.h"

namespace catena::ssh {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t piece_size = std::size_t{128} << 10;
// After a command was killed its channel closes at once, unless the host is in trouble.
constexpr auto end_limit = 5s;
constexpr auto line_limit = 20s;

// The names of RFC 4254 section 6.10, in numbers of Linux and of every POSIX system for the common ones.
constexpr std::pair<std::string_view, int> signals[] = {
    {"HUP", 1},   {"INT", 2},   {"QUIT", 3},  {"ILL", 4},   {"ABRT", 6},  {"FPE", 8},  {"KILL", 9},
    {"USR1", 10}, {"SEGV", 11}, {"USR2", 12}, {"PIPE", 13}, {"ALRM", 14}, {"TERM", 15}};

class Channel {
 public:
  Channel(Session& session, Lock& lock, std::chrono::milliseconds patience)
      : session_(session), lock_(lock), raw_(session.open_channel(lock, Clock::now() + patience)) {}
  ~Channel() {
    if (!lock_.owns_lock()) lock_.lock();
    session_.close_channel(lock_, raw_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  LIBSSH2_CHANNEL* raw() const { return raw_; }
  void execute(const std::string& line) {
    const auto error = session_.finish(
        lock_,
        [&] {
          return long{libssh2_channel_process_startup(raw_, "exec", 4, line.data(),
                                                      static_cast<unsigned int>(line.size()))};
        },
        Clock::now() + session_.wire().silence_limit(), "starting a command");
    if (error == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) {
      throw Error(ErrorKind::transport,
                  session_.where() + ": the server does not let this account run commands");
    }
    if (error != 0) session_.broken("starting a command");
  }
  // Bytes read or written; EAGAIN as LIBSSH2_ERROR_EAGAIN.
  long read(int stream, std::vector<char>& buffer) {
    const auto got = session_.step(lock_, [&] {
      return static_cast<long>(libssh2_channel_read_ex(raw_, stream, buffer.data(), buffer.size()));
    });
    if (got < 0 && got != LIBSSH2_ERROR_EAGAIN) session_.broken("reading a command's output");
    return got;
  }
  // All there was has been read, and the server has closed the channel: the command has ended.
  bool closed() {
    if (libssh2_channel_eof(raw_) == 0) return false;
    const auto result = session_.step(lock_, [&] { return long{libssh2_channel_wait_closed(raw_)}; });
    if (result < 0 && result != LIBSSH2_ERROR_EAGAIN) session_.broken("waiting for a command's end");
    return result == 0;
  }
  int status() {
    char* name = nullptr;
    std::size_t size = 0;
    libssh2_channel_get_exit_signal(raw_, &name, &size, nullptr, nullptr, nullptr, nullptr);
    if (!name) return libssh2_channel_get_exit_status(raw_);
    const std::string given(name, size);
    libssh2_free(session_.raw(), name);
    for (const auto& [known, number] : signals) {
      if (given == known) return 128 + number;
    }
    return 128;
  }

 private:
  Session& session_;
  Lock& lock_;
  LIBSSH2_CHANNEL* raw_;
};

class Conversation {
 public:
  Conversation(Session& session, const Command& command, const ByteSource& input, const ByteSink& output,
               const Killer& kill)
      : session_(session),
        command_(command),
        input_(input),
        output_(output),
        kill_(kill),
        marker_(make_marker()),
        remote_(remote_command(command.argv, marker_, false)),
        marked_(marker_, [this](std::string_view piece) { deliver(piece); }) {}

  CommandResult hold(std::chrono::milliseconds patience) {
    auto lock = session_.wire().lock();
    std::optional<Clock::time_point> deadline;
    if (command_.timeout.count() > 0) deadline = Clock::now() + command_.timeout;
    Channel channel(session_, lock, patience);
    channel.execute(remote_.line);
    pending_ = remote_.prefix;
    if (!input_) pending_ += command_.input;
    try {
      for (;;) {
        const auto seen = session_.wire().arrivals();
        if (channel.closed()) break;
        bool moved = take_output(channel, lock);
        moved = take_error(channel) || moved;
        moved = feed(channel, lock) || moved;
        if (deadline && Clock::now() >= *deadline) {
          if (result_.timed_out)
            session_.broken(fmt::format("{} does not end though it was killed", command_.argv[0]));
          result_.timed_out = true;
          end(lock);
          deadline = Clock::now() + end_limit;
        }
        if (!moved) session_.wait(lock, seen, deadline.value_or(Clock::now() + 1s));
      }
    } catch (...) {
      // A function of the caller's threw; the command must not go on without anybody to listen.
      if (session_.usable()) end(lock);
      throw;
    }
    result_.status = channel.status();
    lock.unlock();
    finish();
    lock.lock();
    return std::move(result_);
  }

 private:
  bool take_output(Channel& channel, Lock& lock) {
    const auto got = channel.read(0, buffer_);
    if (got <= 0) return false;
    lock.unlock();
    marked_.take({buffer_.data(), static_cast<std::size_t>(got)});
    lock.lock();
    return true;
  }

  void deliver(std::string_view piece) {
    if (output_) {
      output_(piece);
      return;
    }
    if (result_.out.size() + piece.size() > output_cap) {
      throw Error(ErrorKind::transport,
                  fmt::format("{}: more than {} MiB of output", command_.argv[0], output_cap >> 20));
    }
    result_.out += piece;
  }

  bool take_error(Channel& channel) {
    const auto got = channel.read(SSH_EXTENDED_DATA_STDERR, buffer_);
    if (got <= 0) return false;
    const auto size = static_cast<std::size_t>(got);
    const auto room = std::min(size, error_cap - std::min(error_cap, result_.err.size()));
    result_.err.append(buffer_.data(), room);
    dropped_ += size - room;
    return true;
  }

  bool feed(Channel& channel, Lock& lock) {
    if (input_ended_) return false;
    if (pending_.size() == fed_ && input_ && !source_ended_) {
      lock.unlock();
      pending_.resize(piece_size);
      fed_ = 0;
      pending_.resize(input_(std::span(pending_.data(), pending_.size())));
      source_ended_ = pending_.empty();
      lock.lock();
    }
    if (pending_.size() == fed_) {
      input_ended_ = true;
      const auto error = session_.finish(
          lock, [&] { return long{libssh2_channel_send_eof(channel.raw())}; },
          Clock::now() + session_.wire().silence_limit(), "the end of a command's input");
      if (error != 0) session_.broken("the end of a command's input");
      return true;
    }
    const auto sent = session_.step(lock, [&] {
      return static_cast<long>(
          libssh2_channel_write_ex(channel.raw(), 0, pending_.data() + fed_, pending_.size() - fed_));
    });
    if (sent == LIBSSH2_ERROR_EAGAIN) return false;
    if (sent < 0) session_.broken("sending a command's input");
    fed_ += static_cast<std::size_t>(sent);
    return sent > 0;
  }

  void end(Lock& lock) noexcept {
    if (lock.owns_lock()) lock.unlock();
    try {
      if (marked_.pid() > 1) kill_(marked_.pid());
    } catch (const std::exception&) {
      // Its channel is closed next, which is all that is left to do.
    }
    lock.lock();
  }

  void finish() {
    if (!marked_.begun()) {
      throw Error(ErrorKind::transport,
                  fmt::format("{}: the login shell ended with status {} before it ran the command: {}{}",
                              session_.where(), result_.status, marked_.noise(), result_.err),
                  "check that the account's shell lets it run commands, and its start-up files");
    }
    result_.err = after_marker(result_.err, marker_);
    if (dropped_ > 0) result_.err += fmt::format("\n[{} more bytes dropped]\n", dropped_);
  }

  Session& session_;
  const Command& command_;
  const ByteSource& input_;
  const ByteSink& output_;
  const Killer& kill_;
  const std::string marker_;
  const RemoteCommand remote_;
  MarkedOutput marked_;
  CommandResult result_;
  std::string pending_;  // input, sent up to fed_
  std::size_t fed_ = 0, dropped_ = 0;
  bool source_ended_ = false, input_ended_ = false;
  std::vector<char> buffer_ = std::vector<char>(piece_size);
};

}  // namespace

CommandResult run_command(Session& session, const Command& command, const ByteSource& input,
                          const ByteSink& output, const Killer& kill, std::chrono::milliseconds patience) {
  if (command.argv.empty()) throw Error(ErrorKind::transport, "an empty command");
  return Conversation(session, command, input, output, kill).hold(patience);
}

void run_line(Session& session, const std::string& line, std::chrono::milliseconds patience) {
  auto lock = session.wire().lock();
  Channel channel(session, lock, patience);
  channel.execute(line);
  std::vector<char> buffer(piece_size);
  const auto until = Clock::now() + line_limit;
  for (;;) {
    const auto seen = session.wire().arrivals();
    if (channel.closed()) return;
    if (Clock::now() > until) session.broken("a command that ends another one hangs");
    if (channel.read(0, buffer) <= 0 && channel.read(SSH_EXTENDED_DATA_STDERR, buffer) <= 0)
      session.wait(lock, seen, until);
  }
}

std::string after_marker(const std::string& text, const std::string& marker) {
  const auto at = text.find(marker);
  const auto end = at == std::string::npos ? at : text.find('\n', at);
  return end == std::string::npos ? text : text.substr(end + 1);
}

}  // namespace catena::ssh
