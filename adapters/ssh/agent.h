// The keys of a running ssh-agent (draft-miller-ssh-agent). libssh2's own client signs RSA with SHA-1 only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/local/descriptor.h"

namespace catena::ssh {

class Agent {
 public:
  struct Key {
    std::string blob, comment;
  };

  // An agent that does not answer, or a socket that is not there, has no keys.
  explicit Agent(const std::string& socket);
  const std::vector<Key>& keys() const { return keys_; }
  // The signature's own bytes, without its type. The agent may ask its user first. nullopt: refused.
  std::optional<std::string> sign(std::string_view blob, std::string_view data);

 private:
  std::optional<std::string> ask(std::string_view request);

  local::Descriptor socket_;
  std::vector<Key> keys_;
};

}  // namespace catena::ssh
