// An SSH connection by libssh2: connected, its host key verified, the user authenticated; then channels.
//
// libssh2 runs non-blocking. Its calls are made one at a time under the wire's lock, through step() and
// finish().
#pragma once

#include <libssh2.h>

#include <functional>
#include <memory>
#include <string>

#include "adapters/ssh/host_config.h"
#include "adapters/ssh/ssh_error.h"
#include "adapters/ssh/ssh_options.h"
#include "adapters/ssh/wire.h"

namespace catena::ssh {

// The server allows no more channels on this connection at present.
class ChannelsExhausted : public Error {
 public:
  explicit ChannelsExhausted(const std::string& message) : Error(ErrorKind::transport, message) {}
};

// The connection broke before a channel was open: nothing of the command has been sent.
class StaleConnection : public Error {
 public:
  explicit StaleConnection(const Error& error) : Error(ErrorKind::transport, error.what(), error.remedy()) {}
};

class Session {
 public:
  // Goes through the hops of `route` to its last. Throws Unreachable, Unsupported, Error(transport).
  static std::shared_ptr<Session> open(const std::vector<HostConfig>& route, const SshOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const HostConfig& config() const { return config_; }
  std::string where() const { return config_.where(); }
  LIBSSH2_SESSION* raw() const { return session_; }
  Wire& wire() const { return *wire_; }

  // One call of libssh2's. A packet that is half sent is sent to its end. LIBSSH2_ERROR_EAGAIN: it waits for
  // input. Throws Error(transport) if the connection does not take the packet.
  long step(Lock& lock, const std::function<long()>& call);
  // The same, repeated until it is done. Throws Unreachable after `until`; `what` says what was going on.
  long finish(Lock& lock, const std::function<long()>& call, Clock::time_point until,
              const std::string& what);
  // Waits for input, at most a second; not at all if any has arrived since `seen` of the wire's arrivals().
  // Asks a server that has long been silent to answer, and throws Error(transport) if it does not.
  void wait(Lock& lock, std::uint64_t seen, Clock::time_point until);

  // A channel for a command. Throws StaleConnection; ChannelsExhausted when the server refuses it until
  // `until`.
  LIBSSH2_CHANNEL* open_channel(Lock& lock, Clock::time_point until);
  // Never throws; a channel that cannot be closed within seconds costs the connection.
  void close_channel(Lock& lock, LIBSSH2_CHANNEL* channel) noexcept;

  // "HOST: while WHAT: libssh2's own words". Cuts the connection.
  [[noreturn]] void broken(const std::string& what);
  bool usable() const { return !wire_->is_cut(); }
  std::string last_words() const;  // libssh2's text for its last error

 private:
  LIBSSH2_CHANNEL* try_open(Lock& lock, Clock::time_point until);
  Session(HostConfig config, std::shared_ptr<Wire> wire, std::shared_ptr<Session> outer);
  void connect(const SshOptions& options, bool last);
  void begin(Lock& lock, const std::string& pin, Clock::time_point until);
  static ssize_t receive(libssh2_socket_t socket, void* buffer, std::size_t size, int flags, void** session);
  static ssize_t send(libssh2_socket_t socket, const void* buffer, std::size_t size, int flags,
                      void** session);
  // A call on the channel through `outer_`, from within a call on this session.
  ssize_t through(const std::function<ssize_t()>& call);
  bool sends_half() const;

  HostConfig config_;
  std::shared_ptr<Wire> wire_;
  std::shared_ptr<Session> outer_;     // of a ProxyJump
  LIBSSH2_CHANNEL* tunnel_ = nullptr;  // on outer_
  LIBSSH2_SESSION* session_ = nullptr;
  bool opening_ = false;                            // libssh2 opens one channel at a time
  Clock::time_point waiting_since_{};               // before, nobody listened
  Clock::time_point asked_first_{}, asked_last_{};  // a silent server, to answer
};

}  // namespace catena::ssh
