#include "adapters/ssh/session.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>
#include <thread>

#include "adapters/ssh/authentication.h"
#include "adapters/ssh/host_key.h"
#include "core/split.h"

namespace catena::ssh {
namespace {

using namespace std::chrono_literals;

// So often a silent server is asked to answer before it is taken for dead. libssh2 keeps every answer until
// the session ends, so not more often.
constexpr int questions = 6;
constexpr auto close_limit = 5s;
// What may be on its way to us unread; with less, the round trip limits the rate.
constexpr unsigned int receive_window = 8U << 20;
constexpr unsigned int packet_size = 32'768;

// Only what OpenSSH's client takes too: nothing with SHA-1, CBC or RC4. Not every libssh2 knows all of
// these names.
struct Preference {
  int method;
  std::string_view names;
};
constexpr std::string_view ciphers =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
    "aes256-ctr";
constexpr std::string_view macs =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
constexpr Preference preferences[] = {
    {LIBSSH2_METHOD_KEX,
     "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-"
     "nistp521,"
     "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,"
     "diffie-hellman-group-exchange-sha256"},
    {LIBSSH2_METHOD_CRYPT_CS, ciphers},
    {LIBSSH2_METHOD_CRYPT_SC, ciphers},
    {LIBSSH2_METHOD_MAC_CS, macs},
    {LIBSSH2_METHOD_MAC_SC, macs},
};
constexpr const char* host_key_names[] = {"ssh-ed25519",         "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                          "ecdsa-sha2-nistp521", "rsa-sha2-512",        "rsa-sha2-256"};

std::string host_key_order(const std::vector<std::string>& known) {
  std::vector<std::string> order;
  for (const auto& type : known) {
    if (type == "ssh-rsa") {
      order.insert(order.end(), {"rsa-sha2-512", "rsa-sha2-256"});
    } else {
      order.push_back(type);
    }
  }
  for (const auto* name : host_key_names) {
    if (std::find(order.begin(), order.end(), name) == order.end()) order.emplace_back(name);
  }
  return fmt::format("{}", fmt::join(order, ","));
}

// libssh2 drops names that it does not know with a memcpy() onto itself: it is given none.
void prefer(LIBSSH2_SESSION* session, int method, std::string_view names) {
  const char** list = nullptr;
  const int count = libssh2_session_supported_algs(session, method, &list);
  const std::set<std::string_view> supported(list, list + std::max(count, 0));
  std::string kept;
  for (const auto name : split_words(names, ",")) {
    if (supported.contains(name)) kept.append(kept.empty() ? "" : ",").append(name);
  }
  if (count > 0) libssh2_free(session, static_cast<void*>(list));
  if (!kept.empty()) libssh2_session_method_pref(session, method, kept.c_str());
}

// The two sides have no algorithm in common, or libssh2 cannot carry out the one agreed on.
bool negotiation_failed(long error) {
  return error == LIBSSH2_ERROR_KEX_FAILURE || error == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE ||
         error == LIBSSH2_ERROR_METHOD_NONE || error == LIBSSH2_ERROR_METHOD_NOT_SUPPORTED ||
         error == LIBSSH2_ERROR_HOSTKEY_INIT || error == LIBSSH2_ERROR_HOSTKEY_SIGN;
}

}  // namespace

std::shared_ptr<Session> Session::open(const std::vector<HostConfig>& route, const SshOptions& options) {
  static const int started = libssh2_init(0);
  if (started != 0) throw Error(ErrorKind::internal, "libssh2 does not start");
  std::shared_ptr<Session> session;
  std::shared_ptr<Wire> wire;
  for (const auto& hop : route) {
    if (!hop.proxy_command.empty()) {
      throw Unsupported(hop.name + ": a ProxyCommand is set for it, which libssh2 cannot follow");
    }
    if (!wire) {
      wire = std::make_shared<Wire>(hop.name, hop.host, hop.port,
                                    hop.connect_timeout.value_or(options.connect_timeout),
                                    options.silence_limit);
    }
    session.reset(new Session(hop, wire, session));
    session->connect(options, &hop == &route.back());
  }
  return session;
}

Session::Session(HostConfig config, std::shared_ptr<Wire> wire, std::shared_ptr<Session> outer)
    : config_(std::move(config)), wire_(std::move(wire)), outer_(std::move(outer)) {}

Session::~Session() {
  auto lock = wire_->lock();
  if (session_ && !wire_->is_cut()) libssh2_session_disconnect(session_, "done");
  // With nothing to wait for, the calls below end at once.
  wire_->cut();
  while (session_ && libssh2_session_free(session_) == LIBSSH2_ERROR_EAGAIN) {
  }
}

void Session::connect(const SshOptions& options, bool last) {
  auto lock = wire_->lock();
  const auto timeout = config_.connect_timeout.value_or(options.connect_timeout);
  const auto until = Clock::now() + timeout;
  if (outer_) {
    const auto what = fmt::format("opening the way to {} port {}", config_.host, config_.port);
    const auto error = outer_->finish(
        lock,
        [this] {
          tunnel_ = libssh2_channel_direct_tcpip_ex(outer_->raw(), config_.host.c_str(), config_.port,
                                                    "127.0.0.1", 0);
          return tunnel_ ? 0L : libssh2_session_last_errno(outer_->raw());
        },
        until, what);
    if (error != 0) {
      throw Unreachable(fmt::format("{}: {} does not open the way to {} port {}: {}", config_.name,
                                    outer_->where(), config_.host, config_.port, outer_->last_words()),
                        "check ProxyJump in ~/.ssh/config, and that the jump host allows forwarding");
    }
  }
  begin(lock, last ? options.host_key : std::string(), until);
  authenticate(*this, lock, options);
}

void Session::begin(Lock& lock, const std::string& pin, Clock::time_point until) {
  session_ = libssh2_session_init_ex(nullptr, nullptr, nullptr, this);
  if (!session_) throw Error(ErrorKind::internal, "libssh2 has no memory");
  libssh2_session_set_blocking(session_, 0);
  libssh2_session_callback_set(session_, LIBSSH2_CALLBACK_RECV, reinterpret_cast<void*>(&Session::receive));
  libssh2_session_callback_set(session_, LIBSSH2_CALLBACK_SEND, reinterpret_cast<void*>(&Session::send));
  libssh2_keepalive_config(session_, 1, 2);
  for (const auto& [method, names] : preferences) prefer(session_, method, names);
  prefer(session_, LIBSSH2_METHOD_HOSTKEY, host_key_order(preferred_key_types(config_, pin)));

  const auto error = finish(
      lock, [this] { return long{libssh2_session_handshake(session_, wire_->socket())}; }, until,
      "the handshake");
  if (negotiation_failed(error)) {
    throw Unsupported(fmt::format("{}: libssh2 {} and the server agree on no algorithms ({})", config_.name,
                                  libssh2_version(0), last_words()),
                      "set kind = openssh in the [transport] of the site");
  }
  if (error != 0)
    throw Unreachable(fmt::format("{}: the SSH handshake failed: {}", config_.name, last_words()));
  std::size_t size = 0;
  int type = 0;
  const char* key = libssh2_session_hostkey(session_, &size, &type);
  if (!key) throw Error(ErrorKind::transport, config_.name + ": the server showed no host key");
  verify_host_key(config_, pin, {key, size});
}

ssize_t Session::receive(libssh2_socket_t socket, void* buffer, std::size_t size, int flags, void** session) {
  auto& self = *static_cast<Session*>(*session);
  ssize_t got = 0;
  if (self.outer_) {
    got = self.through(
        [&] { return libssh2_channel_read_ex(self.tunnel_, 0, static_cast<char*>(buffer), size); });
  } else {
    got = recv(socket, buffer, size, flags);
    if (got < 0) got = errno == EINTR ? -EAGAIN : -errno;
  }
  if (got > 0) self.wire_->heard();
  return got;
}

ssize_t Session::send(libssh2_socket_t socket, const void* buffer, std::size_t size, int flags,
                      void** session) {
  auto& self = *static_cast<Session*>(*session);
  if (self.outer_) {
    // A channel takes a little less at once than a packet has, and libssh2 waits for the socket after a short
    // write.
    const auto* bytes = static_cast<const char*>(buffer);
    std::size_t done = 0;
    while (done < size) {
      const auto sent =
          self.through([&] { return libssh2_channel_write_ex(self.tunnel_, 0, bytes + done, size - done); });
      if (sent <= 0) return done > 0 ? static_cast<ssize_t>(done) : sent == 0 ? -EAGAIN : sent;
      done += static_cast<std::size_t>(sent);
    }
    return static_cast<ssize_t>(done);
  }
  const auto sent = ::send(socket, buffer, size, flags | MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t Session::through(const std::function<ssize_t()>& call) {
  const auto begun = Clock::now();
  for (;;) {
    const auto seen = wire_->arrivals();
    const auto result = call();
    if (result >= 0) return result;
    if (result != LIBSSH2_ERROR_EAGAIN) return -ECONNRESET;
    if (!outer_->sends_half()) return -EAGAIN;
    if (wire_->is_cut() || Clock::now() - begun > wire_->silence_limit()) return -ETIMEDOUT;
    wire_->wait_inside(!outer_->outer_, seen);
  }
}

bool Session::sends_half() const {
  return (libssh2_session_block_directions(session_) & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

long Session::step(Lock& lock, const std::function<long()>& call) {
  wire_->begin_sending(lock);
  struct Sending {
    Wire& wire;
    ~Sending() { wire.end_sending(); }
  } const sending{*wire_};
  const auto begun = Clock::now();
  for (;;) {
    if (wire_->is_cut()) broken("the connection is gone");
    const auto seen = wire_->arrivals();
    const long result = call();
    if (result != LIBSSH2_ERROR_EAGAIN || !sends_half()) return result;
    const auto now = Clock::now();
    if (now - std::max(begun, wire_->last_heard()) > wire_->silence_limit())
      broken("nothing more can be sent");
    // What goes through another session waits for that session's window.
    if (outer_) {
      wire_->wait_readable(lock, seen, now + 1s);
    } else {
      wire_->wait_writable(lock, now + 1s);
    }
  }
}

long Session::finish(Lock& lock, const std::function<long()>& call, Clock::time_point until,
                     const std::string& what) {
  for (;;) {
    const auto seen = wire_->arrivals();
    const long result = step(lock, call);
    if (result != LIBSSH2_ERROR_EAGAIN) return result;
    if (Clock::now() >= until) {
      wire_->cut();
      throw Unreachable(fmt::format("{}: no answer in time during {}", where(), what));
    }
    wire_->wait_readable(lock, seen, until);
  }
}

void Session::wait(Lock& lock, std::uint64_t seen, Clock::time_point until) {
  wire_->wait_readable(lock, seen, until);
  const auto now = Clock::now();
  const auto heard = wire_->last_heard();
  const auto ask_interval = wire_->silence_limit() / questions;
  if (heard > asked_first_) asked_first_ = {};
  if (now - std::max(heard, waiting_since_) < ask_interval) return;
  if (asked_first_ == Clock::time_point{}) {
    asked_first_ = now;
  } else if (now - asked_first_ > wire_->silence_limit()) {
    broken(fmt::format("the server has not answered for {} s",
                       std::chrono::ceil<std::chrono::seconds>(wire_->silence_limit()).count()));
  }
  if (now - asked_last_ < ask_interval) return;
  asked_last_ = now;
  if (step(lock, [this] {
        int next = 0;
        return long{libssh2_keepalive_send(session_, &next)};
      }) < 0) {
    broken("the connection is gone");
  }
}

LIBSSH2_CHANNEL* Session::open_channel(Lock& lock, Clock::time_point until) {
  waiting_since_ = Clock::now();
  try {
    return try_open(lock, until);
  } catch (const ChannelsExhausted&) {
    throw;
  } catch (const Error& error) {
    throw StaleConnection(error);
  }
}

LIBSSH2_CHANNEL* Session::try_open(Lock& lock, Clock::time_point until) {
  for (auto pause = 2ms;; pause = std::min(pause * 2, 50ms)) {
    while (opening_) wait(lock, wire_->arrivals(), until);
    opening_ = true;
    struct Opening {
      bool& flag;
      ~Opening() { flag = false; }
    };
    {
      const Opening opening{opening_};
      for (;;) {
        const auto seen = wire_->arrivals();
        LIBSSH2_CHANNEL* channel = nullptr;
        const long error = step(lock, [&] {
          channel = libssh2_channel_open_ex(session_, "session", 7, receive_window, packet_size, nullptr, 0);
          return channel ? 0L : libssh2_session_last_errno(session_);
        });
        if (channel) return channel;
        if (error == LIBSSH2_ERROR_CHANNEL_FAILURE) break;
        if (error != LIBSSH2_ERROR_EAGAIN) broken("opening a channel");
        wait(lock, seen, Clock::now() + 1s);
      }
    }
    if (Clock::now() >= until) {
      throw ChannelsExhausted(where() + ": the server allows no more sessions on this connection");
    }
    // The server frees the slot of a command that has ended only after it has said so.
    lock.unlock();
    std::this_thread::sleep_for(pause);
    lock.lock();
  }
}

void Session::close_channel(Lock& lock, LIBSSH2_CHANNEL* channel) noexcept {
  try {
    finish(
        lock, [channel] { return long{libssh2_channel_free(channel)}; }, Clock::now() + close_limit,
        "closing a channel");
  } catch (const std::exception&) {
    wire_->cut();
  }
}

void Session::broken(const std::string& what) {
  const auto words = last_words();
  wire_->cut();
  throw ConnectionLost(fmt::format("{}: the connection broke: {}{}", where(), what,
                                   words.empty() ? words : " (" + words + ")"));
}

std::string Session::last_words() const {
  char* text = nullptr;
  int size = 0;
  if (!session_ || libssh2_session_last_error(session_, &text, &size, 0) == 0) return {};
  const std::string words(text, static_cast<std::size_t>(size));
  return words == "would block" || words == "Would block" ? std::string() : words;
}

}  // namespace catena::ssh
