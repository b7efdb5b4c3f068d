#include "adapters/ssh/libssh2_transport.h"

#include <fmt/core.h>

#include "adapters/ssh/command_channel.h"
#include "adapters/ssh/host_key.h"
#include "adapters/ssh/remote_command.h"
#include "adapters/ssh/session.h"

namespace catena {

using namespace std::chrono_literals;
using ssh::Session;

namespace {
// The server frees a channel's slot some milliseconds after its command has ended; longer waits mean that it
// is in use.
constexpr auto slot_patience = 1500ms;
}  // namespace

Libssh2Transport::Libssh2Transport(SshOptions options) : options_(std::move(options)) {
  if (options_.hosts.empty()) throw Error(ErrorKind::config, "a site with an SSH transport needs a host");
  if (!options_.host_key.empty()) ssh::check_pin(options_.host_key);
}

Libssh2Transport::~Libssh2Transport() = default;

void Libssh2Transport::connect() {
  bool fresh = false;
  session(fresh);
}

std::string Libssh2Transport::where() const {
  const std::lock_guard guard(mutex_);
  if (session_) return session_->where();
  return options_.user.empty() ? options_.hosts[next_host_]
                               : options_.user + "@" + options_.hosts[next_host_];
}

std::shared_ptr<Session> Libssh2Transport::open() const {
  for (std::size_t tried = 0;; ++tried) {
    const auto& host = options_.hosts[next_host_];
    try {
      return Session::open(ssh::resolve_route(host, options_), options_);
    } catch (const ssh::Unreachable& error) {
      if (tried + 1 == options_.hosts.size()) throw;
      next_host_ = (next_host_ + 1) % options_.hosts.size();
      if (options_.notice) {
        options_.notice(fmt::format("{}; trying {}", error.what(), options_.hosts[next_host_]));
      }
    }
  }
}

std::shared_ptr<Session> Libssh2Transport::session(bool& fresh) {
  const std::lock_guard guard(mutex_);
  if (session_ && !session_->usable()) session_.reset();
  if (!session_) {
    session_ = open();
    fresh = true;
  }
  return session_;
}

CommandResult Libssh2Transport::stream(const Command& command, const ByteSource& input,
                                       const ByteSink& output) {
  for (;;) {
    bool fresh = false;
    const auto current = session(fresh);
    const auto killer = [&](long pid) { kill(current, pid); };
    try {
      return ssh::run_command(*current, command, input, output, killer, slot_patience);
    } catch (const ssh::ChannelsExhausted&) {
      // The other channels of this connection are in use.
      const auto extra = open();
      return ssh::run_command(
          *extra, command, input, output, [&](long pid) { kill(extra, pid); }, slot_patience);
    } catch (const ssh::StaleConnection&) {
      // It broke while nobody used it: nothing has been sent, so another connection may do.
      if (fresh) throw;
    }
  }
}

void Libssh2Transport::kill(const std::shared_ptr<Session>& session, long pid) const {
  try {
    ssh::run_line(*session, ssh::kill_line(pid), slot_patience);
  } catch (const ssh::ChannelsExhausted&) {
    ssh::run_line(*open(), ssh::kill_line(pid), slot_patience);
  }
}

}  // namespace catena
