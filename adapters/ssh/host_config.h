// What the user's ~/.ssh/config says of a host, as the OpenSSH client itself resolves it (`ssh -G`).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/ssh/ssh_options.h"

namespace catena::ssh {

struct HostConfig {
  std::string name;  // as it was asked for
  std::string host;  // what to connect to
  std::string user;
  int port = 22;
  std::vector<std::string> identity_files, certificate_files;  // in the order to be tried; may not exist
  std::vector<std::string> user_known_hosts, global_known_hosts;
  std::vector<std::string> proxy_jump;  // "[user@]host[:port]" or "ssh://…", first hop first
  std::string proxy_command;            // what libssh2 cannot follow
  std::string host_key_alias;
  std::string agent;  // the agent's socket; empty: none
  bool identities_only = false;
  bool gssapi = false;  // Kerberos may be used
  bool pkcs11 = false;  // a PKCS#11 provider holds keys
  std::string control_path;
  std::optional<std::chrono::milliseconds> connect_timeout;

  std::string where() const { return user + "@" + name; }  // for messages
};

// `text` is what `ssh -G` prints. Lines that are not understood are passed over. Paths come expanded (~,
// %-tokens).
HostConfig parse_host_config(std::string_view name, std::string_view text);

// By `ssh -G`; without an OpenSSH client the plain values and OpenSSH's defaults. `user` and `port` (0: none)
// go before the configuration's. Throws Error(config) when ssh refuses the configuration.
HostConfig resolve_host(const std::string& name, const std::string& user, int port,
                        const std::string& config_file);

// The hosts to go through to `name`, itself last. Throws Error(config) on a circle of ProxyJumps.
std::vector<HostConfig> resolve_route(const std::string& name, const SshOptions& options);

bool openssh_installed();

}  // namespace catena::ssh
