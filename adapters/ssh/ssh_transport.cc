#include "adapters/ssh/ssh_transport.h"

#include <fmt/core.h>

#include <mutex>

#include "adapters/ssh/host_config.h"
#include "adapters/ssh/libssh2_transport.h"
#include "adapters/ssh/openssh_transport.h"
#include "adapters/ssh/ssh_error.h"

namespace catena {
namespace {

class AutoTransport : public RemoteTransport {
 public:
  explicit AutoTransport(SshOptions options) : options_(std::move(options)), libssh2_(options_) {}

  std::string where() const override {
    const auto other = fallback();
    return other ? other->where() : libssh2_.where();
  }

  CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) override {
    auto other = fallback();
    if (!other) {
      try {
        libssh2_.connect();
      } catch (const ssh::Unsupported& error) {
        if (!ssh::openssh_installed()) throw;
        other = fall_back(error.what());
      }
    }
    return other ? other->stream(command, input, output) : libssh2_.stream(command, input, output);
  }

 private:
  std::shared_ptr<OpensshTransport> fallback() const {
    const std::lock_guard guard(mutex_);
    return openssh_;
  }

  std::shared_ptr<OpensshTransport> fall_back(const std::string& why) {
    const std::lock_guard guard(mutex_);
    if (!openssh_) {
      openssh_ = std::make_shared<OpensshTransport>(options_);
      if (options_.notice) options_.notice(fmt::format("{}; using the system's ssh", why));
    }
    return openssh_;
  }

  SshOptions options_;
  Libssh2Transport libssh2_;
  mutable std::mutex mutex_;  // for openssh_
  std::shared_ptr<OpensshTransport> openssh_;
};

}  // namespace

std::unique_ptr<Transport> make_ssh_transport(const SshOptions& options) {
  if (options.kind == "auto") return std::make_unique<AutoTransport>(options);
  if (options.kind == "libssh2") return std::make_unique<Libssh2Transport>(options);
  if (options.kind == "openssh") return std::make_unique<OpensshTransport>(options);
  throw Error(ErrorKind::config, fmt::format("'{}' is no kind of SSH transport", options.kind),
              "use auto, libssh2 or openssh");
}

}  // namespace catena
