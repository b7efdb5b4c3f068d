// A command as text for a login shell that may be any (sh, csh, fish), and its output without what the
// shell's start-up files print.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catena::ssh {

// One word, the same for POSIX shells, csh and fish: every ASCII character that may have a meaning gets a
// backslash. Single quotes would not do: csh looks for ! in them and fish for backslashes. nullopt: the word
// has bytes that no common form carries (control characters, newlines, bytes above 127).
std::optional<std::string> quote_for_any_shell(std::string_view word);

struct RemoteCommand {
  std::string line;    // for the login shell; below 32 KB, which is all that libssh2 can send
  std::string prefix;  // goes to standard input before the command's own
};

// Runs `argv` by /bin/sh in place of the login shell. First "MARKER PID\n" is printed on standard output and
// "MARKER\n" on standard error; PID leads the command's process group. `keep_shell`: sh stays and passes the
// status on (128+N for signals), for a wire that loses signals; a status of 255, which such a wire uses
// itself, is announced by "MARKER 255\n" at the end of standard error.
RemoteCommand remote_command(const std::vector<std::string>& argv, std::string_view marker, bool keep_shell);

// Sends TERM, and after two seconds KILL, to the process group of `pid`. A line for any login shell.
std::string kill_line(long pid);

// 32 hexadecimal digits that nobody can guess.
std::string make_marker();

// Passes on what follows the marker's line.
class MarkedOutput {
 public:
  using Sink = std::function<void(std::string_view piece)>;
  // What the start-up files may print before, at most.
  static constexpr std::size_t noise_limit = 1U << 20;

  MarkedOutput(std::string marker, Sink sink) : marker_(std::move(marker)), sink_(std::move(sink)) {}
  // Throws Error(transport) beyond noise_limit.
  void take(std::string_view piece);
  bool begun() const { return begun_; }
  long pid() const { return pid_; }                     // 0: none was given
  const std::string& noise() const { return before_; }  // before the marker

 private:
  std::string marker_;
  Sink sink_;
  std::string before_;
  bool begun_ = false;
  long pid_ = 0;
};

}  // namespace catena::ssh
