// A TCP relay on 127.0.0.1 that breaks one connection after a number of bytes: the wire of a laptop that is
// closed.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

namespace catena {

class CutProxy {
 public:
  enum class Way { up, down };  // from the client, to the client

  explicit CutProxy(std::uint16_t target)
      : target_(target), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto address = local(0);
    socklen_t size = sizeof address;
    if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no proxy");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~CutProxy() {
    ended_ = true;
    thread_.join();
    close(listener_);
  }
  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;

  std::uint16_t port() const { return port_; }
  // The next time that this many bytes have gone that way in all, what is left of the piece is dropped and
  // both ends are closed. Once.
  void cut(Way way, std::uint64_t bytes) {
    counts_[0] = counts_[1] = 0;
    cut_[0] = cut_[1] = never;
    cut_[way == Way::up ? 0 : 1] = bytes;
    was_cut_ = false;
  }
  // Closes both ends of every connection that there is, now.
  void cut_now() {
    cut_now_ = true;
    while (cut_now_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // Each piece waits that long before it is passed on.
  void delay(std::chrono::milliseconds time) { delay_ = time.count(); }
  bool was_cut() const { return was_cut_; }
  std::uint64_t passed(Way way) const { return counts_[way == Way::up ? 0 : 1]; }

 private:
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  struct Pair {
    int ends[2];  // the client, the server
  };

  static sockaddr_in local(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static bool write_all(int fd, const char* data, std::size_t size) {
    while (size > 0) {
      const auto written = send(fd, data, size, MSG_NOSIGNAL);
      if (written <= 0) return false;
      data += written;
      size -= static_cast<std::size_t>(written);
    }
    return true;
  }
  // One piece from end `from` to the other; false when the connection is over.
  bool pass(const Pair& pair, int from) {
    char buffer[16384];
    const auto got = recv(pair.ends[from], buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_));
    auto size = static_cast<std::uint64_t>(got);
    const auto left = cut_[from] - std::min<std::uint64_t>(cut_[from], counts_[from]);
    const bool cut = size >= left;
    size = std::min(size, left);
    counts_[from] += size;
    const bool passed = write_all(pair.ends[1 - from], buffer, size);
    if (cut) {
      cut_[0] = cut_[1] = never;
      was_cut_ = true;
    }
    return passed && !cut;
  }
  void serve() {
    std::vector<Pair> pairs;
    while (!ended_) {
      std::vector<pollfd> polled{{listener_, POLLIN, 0}};
      for (const auto& pair : pairs) {
        polled.push_back({pair.ends[0], POLLIN, 0});
        polled.push_back({pair.ends[1], POLLIN, 0});
      }
      poll(polled.data(), polled.size(), 50);
      std::vector<Pair> kept;
      const bool cut_all = cut_now_;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        bool alive = !cut_all;
        for (int end = 0; end < 2 && alive; ++end) {
          if (polled[1 + 2 * i + static_cast<std::size_t>(end)].revents) alive = pass(pairs[i], end);
        }
        if (alive) {
          kept.push_back(pairs[i]);
        } else {
          close(pairs[i].ends[0]);
          close(pairs[i].ends[1]);
        }
      }
      pairs = std::move(kept);
      if (cut_all) cut_now_ = false;
      if (polled[0].revents) {
        const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = local(target_);
        if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
          pairs.push_back({{client, server}});
        } else {
          close(client);
          close(server);
        }
      }
    }
    for (const auto& pair : pairs) {
      close(pair.ends[0]);
      close(pair.ends[1]);
    }
  }

  std::uint16_t target_, port_ = 0;
  int listener_;
  std::atomic<std::int64_t> delay_ = 0;
  std::atomic<bool> ended_ = false, was_cut_ = false, cut_now_ = false;
  std::atomic<std::uint64_t> counts_[2] = {0, 0}, cut_[2] = {never, never};
  std::thread thread_;
};

}  // namespace catena
