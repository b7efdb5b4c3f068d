// A login node through the system's OpenSSH client, for Kerberos, hardware keys, certificates, a
// ProxyCommand, or algorithms that libssh2 lacks.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "adapters/ssh/ssh_options.h"
#include "adapters/transfer/remote_transport.h"

namespace catena {

// One connection (a ControlMaster) is opened and every command goes over it: the user's own where
// ~/.ssh/config has a ControlPath and one is up, else one of ours in a private directory, which ends with
// this object. Questions are asked by ssh itself, on the terminal, where SshOptions has a prompt. Host keys
// are always checked strictly, those of ProxyJump hops too, whatever ~/.ssh/config says.
class OpensshTransport : public RemoteTransport {
 public:
  explicit OpensshTransport(SshOptions options);
  ~OpensshTransport() override;
  OpensshTransport(const OpensshTransport&) = delete;
  OpensshTransport& operator=(const OpensshTransport&) = delete;

  void connect();  // if it is not connected. Throws Error(transport) with ssh's own words
  std::string where() const override;
  // As Libssh2Transport::stream().
  CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) override;

 private:
  void open(const std::string& host);
  void make_directory();
  // "ssh" and its options; after it come the host and the command.
  std::vector<std::string> client(bool master) const;
  bool control(const std::string& host, const std::string& verb) const;
  [[noreturn]] void refuse(const std::string& host, const std::string& words) const;
  // What ssh says on a connection of its own, with what the hops of a ProxyJump say: a ControlMaster drops
  // that.
  std::string words_of(const std::string& host, bool verbose) const;
  std::string shown_fingerprint(const std::string& host) const;
  void kill(const std::string& host, long pid) const;

  SshOptions options_;
  mutable std::mutex mutex_;  // for what follows
  std::size_t host_ = 0;      // the last that answered
  bool connected_ = false;
  bool own_master_ = true;
  std::string directory_;  // private: configuration, sockets, pinned key
};

}  // namespace catena
