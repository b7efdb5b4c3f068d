#include "adapters/ssh/wire.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "adapters/ssh/ssh_error.h"

namespace catena::ssh {
namespace {

using std::chrono::milliseconds;

int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
}

void set(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

// Returns the errno, 0 for a connection.
int finish_connect(int socket, const addrinfo& address, Clock::time_point until) {
  if (connect(socket, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd polled{socket, POLLOUT, 0};
  while (Clock::now() < until) {
    if (poll(&polled, 1, milliseconds_until(until)) <= 0) continue;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }
  return ETIMEDOUT;
}

}  // namespace

Wire::Wire(const std::string& name, const std::string& host, int port, milliseconds timeout,
           milliseconds silence_limit)
    : silence_limit_(silence_limit) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const auto service = std::to_string(port);
  int error = getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  if (error == EAI_NONAME || error == EAI_ADDRFAMILY) {
    hints.ai_flags = 0;  // a machine with only its loopback interface has no address configured
    error = getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  }
  if (error != 0) {
    throw Unreachable(fmt::format("{}: {}: {}", name, host,
                                  error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error)),
                      "check the host's name, and the network");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  int left = 0;
  for (const auto* address = found; address; address = address->ai_next) ++left;
  const auto end = Clock::now() + timeout;
  int last = 0;
  for (const auto* address = found; address; address = address->ai_next, --left) {
    local::Descriptor tried(::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                     address->ai_protocol));
    if (!tried.open()) {
      last = errno;
      continue;
    }
    // A command's request and its answer are small: Nagle would hold each back for 40 ms.
    set(tried.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set(tried.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set(tried.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(silence_limit_.count()));
    last = finish_connect(tried.get(), *address, Clock::now() + (end - Clock::now()) / left);
    if (last == 0) {
      socket_ = std::move(tried);
      return;
    }
  }
  throw Unreachable(
      fmt::format("{}: cannot connect to {} port {}: {}", name, host, port, std::strerror(last)),
      "check that the host is up and that this network may reach it");
}

void Wire::begin_sending(Lock& lock) {
  changed_.wait(lock, [this] { return !sending_; });
  sending_ = true;
}

void Wire::end_sending() {
  sending_ = false;
  changed_.notify_all();
}

void Wire::poll_unlocked(Lock& lock, short events, Clock::time_point until) {
  pollfd polled{socket_.get(), events, 0};
  const int wait = milliseconds_until(until);
  lock.unlock();
  poll(&polled, 1, wait);
  lock.lock();
}

void Wire::wait_readable(Lock& lock, std::uint64_t seen, Clock::time_point until) {
  if (arrivals_ != seen) return;
  // One thread looks at the socket; what it then reads may be for any of the others, so it wakes them.
  if (reading_) {
    changed_.wait_until(lock, std::min(until, Clock::now() + std::chrono::seconds(1)));
    return;
  }
  reading_ = true;
  poll_unlocked(lock, POLLIN, until);
  reading_ = false;
  changed_.notify_all();
}

void Wire::wait_writable(Lock& lock, Clock::time_point until) {
  poll_unlocked(lock, POLLOUT, until);
}

void Wire::wait_inside(bool writable, std::uint64_t seen) const {
  if (!writable && arrivals_ != seen) return;
  pollfd polled{socket_.get(), static_cast<short>(writable ? POLLOUT : POLLIN), 0};
  poll(&polled, 1, 1000);
}

void Wire::cut() {
  cut_ = true;
  shutdown(socket_.get(), SHUT_RDWR);
  changed_.notify_all();
}

}  // namespace catena::ssh
