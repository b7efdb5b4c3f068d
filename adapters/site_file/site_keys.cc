#include "adapters/site_file/site_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "adapters/site_file/site_file.h"
#include "core/split.h"

namespace catena {
namespace {

bool is_word(std::string_view text, std::string_view further) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           further.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

template <typename Number>
Complaint set_number(Number& target, std::string_view text, Number least,
                     Number most = std::numeric_limits<Number>::max()) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most) {
    target = number;
    return {};
  }
  return {most == std::numeric_limits<Number>::max()
              ? fmt::format("'{}' is not a whole number of at least {}", text, least)
              : fmt::format("'{}' is not a whole number from {} to {}", text, least, most),
          {}};
}

Complaint set_duration(Seconds& target, std::string_view text, Seconds least) {
  // A bare number is seconds to most, and minutes in the notation of SLURM that [defaults] walltime has.
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return {fmt::format("'{}' has no unit", text), fmt::format("write '{0}s' or '{0}m'", text)};
  }
  const auto duration = parse_duration(text);
  if (!duration) return {fmt::format("'{}' is not a time", text), "write '30s', '10m', '2h' or 'HH:MM:SS'"};
  if (*duration < least) return {fmt::format("'{}' is less than {}s", text, least.count()), {}};
  target = *duration;
  return {};
}

Complaint set_size(Bytes& target, std::string_view text) {
  const auto size = parse_size(text);
  if (!size || *size < 0) return {fmt::format("'{}' is not a size", text), "write '500M', '4G' or '1.5T'"};
  target = *size;
  return {};
}

// A word that this version serves.
Complaint set_kind(std::string& target, std::string_view text, std::span<const std::string_view> served) {
  if (std::find(served.begin(), served.end(), text) != served.end()) {
    target = text;
    return {};
  }
  std::string hint = suggestion(text, served);
  if (hint.empty()) hint = fmt::format("one of {}", fmt::join(served, ", "));
  return {fmt::format("unknown kind '{}'", text), std::move(hint)};
}

Complaint set_name(Site& site, const std::string& text) {
  std::string problem = check_site_name(text);
  if (problem.empty()) site.name = text;
  return {std::move(problem), {}};
}

Complaint set_transport(Site& site, const std::string& text) {
  static constexpr std::array<std::string_view, 4> served = {"local", "auto", "libssh2", "openssh"};
  return set_kind(site.transport, text, served);
}

Complaint set_hosts(Site& site, const std::string& text) {
  for (const auto host : split_words(text, ", \t")) {
    if (!is_word(host, "._-:")) {
      return {fmt::format("'{}' is no host", host), "the user has a key of its own: user = NAME"};
    }
    site.hosts.emplace_back(host);
  }
  return {};
}

Complaint set_login(Site& site, const std::string& text) {
  if (!is_word(text, "._-@+\\")) return {fmt::format("'{}' is no login name", text), {}};
  site.login = text;
  return {};
}

Complaint set_host_key(Site& site, const std::string& text) {
  const auto blank = text.find(' ');
  const bool fingerprint = text.starts_with("SHA256:") && is_word(std::string_view(text).substr(7), "+/=");
  const bool key = blank != std::string::npos && is_word(std::string_view(text).substr(0, blank), "-@.") &&
                   is_word(std::string_view(text).substr(blank + 1), "+/=");
  if (!fingerprint && !key) {
    return {fmt::format("'{}' is no host key", text),
            "write its fingerprint, SHA256:…, or the key itself, ssh-ed25519 AAAA…"};
  }
  site.host_key = text;
  return {};
}

Complaint set_cleanup(Site& site, const std::string& text) {
  if (text == "never" || text == "on_success" || text == "always") {
    site.cleanup = text == "never"        ? Cleanup::never
                   : text == "on_success" ? Cleanup::on_success
                                          : Cleanup::always;
    return {};
  }
  return {fmt::format("'{}' is no policy", text), "never, on_success or always"};
}

Complaint set_scheduler(Site& site, const std::string& text) {
  static constexpr std::array<std::string_view, 4> served = {"local", "slurm", "pbs", "torque"};
  return set_kind(site.scheduler, text, served);
}

Complaint set_user(Site& site, const std::string& text) {
  if (!is_word(text, "._-@+\\")) return {fmt::format("'{}' is no login name", text), {}};
  site.user = text;
  return {};
}

Complaint set_hook_states(Site& site, const std::string& text) {
  for (const auto state : split_words(text, ", \t")) site.hook.on.emplace_back(state);
  const auto known = states_of(Hook::Of::all);
  for (const auto& state : site.hook.on) {
    if (std::find(known.begin(), known.end(), state) == known.end())
      return {fmt::format("unknown state '{}'", state), suggestion(state, known)};
  }
  return {};
}

Complaint set_hook_of(Site& site, const std::string& text) {
  return set_of(site.hook, text) ? Complaint{}
                                 : Complaint{fmt::format("'{}' is not run, nodes or all", text), {}};
}

Complaint set_mailer(Site& site, const std::string& text) {
  site.mailer = text;
  return text.starts_with('/') ? Complaint{}
                               : Complaint{fmt::format("'{}' is not an absolute path", text), {}};
}

const SiteKey keys[] = {
    {"site", "name", set_name},
    {"site", "description",
     [](Site& s, const std::string& v) {
       s.description = v;
       return Complaint{};
     }},
    {"transport", "kind", set_transport},
    {"transport", "host", set_hosts, KeyFor::remote},
    {"transport", "user", set_login, KeyFor::remote},
    {"transport", "port", [](Site& s, const std::string& v) { return set_number(s.port, v, 1, 65'535); },
     KeyFor::remote},
    {"transport", "host_key", set_host_key, KeyFor::remote},
    {"transport", "ssh_config",
     [](Site& s, const std::string& v) {
       s.ssh_config = v;
       return v.starts_with('/') ? Complaint{}
                                 : Complaint{fmt::format("'{}' is not an absolute path", v), {}};
     },
     KeyFor::remote},
    {"transport", "connect_timeout",
     [](Site& s, const std::string& v) { return set_duration(s.connect_timeout, v, Seconds{1}); },
     KeyFor::remote},
    {"transport", "cleanup", set_cleanup, KeyFor::remote},
    {"transport", "scratch",
     [](Site& s, const std::string& v) {
       s.scratch = v;
       return Complaint{};
     }},
    {"scheduler", "kind", set_scheduler},
    {"scheduler", "user", set_user},
    {"scheduler", "retry",
     [](Site& s, const std::string& v) {
       const auto how = retry_how_from(v);
       if (how) s.retry = *how;
       return how ? Complaint{}
                  : Complaint{fmt::format("'{}' is no way to try again", v), "resubmit, requeue or in_place"};
     }},
    {"scheduler", "poll", [](Site& s, const std::string& v) { return set_duration(s.poll, v, Seconds{0}); }},
    {"scheduler", "timeout",
     [](Site& s, const std::string& v) { return set_duration(s.timeout, v, Seconds{1}); }},
    {"scheduler", "settle",
     [](Site& s, const std::string& v) { return set_duration(s.settle, v, Seconds{0}); }},
    {"hooks", "mailer", set_mailer},
    {"hooks", "on", set_hook_states},
    {"hooks", "of", set_hook_of},
    {"hooks", "command",
     [](Site& s, const std::string& v) {
       s.hook.script = v;
       return Complaint{};
     }},
    {"hooks", "mail",
     [](Site& s, const std::string& v) {
       s.hook.mail = v;
       return Complaint{check_address(v), {}};
     }},
    {"hooks", "webhook",
     [](Site& s, const std::string& v) {
       s.hook.webhook = v;
       return Complaint{check_url(v), {}};
     }},
    {"hooks", "timeout",
     [](Site& s, const std::string& v) {
       auto complaint = set_duration(s.hook.timeout, v, Seconds{1});
       return s.hook.timeout > longest_hook ? Complaint{"at most 10m", {}} : complaint;
     }},
    {"limits", "cpus", [](Site& s, const std::string& v) { return set_number(s.cpus, v, 0); }, KeyFor::local},
    {"limits", "memory", [](Site& s, const std::string& v) { return set_size(s.memory, v); }, KeyFor::local},
    {"limits", "kill_grace",
     [](Site& s, const std::string& v) { return set_duration(s.kill_grace, v, Seconds{0}); }, KeyFor::local},
    {"limits", "max_jobs",
     [](Site& s, const std::string& v) { return set_number<std::size_t>(s.max_jobs, v, 0); }},
    {"limits", "max_array",
     [](Site& s, const std::string& v) { return set_number<std::size_t>(s.max_array, v, 0); }},
    {"limits", "submit_batch",
     [](Site& s, const std::string& v) { return set_number<std::size_t>(s.submit_batch, v, 1); }},
    // 128 KiB is the longest single argument that Linux takes.
    {"limits", "argument_bytes",
     [](Site& s, const std::string& v) {
       return set_number<std::size_t>(s.argument_bytes, v, 1'000, 131'071);
     }},
};

}  // namespace

std::span<const SiteKey> site_keys() {
  return keys;
}

const SiteKey* find_site_key(std::string_view section, std::string_view name) {
  const auto* key = std::find_if(std::begin(keys), std::end(keys), [&](const SiteKey& candidate) {
    return candidate.section == section && candidate.name == name;
  });
  return key == std::end(keys) ? nullptr : key;
}

std::vector<std::string_view> site_keys_of(std::string_view section) {
  std::vector<std::string_view> names;
  for (const SiteKey& key : keys) {
    if (key.section == section) names.push_back(key.name);
  }
  return names;
}

// It stands in double quotes in every script: a path with $NAME, ${NAME} and ${NAME:-path}, and nothing else.
Complaint set_node_scratch(Site& site, const std::string& text) {
  const auto is_path = [](std::string_view part) { return part.empty() || is_word(part, "/._+-"); };
  bool good = text.starts_with('/') || text.starts_with('$');
  for (std::string_view rest = text; good && !rest.empty();) {
    const auto next = rest.find('$');
    good = is_path(rest.substr(0, next));
    if (next == std::string_view::npos) break;
    rest.remove_prefix(next + 1);
    const bool braces = rest.starts_with('{');
    rest.remove_prefix(braces ? 1 : 0);
    const auto end = std::min(braces ? rest.find('}') : rest.find_first_of("/.+-$"), rest.size());
    const auto name = rest.substr(0, std::min(end, rest.find(":-")));
    good = good && is_variable_name(name) && (!braces || end < rest.size()) &&
           (name.size() == end || (braces && is_path(rest.substr(name.size() + 2, end - name.size() - 2))));
    rest.remove_prefix(std::min(end + (braces ? 1 : 0), rest.size()));
  }
  if (!good)
    return {fmt::format("'{}' is no directory of compute nodes", text),
            "an absolute path, $NAME or ${NAME:-/tmp}, without blanks"};
  site.node_scratch = text;
  return {};
}

Complaint add_modules(Site& site, std::string_view text) {
  for (const auto name : split_words(text)) {
    if (!is_word(name, "._+-/@:="))
      return {fmt::format("'{}' is no module's name", name), "names are separated by blanks"};
    site.modules.emplace_back(name);
  }
  return {};
}

bool is_variable_name(std::string_view text) {
  return is_word(text, "_") && !(text.front() >= '0' && text.front() <= '9');
}

std::string check_site_name(std::string_view name) {
  const bool good = is_word(name, "._-") && name.front() != '.' && name.front() != '_' && name.size() <= 64;
  if (good) return {};
  return fmt::format("'{}' is no site's name: letters, digits, '.', '_' and '-', at most 64", name);
}

}  // namespace catena
