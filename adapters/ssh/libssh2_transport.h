// A login node through libssh2: one connection, kept open, a channel a command.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "adapters/ssh/ssh_options.h"
#include "adapters/transfer/remote_transport.h"

namespace catena {

namespace ssh {
class Session;
}

// stream() may be called by several threads at once, and from within its own functions.
class Libssh2Transport : public RemoteTransport {
 public:
  explicit Libssh2Transport(SshOptions options);
  ~Libssh2Transport() override;

  // Connects if it is not connected. Throws Error(transport); ssh::Unsupported where OpenSSH's client may
  // succeed.
  void connect();
  std::string where() const override;
  // Connects first, and again where the connection has broken since the last call. A connection that breaks
  // while the command runs is an Error(transport): whether it has run to its end is not known. After a
  // time-out, and when one of the functions throws, the command gets TERM, and KILL two seconds later.
  CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) override;

 private:
  std::shared_ptr<ssh::Session> open() const;
  // `fresh`: it was opened by this call.
  std::shared_ptr<ssh::Session> session(bool& fresh);
  void kill(const std::shared_ptr<ssh::Session>& session, long pid) const;

  SshOptions options_;
  mutable std::mutex mutex_;  // for session_
  std::shared_ptr<ssh::Session> session_;
  mutable std::atomic<std::size_t> next_host_ = 0;  // the last that answered
};

}  // namespace catena
