#include "adapters/ssh/authentication.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <set>

#include "adapters/ssh/agent.h"
#include "adapters/ssh/encoding.h"
#include "adapters/ssh/key_file.h"

namespace catena::ssh {
namespace {

using namespace std::chrono_literals;

// PAM may wait some seconds after a wrong answer.
constexpr auto answer_limit = 60s;
constexpr int passphrase_tries = 3;
constexpr int question_tries = 3;

// A signature, asked for by libssh2 once the server has said that it would take the key. Empty: none.
using Signer = std::function<std::string(std::string_view data)>;

bool security_key(std::string_view type) {
  return type.starts_with("sk-");
}

class Login {
 public:
  Login(Session& session, Lock& lock, const SshOptions& options)
      : session_(session), lock_(lock), options_(options), config_(session.config()), agent_(config_.agent) {}

  void run() {
    list_methods();
    while (!accepted()) {
      const auto before = methods_;
      if (offered("publickey")) try_keys();
      if (moved(before)) continue;
      if (offered("keyboard-interactive")) answer_questions();
      if (moved(before)) continue;
      if (offered("password")) try_password();
      if (!moved(before)) refused();
    }
  }

 private:
  const std::string& user() const { return config_.user; }
  unsigned int user_size() const { return static_cast<unsigned int>(config_.user.size()); }
  bool accepted() const { return libssh2_userauth_authenticated(session_.raw()) != 0; }
  // Accepted, or one of several methods done.
  bool moved(const std::string& before) const { return accepted() || methods_ != before; }
  bool offered(std::string_view method) const {
    return ("," + methods_ + ",").find(fmt::format(",{},", method)) != std::string::npos;
  }

  long call(const std::function<long()>& step) {
    const auto result = session_.finish(lock_, step, Clock::now() + answer_limit, "the login");
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (result == LIBSSH2_ERROR_SOCKET_DISCONNECT || result == LIBSSH2_ERROR_SOCKET_RECV ||
        result == LIBSSH2_ERROR_SOCKET_SEND) {
      throw Error(
          ErrorKind::transport,
          fmt::format("{}: the server closed the connection during the login; {}", session_.where(), tried()),
          "a server allows few tries: with many keys in the agent, set IdentitiesOnly and IdentityFile in "
          "~/.ssh/config");
    }
    return result;
  }

  // What the server would take next. It tells a partial success from a refusal, which libssh2 does not.
  void list_methods() {
    const char* found = nullptr;
    call([&] {
      found = libssh2_userauth_list(session_.raw(), user().c_str(), user_size());
      return found || accepted() ? 0L : libssh2_session_last_errno(session_.raw());
    });
    if (found) methods_ = found;
  }

  std::string tried() const {
    return tried_.empty() ? "nothing was tried" : fmt::format("tried: {}", fmt::join(tried_, ", "));
  }

  // --- keys ---

  void try_keys() {
    const auto before = methods_;
    std::vector<KeyFile> files;
    std::set<std::string> configured;
    for (const auto& path : config_.identity_files) {
      if (const auto file = read_key_file(path)) files.push_back(*file);
      if (const auto blob = read_public_key(path); !blob.empty()) configured.insert(blob);
    }
    for (const auto& file : files) configured.insert(file.blob);

    // The agent's keys that the configuration names, the agent's others, then the files.
    for (const bool named : {true, false}) {
      if (!named && config_.identities_only) break;
      for (const auto& key : agent_.keys()) {
        if (configured.contains(key.blob) != named || !used_.insert(key.blob).second) continue;
        try_agent_key(key);
        if (moved(before)) return;
      }
    }
    for (const auto& file : files) {
      if (!used_.insert(file.blob.empty() ? file.path : file.blob).second) continue;
      if (file.has_certificate) unusable_.push_back(file.path + "-cert.pub");
      try_file(file);
      if (moved(before)) return;
    }
  }

  void try_agent_key(const Agent::Key& key) {
    const auto type = key_type(key.blob);
    const auto name =
        fmt::format("the agent's key {}", key.comment.empty() ? fingerprint(key.blob) : key.comment);
    if (security_key(type) || type.starts_with("ssh-rsa-cert")) {
      unusable_.push_back(fmt::format("{} ({})", name, type));
      return;
    }
    tried_.push_back(name);
    offer(key.blob,
          [&](std::string_view data) { return agent_.sign(key.blob, data).value_or(std::string()); });
  }

  void try_file(const KeyFile& file) {
    if (security_key(file.type)) {
      unusable_.push_back(fmt::format("{} ({})", file.path, file.type));
    } else if (file.type == "ssh-rsa" || (file.type.empty() && !file.encrypted && load_rsa(file, {}))) {
      try_rsa(file);
    } else if (file.encrypted) {
      try_encrypted(file);
    } else {
      tried_.push_back(file.path);
      sign_in_with(file, {});
    }
  }

  void try_rsa(const KeyFile& file) {
    RsaKey key;
    if (!file.encrypted) {
      key = load_rsa(file, {});
    } else if (file.openssh_format) {
      unusable_.push_back(file.path + " (RSA with a passphrase, in OpenSSH's format)");
      return;
    }
    if (!file.encrypted && !key) {
      tried_.push_back(file.path + " (cannot be read)");
      return;
    }
    tried_.push_back(file.path);
    offer(file.blob.empty() ? rsa_public_blob(key) : file.blob, [&](std::string_view data) {
      for (int left = passphrase_tries; !key && left > 0; --left) {
        const auto passphrase = ask_passphrase(file);
        if (!passphrase) break;
        key = load_rsa(file, *passphrase);
      }
      return key ? sign_rsa_sha2_256(key, data) : std::string();
    });
  }

  void try_encrypted(const KeyFile& file) {
    if (!options_.prompt) {
      tried_.push_back(file.path + " (has a passphrase, and there is no terminal to ask on)");
      return;
    }
    // Nobody is asked for the passphrase of a key that the server does not want.
    bool wanted = file.blob.empty();
    if (!wanted) {
      offer(file.blob, [&](std::string_view) {
        wanted = true;
        return std::string();
      });
    }
    tried_.push_back(file.path);
    for (int left = passphrase_tries; wanted && left > 0; --left) {
      const auto passphrase = ask_passphrase(file);
      // A wrong one fails before anything is sent.
      if (!passphrase || sign_in_with(file, *passphrase) != LIBSSH2_ERROR_FILE) return;
    }
  }

  std::optional<std::string> ask_passphrase(const KeyFile& file) {
    if (!options_.prompt) return std::nullopt;
    return options_.prompt(
        {SshQuestion::Kind::passphrase, file.path, {}, fmt::format("Passphrase for {}: ", file.path), false});
  }

  long sign_in_with(const KeyFile& file, const std::string& passphrase) {
    const auto result = call([&] {
      return long{libssh2_userauth_publickey_fromfile_ex(session_.raw(), user().c_str(), user_size(), nullptr,
                                                         file.path.c_str(), passphrase.c_str())};
    });
    if (result == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED) list_methods();
    return result;
  }

  void offer(const std::string& blob, const Signer& signer) {
    const auto sent = key_type(blob) == "ssh-rsa" ? with_sha2(blob) : blob;
    Signing signing{this, &signer};
    void* abstract = &signing;
    const auto result = call([&] {
      return long{libssh2_userauth_publickey(session_.raw(), user().c_str(),
                                             reinterpret_cast<const unsigned char*>(sent.data()), sent.size(),
                                             sign, &abstract)};
    });
    if (result == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED && signing.signed_) list_methods();
  }

  struct Signing {
    Login* login;
    const Signer* signer;
    bool signed_ = false;
  };

  // Called by libssh2, through which no exception may pass.
  static int sign(LIBSSH2_SESSION*, unsigned char** signature, std::size_t* size, const unsigned char* data,
                  std::size_t data_size, void** abstract) {
    auto& signing = *static_cast<Signing*>(*abstract);
    try {
      const auto bytes = (*signing.signer)({reinterpret_cast<const char*>(data), data_size});
      if (bytes.empty()) return -1;
      *signature = static_cast<unsigned char*>(std::malloc(bytes.size()));
      if (!*signature) return -1;
      std::memcpy(*signature, bytes.data(), bytes.size());
      *size = bytes.size();
      signing.signed_ = true;
      return 0;
    } catch (...) {
      signing.login->failure_ = std::current_exception();
      return -1;
    }
  }

  // --- questions ---

  void answer_questions() {
    if (!options_.prompt) {
      tried_.emplace_back("keyboard-interactive (there is no terminal to ask on)");
      return;
    }
    const auto before = methods_;
    for (int left = question_tries; left > 0 && !declined_; --left) {
      tried_.emplace_back("keyboard-interactive");
      answering_ = this;
      const auto result = call([&] {
        return long{
            libssh2_userauth_keyboard_interactive_ex(session_.raw(), user().c_str(), user_size(), respond)};
      });
      if (result == 0) return;
      list_methods();
      if (moved(before)) return;
    }
  }

  // The session's `abstract` is the Session; only one login runs in a thread.
  static void respond(const char* name, int name_size, const char* instruction, int instruction_size,
                      int count, const LIBSSH2_USERAUTH_KBDINT_PROMPT* prompts,
                      LIBSSH2_USERAUTH_KBDINT_RESPONSE* responses, void**) {
    auto& login = *answering_;
    try {
      std::string words(name, static_cast<std::size_t>(std::max(name_size, 0)));
      if (!words.empty() && instruction_size > 0) words += '\n';
      words.append(instruction, static_cast<std::size_t>(std::max(instruction_size, 0)));
      // A round may have no question: then there is nobody to ask, but maybe something to say.
      if (count == 0 && !words.empty() && login.options_.notice) login.options_.notice(words);
      for (int i = 0; i < count; ++i) {
        const auto answer =
            login.declined_
                ? std::nullopt
                : login.options_.prompt(
                      {SshQuestion::Kind::challenge, login.session_.where(), i == 0 ? words : std::string(),
                       std::string(reinterpret_cast<const char*>(prompts[i].text), prompts[i].length),
                       prompts[i].echo != 0});
        if (!answer) login.declined_ = true;
        // libssh2 frees it.
        responses[i].text = strdup(answer.value_or(std::string()).c_str());
        responses[i].length =
            responses[i].text ? static_cast<unsigned int>(std::strlen(responses[i].text)) : 0;
      }
    } catch (...) {
      login.failure_ = std::current_exception();
    }
  }

  void try_password() {
    if (!options_.prompt) {
      tried_.emplace_back("password (there is no terminal to ask on)");
      return;
    }
    const auto before = methods_;
    for (int left = question_tries; left > 0 && !declined_; --left) {
      const auto password = options_.prompt({SshQuestion::Kind::password,
                                             session_.where(),
                                             {},
                                             fmt::format("{}'s password: ", session_.where()),
                                             false});
      if (!password) {
        declined_ = true;
        return;
      }
      tried_.emplace_back("password");
      const auto result = call([&] {
        return long{libssh2_userauth_password_ex(session_.raw(), user().c_str(), user_size(),
                                                 password->c_str(),
                                                 static_cast<unsigned int>(password->size()), nullptr)};
      });
      if (result == 0) return;
      list_methods();
      if (moved(before)) return;
    }
  }

  [[noreturn]] void refused() {
    auto message = fmt::format("{}: the login was refused; {}; the server takes {}", session_.where(),
                               tried(), methods_);
    if (!config_.certificate_files.empty()) unusable_.emplace_back("a CertificateFile");
    if (config_.pkcs11) unusable_.emplace_back("a PKCS#11 provider");
    if (config_.gssapi && methods_.find("gssapi") != std::string::npos) unusable_.emplace_back("Kerberos");
    if (!unusable_.empty() && !declined_) {
      throw Unsupported(
          fmt::format("{}; libssh2 cannot use {}", message, fmt::join(unusable_, ", ")),
          "add the key to the agent (ssh-add), or set kind = openssh in the [transport] of the site");
    }
    throw Error(
        ErrorKind::transport, message,
        fmt::format(
            "check that `ssh {}` works; a key with a passphrase can be added to the agent with ssh-add",
            session_.where()));
  }

  Session& session_;
  Lock& lock_;
  const SshOptions& options_;
  const HostConfig& config_;
  Agent agent_;
  std::string methods_;
  std::set<std::string> used_;  // key blobs that have been offered
  std::vector<std::string> tried_, unusable_;
  bool declined_ = false;
  std::exception_ptr failure_;
  static thread_local Login* answering_;
};

thread_local Login* Login::answering_ = nullptr;

}  // namespace

void authenticate(Session& session, Lock& lock, const SshOptions& options) {
  Login(session, lock, options).run();
}

}  // namespace catena::ssh
