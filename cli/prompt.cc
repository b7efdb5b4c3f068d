#include "cli/prompt.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <string_view>

namespace catena::cli {
namespace {

class Terminal {
 public:
  Terminal() : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {}
  ~Terminal() {
    if (fd_ >= 0) close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool is_there() const { return fd_ >= 0; }
  void say(std::string_view text) const {
    while (!text.empty()) {
      const auto written = write(fd_, text.data(), text.size());
      if (written <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  std::optional<std::string> ask(bool echo) const {
    termios before{};
    const bool silent = !echo && tcgetattr(fd_, &before) == 0;
    if (silent) {
      termios quiet = before;
      quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
      tcsetattr(fd_, TCSAFLUSH, &quiet);
    }
    std::string line;
    bool ended = false;
    for (char c = 0; !ended && read(fd_, &c, 1) == 1;) {
      ended = c == '\n';
      if (!ended) line += c;
    }
    if (silent) {
      tcsetattr(fd_, TCSAFLUSH, &before);
      say("\n");
    }
    return ended ? std::optional(line) : std::nullopt;
  }

 private:
  int fd_;
};

}  // namespace

SshPrompt terminal_prompt() {
  if (!Terminal().is_there()) return {};
  return [](const SshQuestion& question) -> std::optional<std::string> {
    const Terminal terminal;
    if (!terminal.is_there()) return std::nullopt;
    if (!question.instruction.empty()) terminal.say(question.instruction + "\n");
    terminal.say(question.where.empty() ? question.text : "(" + question.where + ") " + question.text);
    return terminal.ask(question.echo);
  };
}

}  // namespace catena::cli
