#include "adapters/ssh/openssh_transport.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "adapters/local/local_transport.h"
#include "adapters/ssh/command_channel.h"
#include "adapters/ssh/host_config.h"
#include "adapters/ssh/host_key.h"
#include "adapters/ssh/remote_command.h"
#include "adapters/ssh/ssh_error.h"

namespace catena {
namespace {

using namespace std::chrono_literals;
using ssh::Unreachable;

constexpr int ssh_failed = 255;  // ssh's own status; a command's may be the same
// The name under which a pinned key is looked for.
constexpr const char* pinned_name = "catena-pinned";
// A socket's address holds 107 bytes; ssh adds a hash of 40 and, while it makes it, a suffix of 17.
constexpr std::size_t directory_limit = 45;

constexpr std::string_view unreachable_words[] = {"Could not resolve hostname",
                                                  "connect to host",
                                                  "Connection timed out",
                                                  "Connection refused",
                                                  "No route to host",
                                                  "Network is unreachable",
                                                  "Connection closed by",
                                                  "Connection reset by",
                                                  "kex_exchange_identification",
                                                  "banner exchange",
                                                  "stdio forwarding failed"};
constexpr std::string_view host_key_words[] = {"Host key verification failed", "host key is known for",
                                               "HOST IDENTIFICATION HAS CHANGED", "REVOKED HOST KEY"};
constexpr std::string_view refused_words[] = {"Permission denied", "Too many authentication failures",
                                              "Bad configuration option", "Unable to negotiate"};

template <std::size_t N>
bool has(const std::string& text, const std::string_view (&words)[N]) {
  return std::any_of(std::begin(words), std::end(words),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << text).flush()) throw Error(ErrorKind::transport, "cannot write " + path);
}

// The words of ssh that matter, on one line.
std::string one_line(const std::string& text) {
  std::string line;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto part = text.substr(at, end - at);
    at = end + 1;
    while (!part.empty() && (part.back() == '\r' || part.back() == ' ')) part.pop_back();
    if (part.empty() || part.find_first_not_of("@*- ") == std::string::npos) continue;
    if (!line.empty()) line += "; ";
    line += part;
  }
  return line;
}

// Stays in this process's group, unlike what the local transport starts: a terminal lets no other group read
// an answer. Returns the exit status.
int run_in_foreground(const std::vector<std::string>& argv, const std::string& log) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Error(ErrorKind::transport, fmt::format("cannot run ssh: {}", std::strerror(error)),
                "install the OpenSSH client, or use the site setting transport = libssh2");
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : ssh_failed;
}

}  // namespace

OpensshTransport::OpensshTransport(SshOptions options) : options_(std::move(options)) {
  if (options_.hosts.empty()) throw Error(ErrorKind::config, "a site with an SSH transport needs a host");
  if (!options_.host_key.empty()) ssh::check_pin(options_.host_key);
}

OpensshTransport::~OpensshTransport() {
  try {
    if (!directory_.empty() && own_master_) control(options_.hosts[host_], "exit");
  } catch (const std::exception&) {
    // It ends by itself after a while without use.
  }
  // A master that ends takes its own socket away, maybe from under this.
  std::error_code error;
  for (int left = 100; !directory_.empty() && left > 0; --left) {
    std::filesystem::remove_all(directory_, error);
    if (!std::filesystem::exists(directory_, error)) break;
    std::this_thread::sleep_for(10ms);
  }
}

std::string OpensshTransport::where() const {
  const std::lock_guard guard(mutex_);
  return options_.user.empty() ? options_.hosts[host_] : options_.user + "@" + options_.hosts[host_];
}

void OpensshTransport::make_directory() {
  if (!directory_.empty()) return;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string path = runtime && *runtime && access(runtime, W_OK | X_OK) == 0 ? runtime : "/tmp";
  if (path.size() + 20 > directory_limit) path = "/tmp";
  path += "/catena-ssh-XXXXXX";
  if (!mkdtemp(path.data()))
    throw Error(ErrorKind::transport, fmt::format("cannot make {}: {}", path, std::strerror(errno)));
  directory_ = path;
  // The first value counts, and ssh hands this file on to the hops of a ProxyJump.
  std::string text = "StrictHostKeyChecking yes\nUpdateHostKeys no\n";
  if (!options_.prompt) text += "BatchMode yes\n";
  if (options_.config_file.empty()) {
    text += "Include ~/.ssh/config\nMatch all\nInclude /etc/ssh/ssh_config\n";
  } else {
    text += "Include \"" + std::filesystem::absolute(options_.config_file).string() + "\"\n";
  }
  write_file(directory_ + "/config", text);
  if (!options_.host_key.empty() && !options_.host_key.starts_with("SHA256:")) {
    write_file(directory_ + "/known_hosts", fmt::format("{} {}\n", pinned_name, options_.host_key));
  }
}

std::vector<std::string> OpensshTransport::client(bool master) const {
  std::vector<std::string> argv = {"ssh", "-F", directory_ + "/config", "-T", "-x", "-a"};
  const auto set = [&](const std::string& option) { argv.insert(argv.end(), {"-o", option}); };
  set("LogLevel=INFO");
  set("EscapeChar=none");
  set("ClearAllForwardings=yes");
  set("PermitLocalCommand=no");
  set("RemoteCommand=none");
  const auto ask = std::max<std::int64_t>(1, options_.silence_limit / 6s);
  set(fmt::format("ServerAliveInterval={}", ask));
  set(fmt::format("ServerAliveCountMax={}", std::max<std::int64_t>(1, options_.silence_limit / (ask * 1s))));
  set(fmt::format(
      "ConnectTimeout={}",
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(options_.connect_timeout).count())));
  if (!master) set("BatchMode=yes");
  if (own_master_) {
    set("ControlPath=" + directory_ + "/%C");
    set(master ? "ControlMaster=yes" : "ControlMaster=no");
    // Should this process be killed, it goes on for so long.
    if (master) set("ControlPersist=600");
  }
  if (!options_.host_key.empty()) {
    set("GlobalKnownHostsFile=/dev/null");
    set(std::string("HostKeyAlias=") + pinned_name);
    if (options_.host_key.starts_with("SHA256:")) {
      set("UserKnownHostsFile=/dev/null");
      set(fmt::format("KnownHostsCommand=/bin/sh -c 'if [ $1 = $2 ]; then echo {} $3 $4; fi' sh %f {} %t %K",
                      pinned_name, options_.host_key));
    } else {
      set("UserKnownHostsFile=" + directory_ + "/known_hosts");
    }
  }
  if (!options_.user.empty()) argv.insert(argv.end(), {"-l", options_.user});
  if (options_.port > 0) argv.insert(argv.end(), {"-p", std::to_string(options_.port)});
  return argv;
}

bool OpensshTransport::control(const std::string& host, const std::string& verb) const {
  Command command;
  command.argv = client(false);
  command.argv.insert(command.argv.end(), {"-O", verb, "--", host});
  command.timeout = 10s;
  return LocalTransport().run(command).status == 0;
}

void OpensshTransport::connect() {
  const std::lock_guard guard(mutex_);
  if (connected_) return;
  make_directory();
  for (std::size_t tried = 0;; ++tried) {
    try {
      open(options_.hosts[host_]);
      connected_ = true;
      return;
    } catch (const Unreachable& error) {
      if (tried + 1 == options_.hosts.size()) throw;
      host_ = (host_ + 1) % options_.hosts.size();
      if (options_.notice) options_.notice(fmt::format("{}; trying {}", error.what(), options_.hosts[host_]));
    }
  }
}

void OpensshTransport::open(const std::string& host) {
  const auto config = ssh::resolve_host(host, options_.user, options_.port, options_.config_file);
  // Whoever opened the user's own connection has not looked at the pinned key.
  own_master_ = false;
  if (!config.control_path.empty() && options_.host_key.empty() && control(host, "check")) return;
  own_master_ = true;
  if (control(host, "check")) return;
  auto argv = client(true);
  argv.insert(argv.end(), {"-f", "-N", "--", host});
  const auto log = directory_ + "/log";
  if (run_in_foreground(argv, log) != 0) refuse(host, slurp(log));
}

std::string OpensshTransport::words_of(const std::string& host, bool verbose) const {
  Command command;
  command.argv = client(false);
  if (verbose) command.argv.emplace_back("-v");
  command.argv.insert(command.argv.end(), {"-o", "ControlPath=none", "--", host, "true"});
  command.timeout = options_.connect_timeout + 5s;
  return LocalTransport().run(command).err;
}

// The key that the server shows, as "TYPE SHA256:…": ssh tells it only to those who want to know all.
std::string OpensshTransport::shown_fingerprint(const std::string& host) const {
  const auto words = words_of(host, true);
  constexpr std::string_view before = "Server host key: ";
  const auto at = words.rfind(before);
  if (at == std::string::npos) return {};
  const auto end = words.find_first_of("\r\n", at);
  return words.substr(at + before.size(), end - at - before.size());
}

void OpensshTransport::refuse(const std::string& host, const std::string& first_words) const {
  // "UNKNOWN port 65535" is the other end of a pipe: the real failure was in a hop.
  const auto through_pipe = first_words.find("UNKNOWN port") != std::string::npos;
  const auto words = through_pipe ? words_of(host, false) : first_words;
  const auto message = fmt::format("{}: ssh: {}", host, one_line(words));
  if (has(words, host_key_words)) {
    const auto shown = shown_fingerprint(host);
    throw Error(
        ErrorKind::transport, shown.empty() ? message : fmt::format("{}; it shows {}", message, shown),
        fmt::format(
            "compare the fingerprint with the one that the site publishes: for a new host log in once by "
            "`ssh {0}`; for a changed key, only if it is the new one, remove the old one first by "
            "`ssh-keygen -R` as ssh says; never for a revoked one",
            host));
  }
  if (has(words, refused_words) || !has(words, unreachable_words)) {
    throw Error(ErrorKind::transport, message, fmt::format("check that `ssh {}` works", host));
  }
  throw Unreachable(message, "check that the host is up and that this network may reach it");
}

void OpensshTransport::kill(const std::string& host, long pid) const {
  if (pid <= 1) return;
  Command command;
  command.argv = client(false);
  command.argv.insert(command.argv.end(), {"--", host, ssh::kill_line(pid)});
  command.timeout = 20s;
  LocalTransport().run(command);
}

CommandResult OpensshTransport::stream(const Command& command, const ByteSource& input,
                                       const ByteSink& output) {
  if (command.argv.empty()) throw Error(ErrorKind::transport, "an empty command");
  connect();
  std::string host;
  Command local;
  const auto marker = ssh::make_marker();
  const auto remote = ssh::remote_command(command.argv, marker, true);
  {
    const std::lock_guard guard(mutex_);
    host = options_.hosts[host_];
    local.argv = client(false);
  }
  local.argv.insert(local.argv.end(), {"--", host, remote.line});
  local.timeout = command.timeout;

  std::string first = remote.prefix;
  if (!input) first += command.input;
  std::size_t taken = 0;
  const ByteSource source = [&](std::span<char> buffer) -> std::size_t {
    const auto size = std::min(buffer.size(), first.size() - taken);
    if (size == 0) return input ? input(buffer) : 0;
    first.copy(buffer.data(), size, taken);
    taken += size;
    return size;
  };
  std::string kept;
  ssh::MarkedOutput marked(marker, [&](std::string_view piece) {
    if (output) {
      output(piece);
    } else if (kept.size() + piece.size() > ssh::output_cap) {
      throw Error(ErrorKind::transport,
                  fmt::format("{}: more than {} MiB of output", command.argv[0], ssh::output_cap >> 20));
    } else {
      kept += piece;
    }
  });
  CommandResult result;
  try {
    const bool has_input = input || !first.empty();
    result = LocalTransport().stream(local, has_input ? source : ByteSource(),
                                     [&](std::string_view piece) { marked.take(piece); });
  } catch (...) {
    // A function of the caller's threw; the command must not go on without anybody to listen.
    try {
      kill(host, marked.pid());
    } catch (const Error&) {
    }
    throw;
  }
  result.out = std::move(kept);
  if (result.timed_out) {
    kill(host, marked.pid());
    result.status = 128 + SIGTERM;
    result.err = ssh::after_marker(result.err, marker);
    return result;
  }
  const auto lost = [&] {
    const std::lock_guard guard(mutex_);
    connected_ = false;
  };
  if (!marked.begun()) {
    lost();
    if (result.status == ssh_failed) refuse(host, result.err);
    throw Error(ErrorKind::transport,
                fmt::format("{}: the login shell ended with status {} before it ran the command: {}{}", host,
                            result.status, marked.noise(), result.err),
                "check that the account's shell lets it run commands, and its start-up files");
  }
  result.err = ssh::after_marker(result.err, marker);
  if (const auto end = fmt::format("{} {}\n", marker, ssh_failed); result.status == ssh_failed) {
    const auto at = result.err.rfind(end);
    if (at == std::string::npos) {
      lost();
      throw ConnectionLost(fmt::format("{}: the connection broke: {}", host, one_line(result.err)));
    }
    result.err.erase(at, end.size());
  }
  return result;
}

}  // namespace catena
