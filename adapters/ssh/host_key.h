// Is this the host that the user means? Decided by the site's pinned key, else by the known_hosts files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/ssh/host_config.h"

namespace catena::ssh {

// A pin is "SHA256:…" or "TYPE BASE64". Throws Error(config) if it is neither.
void check_pin(const std::string& pin);

// The names of the algorithms to ask for, the known key types first: a host that has several keys would
// otherwise show one that is not known. Empty: libssh2's own order.
std::vector<std::string> preferred_key_types(const HostConfig& config, const std::string& pin);

// Throws Error(transport), with the key's fingerprint and what to do, unless the key is the host's.
void verify_host_key(const HostConfig& config, const std::string& pin, std::string_view key_blob);

}  // namespace catena::ssh
