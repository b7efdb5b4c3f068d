// One TCP connection, and whose turn it is to use it: the sessions of a ProxyJump chain and all their
// channels share it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "adapters/local/descriptor.h"

namespace catena::ssh {

using Clock = std::chrono::steady_clock;
using Lock = std::unique_lock<std::mutex>;

class Wire {
 public:
  // Connects to one of the host's addresses, each for at most a fair part of the time. Throws Unreachable;
  // `name` is for its message.
  Wire(const std::string& name, const std::string& host, int port, std::chrono::milliseconds timeout,
       std::chrono::milliseconds silence_limit);

  // libssh2 is not thread-safe: every call on a session of this wire is made under this lock.
  Lock lock() { return Lock(mutex_); }
  int socket() const { return socket_.get(); }
  // Without a byte from the other side for so long, though it was asked to answer, the connection is dead.
  std::chrono::milliseconds silence_limit() const { return silence_limit_; }

  // A libssh2 call that has sent half a packet must be repeated before any other is made. It is, between
  // these two.
  void begin_sending(Lock& lock);  // waits until no other thread is at it
  void end_sending();

  // How often bytes have arrived. Any libssh2 call may take in what another one waits for; so whoever waits
  // tells the number from before its own call, and does not wait if it has changed.
  std::uint64_t arrivals() const { return arrivals_; }
  // Both give the lock away meanwhile, and return after a second at the latest, or at `until`.
  void wait_readable(Lock& lock, std::uint64_t seen, Clock::time_point until);
  void wait_writable(Lock& lock, Clock::time_point until);
  // The lock is kept: within a call of libssh2's.
  void wait_inside(bool writable, std::uint64_t seen) const;

  void heard() {
    heard_ = Clock::now();
    ++arrivals_;
  }
  Clock::time_point last_heard() const { return heard_; }
  // No more bytes in either direction: every call on it fails from now on.
  void cut();
  bool is_cut() const { return cut_; }

 private:
  void poll_unlocked(Lock& lock, short events, Clock::time_point until);

  local::Descriptor socket_;
  const std::chrono::milliseconds silence_limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool sending_ = false, reading_ = false;
  std::atomic<bool> cut_ = false;  // read without the lock
  Clock::time_point heard_ = Clock::now();
  std::uint64_t arrivals_ = 0;
};

}  // namespace catena::ssh
