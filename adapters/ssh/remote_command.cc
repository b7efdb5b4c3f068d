#include "adapters/ssh/remote_command.h"

#include <fmt/core.h>
#include <openssl/rand.h>

#include <charconv>

#include "core/error.h"
#include "core/quote.h"

namespace catena::ssh {
namespace {

// The login shell's line, with quoting, stays well below what one SSH packet carries.
constexpr std::size_t line_limit = 24'000;

bool plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+:,./-").find(c) != std::string_view::npos;
}

// For `printf %b`: one line of plain ASCII.
std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      escaped += c;
    } else {
      escaped += fmt::format("\\0{:03o}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

}  // namespace

std::optional<std::string> quote_for_any_shell(std::string_view word) {
  if (word.empty()) return "''";
  std::string quoted;
  for (const char c : word) {
    if (c < ' ' || c > '~') return std::nullopt;
    if (!plain(c)) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

RemoteCommand remote_command(const std::vector<std::string>& argv, std::string_view marker, bool keep_shell) {
  std::string words;
  for (const auto& word : argv) {
    if (word.find('\0') != std::string::npos)
      throw Error(ErrorKind::internal, "a NUL in a command's argument");
    words += ' ';
    words += shell_quote(word);
  }
  auto program = fmt::format("echo {0} >&2; echo {0} $$;", marker);
  if (keep_shell) {
    program += fmt::format("{}; s=$?; case $s in 255) echo {} 255 >&2;; esac; exit $s", words, marker);
  } else {
    program += " exec" + words;
  }
  // Without the words of its own, what is sent is the same for every command: only the login shell's quoting
  // matters.
  if (const auto quoted = quote_for_any_shell(program); quoted && quoted->size() < line_limit) {
    return {"exec /bin/sh -c " + *quoted, {}};
  }
  const auto escaped = escape(program);
  if (const auto quoted = quote_for_any_shell(escaped); quoted->size() < line_limit) {
    return {"exec /bin/sh -c " + *quote_for_any_shell("eval \"$(printf %b \"$0\")\"") + " " + *quoted, {}};
  }
  // `read` takes a byte at a time, so the rest of standard input is the command's.
  return {"exec /bin/sh -c " + *quote_for_any_shell("IFS= read -r p && eval \"$(printf %b \"$p\")\""),
          escaped + "\n"};
}

std::string kill_line(long pid) {
  const auto program = fmt::format(
      "exec >/dev/null 2>&1 </dev/null; p=-{0}; kill -0 $p || p={0}; kill -TERM $p; kill -CONT $p; n=0; "
      "while [ $n -lt 20 ] && kill -0 $p; do sleep 0.1; n=$((n+1)); done; kill -KILL $p",
      pid);
  return "exec /bin/sh -c " + *quote_for_any_shell(program);
}

std::string make_marker() {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) throw Error(ErrorKind::internal, "no random numbers");
  std::string marker;
  for (const auto byte : bytes) marker += fmt::format("{:02x}", byte);
  return marker;
}

void MarkedOutput::take(std::string_view piece) {
  if (begun_) {
    if (!piece.empty()) sink_(piece);
    return;
  }
  before_ += piece;
  // What was looked through before need not be again.
  const auto from = before_.size() - std::min(before_.size(), piece.size() + marker_.size() + 24);
  const auto at = before_.find(marker_, from);
  const auto end = at == std::string::npos ? at : before_.find('\n', at);
  if (end == std::string::npos) {
    if (before_.size() > noise_limit) {
      throw Error(ErrorKind::transport, "the login shell's start-up files print without end",
                  "let them print only where the shell is interactive");
    }
    return;
  }
  begun_ = true;
  const auto number = at + marker_.size() + 1;
  if (number < end) std::from_chars(before_.data() + number, before_.data() + end, pid_);
  const auto rest = before_.substr(end + 1);
  before_.resize(at);
  if (!rest.empty()) sink_(rest);
}

}  // namespace catena::ssh
