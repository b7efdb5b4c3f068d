// Logs the user in, in OpenSSH's order: the agent's keys, the identity files, keyboard-interactive, a
// password.
#pragma once

#include "adapters/ssh/session.h"

namespace catena::ssh {

// Throws Error(transport) that says what was tried and what the server would take; Unsupported if there is a
// key or a method that OpenSSH could have used and libssh2 cannot.
void authenticate(Session& session, Lock& lock, const SshOptions& options);

}  // namespace catena::ssh
