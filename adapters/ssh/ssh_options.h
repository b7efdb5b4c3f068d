// What a site's SSH transport is made of, and whom it may ask.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace catena {

// A secret that only the user knows. It is asked for when it is needed, and never stored.
struct SshQuestion {
  enum class Kind { passphrase, password, challenge } kind = Kind::challenge;
  std::string where;        // "alice@login1", or the key file
  std::string instruction;  // the server's own words, several lines maybe; empty mostly
  std::string text;         // "Passphrase for /home/me/.ssh/id_ed25519: ", "Verification code: "
  bool echo = false;        // the answer may be shown as it is typed
};
// nullopt: the user declined.
using SshPrompt = std::function<std::optional<std::string>(const SshQuestion& question)>;

struct SshOptions {
  std::string kind = "auto";  // auto, libssh2, openssh
  std::vector<std::string>
      hosts;         // login hosts, tried in turn when one is down; names of ~/.ssh/config count
  std::string user;  // empty: what ~/.ssh/config says, else the user of this process
  int port = 0;      // 0: what ~/.ssh/config says, else 22
  // "SHA256:…", or "ssh-ed25519 AAAA…" for a site's pinned key: then known_hosts is not asked. It counts for
  // the login hosts, not for the hosts that a ProxyJump goes through.
  std::string host_key;
  std::chrono::milliseconds connect_timeout{15'000};
  // A server that sends nothing for so long, though it is asked to answer six times meanwhile, is taken for
  // dead.
  std::chrono::milliseconds silence_limit{30'000};
  std::string config_file;  // empty: OpenSSH's own (~/.ssh/config, /etc/ssh/ssh_config)
  SshPrompt prompt;         // empty: there is no terminal, nobody is asked
  std::function<void(const std::string&)> notice;  // a sentence that the user should see; each one once
};

}  // namespace catena
