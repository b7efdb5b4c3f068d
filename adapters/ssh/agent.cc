#include "adapters/ssh/agent.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "adapters/ssh/encoding.h"

namespace catena::ssh {
namespace {

constexpr char request_identities = 11, identities_answer = 12, sign_request = 13, sign_response = 14;
constexpr std::string_view rsa_sha2_256_flag{"\0\0\0\2", 4};
constexpr std::size_t answer_limit = 1U << 20;
constexpr timeval answer_time{120, 0};  // somebody may have to confirm

}  // namespace

Agent::Agent(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_.open()) return;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_time, sizeof answer_time);
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    socket_.reset();
    return;
  }
  const auto answer = ask({&request_identities, 1});
  if (!answer) return;
  FieldReader fields(*answer);
  if (fields.byte() != identities_answer) return;
  for (auto left = fields.number(); left > 0 && fields.ok(); --left) {
    Key key;
    key.blob = fields.string();
    key.comment = fields.string();
    if (fields.ok()) keys_.push_back(std::move(key));
  }
}

std::optional<std::string> Agent::sign(std::string_view blob, std::string_view data) {
  std::string request(1, sign_request);
  put_string(request, blob);
  put_string(request, data);
  request += key_type(blob) == "ssh-rsa" ? rsa_sha2_256_flag : std::string_view("\0\0\0\0", 4);
  const auto answer = ask(request);
  if (!answer) return std::nullopt;
  FieldReader fields(*answer);
  if (fields.byte() != sign_response) return std::nullopt;
  FieldReader signature(fields.string());
  const auto type = signature.string();
  const auto bytes = signature.string();
  // An old agent passes over the flag, and the server would refuse the SHA-1 signature.
  if (!signature.ok() || type == "ssh-rsa") return std::nullopt;
  return std::string(bytes);
}

std::optional<std::string> Agent::ask(std::string_view request) {
  if (!socket_.open()) return std::nullopt;
  std::string message;
  put_string(message, request);
  for (std::size_t sent = 0; sent < message.size();) {
    const auto now = send(socket_.get(), message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) return std::nullopt;
    sent += static_cast<std::size_t>(now);
  }
  const auto receive = [this](std::size_t size) -> std::optional<std::string> {
    std::string bytes(size, '\0');
    for (std::size_t got = 0; got < size;) {
      const auto now = recv(socket_.get(), bytes.data() + got, size - got, 0);
      if (now < 0 && errno == EINTR) continue;
      if (now <= 0) return std::nullopt;
      got += static_cast<std::size_t>(now);
    }
    return bytes;
  };
  const auto size = receive(4);
  if (!size) return std::nullopt;
  const auto length = FieldReader(*size).number();
  return length > 0 && length <= answer_limit ? receive(length) : std::nullopt;
}

}  // namespace catena::ssh
