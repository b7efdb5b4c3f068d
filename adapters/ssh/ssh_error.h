// Failures of a connection that the transports tell apart. Outside they are plain Errors of kind transport.
#pragma once

#include "adapters/transfer/remote_transport.h"

namespace catena::ssh {

// The host is down or out of reach: another login host may do. Never for a wrong key or a refused user.
class Unreachable : public ConnectionLost {
 public:
  using ConnectionLost::ConnectionLost;
};

// libssh2 cannot do what this server or this configuration asks for; OpenSSH's client may.
class Unsupported : public Error {
 public:
  explicit Unsupported(const std::string& message, std::string remedy = {})
      : Error(ErrorKind::transport, message, std::move(remedy)) {}
};

}  // namespace catena::ssh
