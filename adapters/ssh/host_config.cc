#include "adapters/ssh/host_config.h"

#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>

#include "adapters/local/local_transport.h"
#include "core/error.h"
#include "core/split.h"

namespace catena::ssh {
namespace {

// A user may jump through a few hosts; a circle of configurations never ends.
constexpr int hop_limit = 16;

std::string home() {
  if (const char* set = std::getenv("HOME"); set && *set) return set;
  const passwd* entry = getpwuid(getuid());
  return entry ? entry->pw_dir : "/";
}

std::string local_user() {
  const passwd* entry = getpwuid(getuid());
  return entry ? entry->pw_name : std::to_string(getuid());
}

int to_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port > 0 && port < 65536 ? port : 0;
}

// ssh_config(5), TOKENS; and ~ for the user's home.
std::string expand(std::string_view path, const HostConfig& config) {
  std::string expanded;
  if (path == "~" || path.starts_with("~/")) {
    expanded = home();
    path.remove_prefix(1);
  }
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%' || i + 1 == path.size()) {
      expanded += path[i];
      continue;
    }
    switch (path[++i]) {
      case '%':
        expanded += '%';
        break;
      case 'd':
        expanded += home();
        break;
      case 'h':
        expanded += config.host;
        break;
      case 'i':
        expanded += std::to_string(getuid());
        break;
      case 'k':
        expanded += config.host_key_alias.empty() ? config.name : config.host_key_alias;
        break;
      case 'n':
        expanded += config.name;
        break;
      case 'p':
        expanded += std::to_string(config.port);
        break;
      case 'r':
        expanded += config.user;
        break;
      case 'u':
        expanded += local_user();
        break;
      default:
        expanded += {'%', path[i]};
    }
  }
  return expanded;
}

// IdentityAgent: a path, "none", "SSH_AUTH_SOCK" or "$VARIABLE".
std::string agent_socket(std::string_view setting, const HostConfig& config) {
  if (setting == "none") return {};
  std::string variable;
  if (setting.empty() || setting == "SSH_AUTH_SOCK") {
    variable = "SSH_AUTH_SOCK";
  } else if (setting[0] == '$') {
    variable = setting.substr(1);
  } else {
    return expand(setting, config);
  }
  const char* value = std::getenv(variable.c_str());
  return value ? value : "";
}

HostConfig plain(const std::string& name) {
  HostConfig config;
  config.name = config.host = name;
  config.user = local_user();
  config.agent = agent_socket({}, config);
  for (const auto* key : {"id_ed25519", "id_ecdsa", "id_rsa"})
    config.identity_files.push_back(home() + "/.ssh/" + key);
  config.user_known_hosts = {home() + "/.ssh/known_hosts", home() + "/.ssh/known_hosts2"};
  config.global_known_hosts = {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"};
  return config;
}

struct Hop {
  std::string host, user;
  int port = 0;
};

// [ssh://][user@]host[:port], [v6]:port.
Hop parse_hop(std::string_view text) {
  Hop hop;
  if (text.starts_with("ssh://")) text.remove_prefix(6);
  if (text.ends_with('/')) text.remove_suffix(1);
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    hop.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = std::min(text.find(']'), text.size());
    if (end + 1 < text.size() && text[end + 1] == ':') port = text.substr(end + 2);
    text = text.substr(1, end - 1);
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
    port = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  hop.host = text;
  hop.port = to_port(port);
  return hop;
}

void add_route(std::vector<HostConfig>& route, const HostConfig& target, const SshOptions& options,
               int depth) {
  if (depth > hop_limit) {
    throw Error(ErrorKind::config, target.name + ": its ProxyJumps lead round in a circle",
                "see the proxyjump line of `ssh -G " + target.name + "`");
  }
  for (std::size_t i = 0; i < target.proxy_jump.size(); ++i) {
    const auto hop = parse_hop(target.proxy_jump[i]);
    const auto config = resolve_host(hop.host, hop.user, hop.port, options.config_file);
    // The first hop may have a way of its own; the others are reached through the one before, as OpenSSH
    // does.
    if (i == 0) {
      add_route(route, config, options, depth + 1);
    } else {
      route.push_back(config);
    }
  }
  route.push_back(target);
}

}  // namespace

HostConfig parse_host_config(std::string_view name, std::string_view text) {
  HostConfig config;
  config.name = config.host = name;
  std::string agent;
  using Values = std::vector<std::string>;
  Values identity_files, certificate_files, user_known_hosts, global_known_hosts;
  std::string jump, control_path;
  const auto append = [](Values& to) { return [&to](std::string_view value) { to.emplace_back(value); }; };
  const auto all = [](Values& to) {
    return [&to](std::string_view value) {
      const auto words = split_words(value);
      to.assign(words.begin(), words.end());
    };
  };
  const auto set = [](std::string& to) {
    return [&to](std::string_view value) { to = value == "none" ? std::string_view{} : value; };
  };
  const auto flag = [](bool& to) {
    return [&to](std::string_view value) { to = value == "yes" || value == "true"; };
  };
  const std::map<std::string_view, std::function<void(std::string_view)>> readers = {
      {"hostname", [&](std::string_view value) { config.host = value; }},
      {"user", [&](std::string_view value) { config.user = value; }},
      {"port", [&](std::string_view value) { config.port = to_port(value) ? to_port(value) : 22; }},
      {"identityfile", append(identity_files)},
      {"certificatefile", append(certificate_files)},
      {"userknownhostsfile", all(user_known_hosts)},
      {"globalknownhostsfile", all(global_known_hosts)},
      {"proxyjump", set(jump)},
      {"proxycommand", set(config.proxy_command)},
      {"hostkeyalias", set(config.host_key_alias)},
      {"identityagent", [&](std::string_view value) { agent = value; }},
      {"identitiesonly", flag(config.identities_only)},
      {"gssapiauthentication", flag(config.gssapi)},
      {"pkcs11provider", [&](std::string_view value) { config.pkcs11 = value != "none"; }},
      {"controlpath", set(control_path)},
      {"connecttimeout",
       [&](std::string_view value) {
         int seconds = 0;
         std::from_chars(value.data(), value.data() + value.size(), seconds);
         if (seconds > 0) config.connect_timeout = std::chrono::seconds(seconds);
       }},
  };
  for (const auto& line : lines(text)) {
    const auto space = line.find(' ');
    const auto reader = readers.find(std::string_view(line).substr(0, space));
    if (space == std::string::npos || reader == readers.end()) continue;
    reader->second(std::string_view(line).substr(space + 1));
  }
  if (config.user.empty()) config.user = local_user();
  const auto hops = split_words(jump, ",");
  config.proxy_jump.assign(hops.begin(), hops.end());
  // The client turns ProxyJump into a ProxyCommand of its own.
  if (!config.proxy_jump.empty()) config.proxy_command.clear();
  const auto expand_all = [&](const Values& from, Values& to) {
    for (const auto& path : from) {
      if (path != "none") to.push_back(expand(path, config));
    }
  };
  expand_all(identity_files, config.identity_files);
  expand_all(certificate_files, config.certificate_files);
  expand_all(user_known_hosts, config.user_known_hosts);
  expand_all(global_known_hosts, config.global_known_hosts);
  config.agent = agent_socket(agent, config);
  config.control_path = expand(control_path, config);
  return config;
}

bool openssh_installed() {
  const char* path = std::getenv("PATH");
  for (const auto& folder : split_words(path ? path : "/usr/bin:/bin", ":")) {
    if (access(fmt::format("{}/ssh", folder).c_str(), X_OK) == 0) return true;
  }
  return false;
}

HostConfig resolve_host(const std::string& name, const std::string& user, int port,
                        const std::string& config_file) {
  if (name.empty() || name[0] == '-')
    throw Error(ErrorKind::config, fmt::format("'{}' is no host name", name));
  if (!openssh_installed()) {
    auto config = plain(name);
    if (!user.empty()) config.user = user;
    if (port > 0) config.port = port;
    return config;
  }
  Command command;
  command.argv = {"ssh", "-G"};
  if (!config_file.empty()) command.argv.insert(command.argv.end(), {"-F", config_file});
  if (!user.empty()) command.argv.insert(command.argv.end(), {"-l", user});
  if (port > 0) command.argv.insert(command.argv.end(), {"-p", std::to_string(port)});
  command.argv.insert(command.argv.end(), {"--", name});
  const auto result = LocalTransport().run(command);
  if (result.status != 0) {
    throw Error(ErrorKind::config,
                fmt::format("{}: the SSH configuration cannot be read: {}", name, result.err),
                fmt::format("see `ssh -G {}`", name));
  }
  return parse_host_config(name, result.out);
}

std::vector<HostConfig> resolve_route(const std::string& name, const SshOptions& options) {
  std::vector<HostConfig> route;
  add_route(route, resolve_host(name, options.user, options.port, options.config_file), options, 0);
  return route;
}

}  // namespace catena::ssh
