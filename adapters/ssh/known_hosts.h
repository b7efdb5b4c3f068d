// Which host keys the user has accepted: OpenSSH's known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
//
// libssh2's own reader is not used: it takes @revoked keys for good ones, knows no wildcards, and one bad
// line makes it drop all that follow.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace catena::ssh {

class KnownHosts {
 public:
  enum class Verdict {
    known,
    unknown,  // no line for this host has a key of this type
    changed,  // a line for this host has another key of this type
    revoked,  // this key is marked @revoked
  };
  struct Answer {
    Verdict verdict = Verdict::unknown;
    std::string place;  // FILE:LINE of the line that decided; empty for unknown
  };

  // A file that cannot be read has no lines. Lines that are not understood are passed over, as OpenSSH does.
  void read_file(const std::string& path);
  void read_text(std::string_view text, const std::string& file);

  // `name` as known_hosts has it: see known_name().
  Answer check(std::string_view name, std::string_view key_blob) const;
  // The key types that are known for the host, in the order of the files, each once.
  std::vector<std::string> types(std::string_view name) const;

 private:
  struct Line {
    enum class Mark { none, revoked } mark;
    std::string hosts, type, blob, place;
  };
  static bool matches(const Line& line, std::string_view name);
  std::vector<Line> lines_;
};

// "host" for port 22, else "[host]:port"; lower case.
std::string known_name(std::string_view host, int port);

}  // namespace catena::ssh
