#include "adapters/ssh/host_key.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "adapters/ssh/encoding.h"
#include "adapters/ssh/known_hosts.h"
#include "core/error.h"
#include "core/quote.h"

namespace catena::ssh {
namespace {

struct Pin {
  std::string fingerprint, blob;  // one of them
};

Pin parse_pin(const std::string& text) {
  Pin pin;
  if (text.starts_with("SHA256:")) {
    pin.fingerprint = text;
    while (pin.fingerprint.ends_with('=')) pin.fingerprint.pop_back();
    if (pin.fingerprint.size() == 7 + 43) return pin;
  } else if (const auto space = text.find(' '); space != std::string::npos) {
    const auto rest = text.substr(text.find_first_not_of(' ', space));
    const auto blob = decode_base64(rest.substr(0, rest.find(' ')));
    if (blob && key_type(*blob) == text.substr(0, space)) return {{}, *blob};
  }
  throw Error(
      ErrorKind::config, fmt::format("'{}' is no host key", text),
      "give its fingerprint (SHA256:…) or a line of ssh-keyscan without the host (ssh-ed25519 AAAA…)");
}

std::string name_of(const HostConfig& config) {
  // As OpenSSH: an alias stands for the host, whatever its port.
  return config.host_key_alias.empty() ? known_name(config.host, config.port)
                                       : known_name(config.host_key_alias, 22);
}

KnownHosts known_hosts(const HostConfig& config) {
  KnownHosts known;
  for (const auto& path : config.user_known_hosts) known.read_file(path);
  for (const auto& path : config.global_known_hosts) known.read_file(path);
  return known;
}

}  // namespace

void check_pin(const std::string& pin) {
  parse_pin(pin);
}

std::vector<std::string> preferred_key_types(const HostConfig& config, const std::string& pin) {
  if (pin.empty()) return known_hosts(config).types(name_of(config));
  const auto parsed = parse_pin(pin);
  return parsed.blob.empty() ? std::vector<std::string>{} : std::vector{key_type(parsed.blob)};
}

void verify_host_key(const HostConfig& config, const std::string& pin, std::string_view key_blob) {
  const auto type = key_type(key_blob);
  const auto shown = fmt::format("its {} key is {}", type, fingerprint(key_blob));
  if (!pin.empty()) {
    const auto parsed = parse_pin(pin);
    if (parsed.blob.empty() ? parsed.fingerprint == fingerprint(key_blob) : parsed.blob == key_blob) return;
    throw Error(
        ErrorKind::transport,
        fmt::format("{}: this is not the host that the site file pins: {}, the pinned one {}", config.name,
                    shown, parsed.blob.empty() ? parsed.fingerprint : fingerprint(parsed.blob)),
        "ask the site's administrators for the host's fingerprints. If the pinned one is of another key type "
        "of the "
        "same host, pin the whole key (ssh-ed25519 AAAA…)");
  }
  const auto known = known_hosts(config);
  const auto name = name_of(config);
  const auto answer = known.check(name, key_blob);
  const auto quoted = shell_quote(name);
  const auto ssh =
      config.port == 22 ? "ssh " + config.where() : fmt::format("ssh -p {} {}", config.port, config.where());
  switch (answer.verdict) {
    case KnownHosts::Verdict::known:
      return;
    case KnownHosts::Verdict::revoked:
      throw Error(ErrorKind::transport,
                  fmt::format("{}: the host shows a revoked key: {} ({})", config.name, shown, answer.place),
                  "do not log in there; ask the site's administrators");
    case KnownHosts::Verdict::changed:
      throw Error(
          ErrorKind::transport,
          fmt::format(
              "{}: the host's key has changed, or somebody else answers in its place: {}, and {} has another",
              config.name, shown, answer.place),
          fmt::format("ask the site's administrators for the fingerprint. Only if it is the new one: "
                      "ssh-keygen -f {} -R {}, then log in once by `{}` and compare it there",
                      shell_quote(answer.place.substr(0, answer.place.rfind(':'))), quoted, ssh));
    case KnownHosts::Verdict::unknown:
      break;
  }
  const auto types = known.types(name);
  throw Error(
      ErrorKind::transport,
      fmt::format("{}: the host is not known yet: {}{}", config.name, shown,
                  types.empty()
                      ? std::string()
                      : fmt::format(" (known_hosts has its key of type {})", fmt::join(types, ", "))),
      fmt::format("log in once by `{}` and compare this fingerprint with the one that the site publishes; "
                  "or set the site's host_key",
                  ssh));
}

}  // namespace catena::ssh
