// The transport of a site whose [transport] says `kind = auto`, `libssh2` or `openssh`.
#pragma once

#include <memory>

#include "adapters/ssh/ssh_options.h"
#include "core/transport.h"

namespace catena {

// Connects at the first command, not here. `auto` takes libssh2, and OpenSSH's client where libssh2 cannot do
// what the server or ~/.ssh/config asks for (algorithms, a ProxyCommand, certificates, hardware keys,
// Kerberos); that is said once, by options.notice. A refused host key or login is never tried again with the
// other one. Throws Error(config) on an unknown kind, no host, or a host key that is none.
std::unique_ptr<Transport> make_ssh_transport(const SshOptions& options);

}  // namespace catena
