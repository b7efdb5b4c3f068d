// Both SSH transports against real servers: those of scripts/sshd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

#include "adapters/local/launcher.h"
#include "adapters/local/local_transport.h"
#include "adapters/ssh/encoding.h"
#include "adapters/ssh/key_file.h"
#include "adapters/ssh/ssh_transport.h"
#include "core/error.h"

// libssh2 1.10 leaks a number of an ECDSA key, and the text of the methods that a server takes.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libssh2";
}

namespace catena {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

std::string setting(const std::string& name) {
  const char* value = getenv(("CATENA_TEST_SSH_" + name).c_str());
  return value ? value : "";
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = 20s) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

// A zombie counts as gone: whoever ought to reap it may be a container's first process.
bool gone(pid_t pid) {
  const auto status = slurp("/proc/" + std::to_string(pid) + "/stat");
  const auto state = status.find(") ");
  return state == std::string::npos || status[state + 2] == 'Z' || status[state + 2] == 'X';
}

class Hash {
 public:
  Hash() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string end() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      constexpr char digits[] = "0123456789abcdef";
      text += {digits[digest[i] >> 4], digits[digest[i] & 15]};
    }
    return text;
  }

 private:
  std::shared_ptr<EVP_MD_CTX> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

// Bytes that do not repeat, without keeping them.
class Noise {
 public:
  Noise(std::size_t size, unsigned seed) : left_(size), random_(seed) {}
  std::size_t operator()(std::span<char> buffer) {
    const auto size = std::min(left_, buffer.size());
    for (std::size_t i = 0; i < size; i += 8) {
      const auto word = random_();
      std::memcpy(buffer.data() + i, &word, std::min<std::size_t>(8, size - i));
    }
    hash_.add({buffer.data(), size});
    left_ -= size;
    return size;
  }
  std::string hash() { return hash_.end(); }

 private:
  std::size_t left_;
  std::mt19937_64 random_;
  Hash hash_;
};

// Prints the server's process for this connection: the parent of the session that the login shell leads.
const std::string server_pid = "ps -o ppid= -p $(ps -o sid= -p $$)";

Command shell(const std::string& program, std::string input = {}) {
  Command command;
  command.argv = {"/bin/sh", "-c", program};
  command.input = std::move(input);
  return command;
}

class Ssh : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (setting("CONFIG").empty()) GTEST_SKIP() << "no private sshd: scripts/sshd/start makes one";
    // Short: a socket's path holds 107 bytes.
    std::string name = "/tmp/cstXXXXXX";
    folder_ = mkdtemp(name.data());
    write("config", slurp(setting("CONFIG")));
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  std::string laptop(const std::string& name) const { return setting("DIR") + "/laptop/" + name; }
  // In the laptop's configuration.
  void replace(const std::string& what, const std::string& with) const {
    auto text = slurp(file("config"));
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
      text.replace(at, what.size(), with);
    }
    write("config", text);
  }
  void use_key(const std::string& name) const { replace(laptop("id_ed25519"), laptop(name)); }
  void use_known_hosts(const std::string& text) const {
    write("known_hosts", text);
    replace(laptop("known_hosts"), file("known_hosts"));
  }
  std::string known_name(const std::string& server) const {
    std::string upper;
    for (const char c : server) upper += static_cast<char>(toupper(c));
    return (server == "inner" ? "[127.0.0.2]:" : "[127.0.0.1]:") + setting("PORT_" + upper);
  }
  static std::string public_key(const std::string& path) {  // without its comment
    const auto text = slurp(path + ".pub");
    return text.substr(0, text.find(' ', text.find(' ') + 1));
  }
  std::string host_key(const std::string& type) const {
    return public_key(setting("DIR") + "/keys/host_" + type);
  }

  SshOptions options(const std::string& server, const std::string& user = {}) {
    SshOptions options;
    options.kind = GetParam();
    options.hosts = {"catena-" + server};
    options.user = user;
    options.config_file = file("config");
    options.notice = [this](const std::string& text) { notices_.push_back(text); };
    return options;
  }
  std::unique_ptr<Transport> transport(const std::string& server = "default", const std::string& user = {}) {
    return make_ssh_transport(options(server, user));
  }
  static CommandResult run(Transport& transport, const Command& command) {
    return transport.stream(command, {}, {});
  }
  // Message and remedy of the Error(transport) that the first command ends in.
  std::string refusal(const SshOptions& given) {
    try {
      const auto transport = make_ssh_transport(given);
      run(*transport, shell("echo logged in"));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::transport) << error.what();
      return std::string(error.what()) + "\n" + error.remedy();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }

  std::string folder_;
  std::vector<std::string> notices_;
};
INSTANTIATE_TEST_SUITE_P(Wires, Ssh, ::testing::Values("libssh2", "openssh"),
                         [](const auto& kind) { return kind.param; });

TEST_P(Ssh, StatusStreamsAndEnvironmentAreTheCommands) {
  const auto ssh = transport();
  const auto result =
      run(*ssh, shell("cat; echo $CATENA_TEST_SERVER; id -un; echo oops >&2; exit 3", "input\n"));
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.out, "input\ndefault\n" + setting("USER") + "\n");
  EXPECT_EQ(result.err, "oops\n");
  EXPECT_FALSE(result.timed_out);
  EXPECT_THAT(ssh->where(), HasSubstr("catena-default"));
}

TEST_P(Ssh, NoInputIsAnEmptyOneAndNotATerminals) {
  EXPECT_EQ(run(*transport(), shell("cat; echo end")).out, "end\n");
}

TEST_P(Ssh, ExitStatusesAndSignalsAreToldApart) {
  const auto ssh = transport();
  EXPECT_EQ(run(*ssh, shell("true")).status, 0);
  EXPECT_EQ(run(*ssh, shell("exit 255")).status, 255);
  EXPECT_EQ(run(*ssh, shell("kill -KILL $$")).status, 128 + 9);
  EXPECT_EQ(run(*ssh, shell("kill -TERM $$")).status, 128 + 15);
  EXPECT_EQ(run(*ssh, shell("kill -USR1 $$")).status, 128 + 10);
  Command missing;
  missing.argv = {"no-such-program"};
  EXPECT_EQ(run(*ssh, missing).status, 127);
}

TEST_P(Ssh, FiftyMegabytesGoBothWaysAtOnceAndArriveWhole) {
  for (const std::string server : {"default", "inner", "rekey"}) {
    Noise sent(50'000'000, 1);
    Hash received;
    Command command;
    command.argv = {"cat"};
    const auto result = transport(server)->stream(
        command, [&](std::span<char> buffer) { return sent(buffer); },
        [&](std::string_view piece) { received.add(piece); });
    EXPECT_EQ(result.status, 0) << server;
    EXPECT_EQ(received.end(), sent.hash()) << server;
  }
}

TEST_P(Ssh, AnUploadArrivesWholeAndItsEndIsSeen) {
  Noise sent(50'000'000, 2);
  Command command;
  command.argv = {"sha256sum"};
  std::string out;
  const auto result = transport()->stream(
      command, [&](std::span<char> buffer) { return sent(buffer); },
      [&](std::string_view piece) { out += piece; });
  EXPECT_EQ(out, sent.hash() + "  -\n");
  EXPECT_EQ(result.status, 0);
}

TEST_P(Ssh, AFloodOnStandardErrorDoesNotBlock) {
  const auto result = run(*transport(), shell("head -c 20000000 /dev/zero | tr '\\0' e >&2; echo done"));
  EXPECT_EQ(result.out, "done\n");
  EXPECT_LT(result.err.size(), 1'100'000U);
  EXPECT_THAT(result.err.substr(result.err.size() - 40), HasSubstr("more bytes dropped]"));
}

TEST_P(Ssh, InputThatNobodyReadsIsNoError) {
  const auto ssh = transport();
  for (const std::string program : {"exec 0<&-; echo done", "head -c 10 >/dev/null; echo done"}) {
    Noise sent(30'000'000, 3);
    std::string out;
    const auto result = ssh->stream(
        shell(program), [&](std::span<char> buffer) { return sent(buffer); },
        [&](std::string_view piece) { out += piece; });
    EXPECT_EQ(out, "done\n");
    EXPECT_EQ(result.status, 0);
  }
}

TEST_P(Ssh, OutputThatEndsBeforeTheCommandDoesNotEndItsInput) {
  std::string input(5'000'000, 'x');
  const auto ssh = transport();
  const auto name = "/tmp/catena-late-" + std::to_string(getpid()) + GetParam();
  EXPECT_EQ(run(*ssh, shell("exec >&- 2>&-; cat > " + name, input)).status, 0);
  EXPECT_EQ(run(*ssh, shell("wc -c < " + name + "; rm " + name)).out, "5000000\n");
}

TEST_P(Ssh, AnArgumentBeyondAPacketArrives) {
  std::string big;
  for (int i = 0; i < 100'000; ++i) big += static_cast<char>(1 + i * 7 % 255);
  Command command;
  command.argv = {"sh", "-c", "printf %s \"$1\"; cat", "sh", big};
  command.input = "input";
  EXPECT_EQ(run(*transport(), command).out, big + "input");
}

TEST_P(Ssh, ATimeOutEndsTheCommandOnTheHostTheStubbornOneToo) {
  for (const std::string server : {"default", "single"}) {
    const auto ssh = transport(server);
    for (const std::string program :
         {"echo $$; exec sleep 1000", "trap '' TERM; echo $$; sleep 1000; sleep 1000"}) {
      auto command = shell(program);
      command.timeout = 700ms;
      const auto result = run(*ssh, command);
      EXPECT_TRUE(result.timed_out);
      EXPECT_GT(result.status, 128);
      const auto pid = static_cast<pid_t>(std::stol("0" + result.out));
      ASSERT_GT(pid, 1);
      EXPECT_TRUE(eventually([&] { return gone(pid); })) << server << " " << program;
    }
    EXPECT_EQ(run(*ssh, shell("echo on")).out, "on\n");
  }
}

TEST_P(Ssh, AnExceptionOfTheListenerEndsTheCommandOnTheHost) {
  const auto ssh = transport();
  pid_t pid = 0;
  EXPECT_THROW(ssh->stream(shell("echo $$; exec sleep 1000"), {},
                           [&](std::string_view line) {
                             std::from_chars(line.data(), line.data() + line.size(), pid);
                             throw std::out_of_range("mine");
                           }),
               std::out_of_range);
  ASSERT_GT(pid, 1);
  EXPECT_TRUE(eventually([&] { return gone(pid); }));
  EXPECT_THROW(
      ssh->stream(shell("cat"), [](std::span<char>) -> std::size_t { throw std::out_of_range("mine"); }, {}),
      std::out_of_range);
  EXPECT_EQ(run(*ssh, shell("echo on")).out, "on\n");
}

TEST_P(Ssh, OneSessionAtATimeIsEnough) {
  const auto ssh = transport("single");
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(run(*ssh, shell("echo " + std::to_string(i))).out, std::to_string(i) + "\n");
}

TEST_P(Ssh, ACommandWithinACommandGetsAConnectionWhereTheServerAllowsOneSession) {
  for (const std::string server : {"default", "single"}) {
    const auto ssh = transport(server);
    std::string inner;
    const auto result = ssh->stream(shell("echo outer; cat"), {},
                                    [&](std::string_view) { inner += run(*ssh, shell("echo inner")).out; });
    EXPECT_EQ(inner, "inner\n") << server;
    EXPECT_EQ(result.status, 0);
  }
}

TEST_P(Ssh, SeveralThreadsShareTheConnectionAndEachGetsItsOwn) {
  const auto ssh = transport();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 6; ++seed) {
    threads.emplace_back([&, seed] {
      for (int round = 0; round < 3; ++round) {
        Noise sent(3'000'000, seed);
        Hash received;
        Command command;
        command.argv = {"cat"};
        ssh->stream(
            command, [&](std::span<char> buffer) { return sent(buffer); },
            [&](std::string_view piece) { received.add(piece); });
        if (received.end() == sent.hash()) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 18);
}

TEST_P(Ssh, LoginShellsOfAllKindsAndNoisyStartUpFilesChangeNothing) {
  const std::string word = "a'b \"c\" !x $HOME `id` \\ ~ {a,b} *\nnewline \xc3\xa9 \xff";
  for (const std::string user : {"NOISY_USER", "CSH_USER", "FISH_USER"}) {
    if (setting(user).empty()) continue;  // the shell is not installed
    Command command;
    command.argv = {"sh", "-c", "printf %s \"$1\"; cat; echo oops >&2; exit 4", "sh", word};
    command.input = "input";
    const auto result = run(*transport("default", setting(user)), command);
    EXPECT_EQ(result.out, word + "input") << user;
    EXPECT_EQ(result.err, "oops\n") << user;
    EXPECT_EQ(result.status, 4) << user;
  }
}

TEST_P(Ssh, ThroughAJumpHost) {
  EXPECT_EQ(run(*transport("inner"), shell("echo $CATENA_TEST_SERVER")).out, "inner\n");
}

TEST_P(Ssh, AnUnknownHostIsRefusedWithItsFingerprintAndNothingIsWritten) {
  use_known_hosts("");
  // Not even where the user has said that he does not care.
  write("config", "StrictHostKeyChecking no\n" + slurp(file("config")));
  const auto fingerprint = ssh::fingerprint(*ssh::decode_base64(host_key("ed25519").substr(12)));
  EXPECT_THAT(refusal(options("default")), AllOf(HasSubstr(fingerprint), HasSubstr("ssh ")));
  EXPECT_EQ(slurp(file("known_hosts")), "");
}

TEST_P(Ssh, EveryHopOfAJumpIsVerified) {
  write("config", "StrictHostKeyChecking no\n" + slurp(file("config")));
  const auto all = slurp(laptop("known_hosts"));
  for (const std::string missing : {"default", "inner"}) {
    std::string kept;
    std::istringstream lines(all);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with(known_name(missing) + " ")) kept += line + "\n";
    }
    use_known_hosts(kept);
    EXPECT_THAT(refusal(options("inner")), HasSubstr("SHA256:")) << missing;
    EXPECT_EQ(slurp(file("known_hosts")), kept);
  }
}

TEST_P(Ssh, AChangedKeyIsRefusedWithItsFingerprintAndTheRemedy) {
  use_known_hosts(known_name("default") + " " + public_key(laptop("id_stranger")) + "\n");
  const auto fingerprint = ssh::fingerprint(*ssh::decode_base64(host_key("ed25519").substr(12)));
  EXPECT_THAT(refusal(options("default")),
              AllOf(HasSubstr(fingerprint), HasSubstr("ssh-keygen"), HasSubstr("known_hosts:1")));
}

TEST_P(Ssh, ARevokedKeyIsRefused) {
  const auto line = known_name("default") + " " + host_key("ed25519") + "\n";
  use_known_hosts(line + "@revoked " + line);
  EXPECT_THAT(refusal(options("default")), ::testing::ContainsRegex("[Rr]evoked|REVOKED"));
}

TEST_P(Ssh, AHostKnownByOneOfItsKeysIsNotTakenForChanged) {
  for (const std::string type : {"ed25519", "ecdsa"}) {
    use_known_hosts(known_name("default") + " " + host_key(type) + "\n");
    EXPECT_EQ(run(*transport(), shell("echo in")).out, "in\n") << type;
  }
}

TEST_P(Ssh, APinnedKeyAloneCounts) {
  use_known_hosts(known_name("default") + " " + public_key(laptop("id_stranger")) + "\n");
  auto given = options("default");
  for (const auto& pin :
       {host_key("ed25519"), ssh::fingerprint(*ssh::decode_base64(host_key("ed25519").substr(12)))}) {
    given.host_key = pin;
    EXPECT_EQ(run(*make_ssh_transport(given), shell("echo in")).out, "in\n");
  }
  use_known_hosts(slurp(laptop("known_hosts")));
  for (const auto& pin :
       {public_key(laptop("id_stranger")),
        ssh::fingerprint(*ssh::decode_base64(public_key(laptop("id_stranger")).substr(12)))}) {
    given.host_key = pin;
    EXPECT_THAT(refusal(given), HasSubstr("SHA256:"));
  }
}

TEST_P(Ssh, EveryKindOfKeyLogsIn) {
  for (const std::string key : {"id_rsa", "id_rsa_pem", "id_ecdsa"}) {
    write("config", slurp(setting("CONFIG")));
    use_key(key);
    EXPECT_EQ(run(*transport(), shell("echo in")).out, "in\n") << key;
  }
}

TEST_P(Ssh, NoKeyThatTheServerTakesIsToldWithWhatWasTried) {
  use_key("id_stranger");
  const auto words = refusal(options("default"));
  EXPECT_THAT(words, HasSubstr("publickey"));
  if (GetParam() == "libssh2") {
    EXPECT_THAT(words, HasSubstr(laptop("id_stranger")));
  }
}

TEST_P(Ssh, TheAgentsKeysLogIn) {
  const auto socket = file("agent");
  const auto agent = local::launch({.argv = {"ssh-agent", "-D", "-a", socket}, .directory = {}});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket); }));
  const std::string before = getenv("SSH_AUTH_SOCK") ? getenv("SSH_AUTH_SOCK") : "";
  setenv("SSH_AUTH_SOCK", socket.c_str(), 1);
  replace("IdentityAgent none", "IdentityAgent SSH_AUTH_SOCK");
  replace("IdentitiesOnly yes", "IdentitiesOnly no");
  use_key("nothing_here");
  for (const std::string key : {"id_stranger", "id_rsa"}) {
    Command add;
    add.argv = {"ssh-add", laptop(key)};
    EXPECT_EQ(LocalTransport().run(add).status, 0);
    if (key == "id_rsa") {
      EXPECT_EQ(run(*transport(), shell("echo in")).out, "in\n");
    } else {
      EXPECT_THAT(refusal(options("default")), HasSubstr("publickey"));
    }
  }
  // With IdentitiesOnly, only the agent's keys that are named.
  replace("IdentitiesOnly no", "IdentitiesOnly yes");
  refusal(options("default"));
  replace(laptop("nothing_here"), laptop("id_rsa"));
  EXPECT_EQ(run(*transport(), shell("echo in")).out, "in\n");
  before.empty() ? unsetenv("SSH_AUTH_SOCK") : setenv("SSH_AUTH_SOCK", before.c_str(), 1);
  kill(agent, SIGTERM);
  waitpid(agent, nullptr, 0);
}

TEST_P(Ssh, ACutConnectionIsAnErrorAndTheNextCallConnectsAgain) {
  const auto ssh = transport();
  for (int round = 0; round < 2; ++round) {
    std::string out;
    try {
      // The parent of the login shell is the server's process for this connection.
      ssh->stream(shell(server_pid + "; exec sleep 30"), {}, [&](std::string_view piece) {
        out += piece;
        if (out.ends_with('\n')) kill(static_cast<pid_t>(std::stol(out)), SIGKILL);
      });
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::transport);
      EXPECT_THAT(error.what(), HasSubstr("catena-default"));
    }
    EXPECT_EQ(run(*ssh, shell("echo again")).out, "again\n");
  }
}

TEST_P(Ssh, AConnectionThatBreaksBetweenTwoCommandsIsReplaced) {
  const auto ssh = transport();
  const auto server = static_cast<pid_t>(std::stol(run(*ssh, shell(server_pid)).out));
  kill(server, SIGKILL);
  ASSERT_TRUE(eventually([&] { return gone(server); }));
  EXPECT_EQ(run(*ssh, shell("echo again")).out, "again\n");
}

TEST_P(Ssh, AServerThatHangsIsNoticed) {
  auto given = options("default");
  given.silence_limit = 2s;
  const auto ssh = make_ssh_transport(given);
  pid_t server = 0;
  std::string out;
  const auto begin = std::chrono::steady_clock::now();
  auto command = shell(server_pid + "; exec sleep 60");
  command.timeout = 50s;
  try {
    ssh->stream(command, {}, [&](std::string_view piece) {
      out += piece;
      if (!out.ends_with('\n') || server) return;
      server = static_cast<pid_t>(std::stol(out));
      kill(server, SIGSTOP);
    });
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::transport);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  ASSERT_GT(server, 1);
  kill(server, SIGKILL);
}

TEST_P(Ssh, AServerThatIsOnlySilentIsNotTakenForDead) {
  auto given = options("default");
  given.silence_limit = 1500ms;
  EXPECT_EQ(run(*make_ssh_transport(given), shell("sleep 4; echo done")).out, "done\n");
}

TEST_P(Ssh, TheNextLoginHostIsTriedWhenOneIsDownButNotWhenItsKeyIsWrong) {
  write("config", "Host catena-down\n  HostName 127.0.0.1\n  Port 1\n" + slurp(file("config")));
  auto given = options("default");
  given.hosts = {"catena-down", "catena-default"};
  const auto ssh = make_ssh_transport(given);
  EXPECT_EQ(run(*ssh, shell("echo in")).out, "in\n");
  EXPECT_THAT(ssh->where(), HasSubstr("catena-default"));
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_THAT(notices_[0], AllOf(HasSubstr("catena-down"), HasSubstr("refused")));

  notices_.clear();
  given.hosts = {"catena-single", "catena-default"};
  use_known_hosts(known_name("default") + " " + host_key("ed25519") + "\n");
  EXPECT_THAT(refusal(given), HasSubstr("SHA256:"));
  EXPECT_TRUE(notices_.empty());

  given.hosts = {"catena-down"};
  EXPECT_THAT(refusal(given), HasSubstr("refused"));
}

TEST_P(Ssh, AHostThatDoesNotResolveSaysSo) {
  auto given = options("default");
  given.hosts = {"no-such-host.invalid"};
  EXPECT_THAT(refusal(given), HasSubstr("no-such-host.invalid"));
}

TEST_P(Ssh, AnAccountThatMayNotRunCommandsSaysWhatItsShellSaid) {
  if (GetParam() == "openssh") GTEST_SKIP() << "the same code reads it";
  write("config", slurp(file("config")));
  const auto ssh = transport("default", setting("NOISY_USER"));
  const auto home = run(*ssh, shell("echo $HOME; mv ~/.bashrc ~/.bashrc.kept; echo 'echo closed for "
                                    "maintenance; exit 9' > ~/.bashrc"))
                        .out;
  try {
    run(*ssh, shell("true"));
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("closed for maintenance"), HasSubstr("status 9")));
  }
  std::filesystem::rename(home.substr(0, home.size() - 1) + "/.bashrc.kept",
                          home.substr(0, home.size() - 1) + "/.bashrc");
}

TEST_P(Ssh, NothingIsLeftBehind) {
  const auto runtime = file("r");
  std::filesystem::create_directory(runtime);
  setenv("XDG_RUNTIME_DIR", runtime.c_str(), 1);
  {
    const auto ssh = transport();
    run(*ssh, shell("true"));
    if (GetParam() == "openssh") {
      ASSERT_FALSE(std::filesystem::is_empty(runtime));
      const auto made = std::filesystem::directory_iterator(runtime)->path();
      EXPECT_EQ(std::filesystem::status(made).permissions(), std::filesystem::perms::owner_all);
    }
  }
  unsetenv("XDG_RUNTIME_DIR");
  EXPECT_TRUE(std::filesystem::is_empty(runtime));
}

// --- what only one of them does ---

class Libssh2 : public Ssh {
 protected:
  // Gives the answers in turn, and then declines.
  SshOptions prompted(const std::string& server, const std::string& user, std::vector<std::string> answers) {
    auto given = options(server, user);
    given.prompt = [this, answers](const SshQuestion& question) -> std::optional<std::string> {
      questions_.push_back(question);
      if (questions_.size() > answers.size()) return std::nullopt;
      return answers[questions_.size() - 1];
    };
    questions_.clear();
    return given;
  }
  std::vector<SshQuestion> questions_;
};
INSTANTIATE_TEST_SUITE_P(Wires, Libssh2, ::testing::Values("libssh2"));

TEST_P(Libssh2, KeyboardInteractiveAsksAndTriesAgain) {
  const auto given = prompted("interactive", setting("PASSWORD_USER"), {"wrong", setting("PASSWORD")});
  EXPECT_EQ(run(*make_ssh_transport(given), shell("id -un")).out, setting("PASSWORD_USER") + "\n");
  ASSERT_EQ(questions_.size(), 2U);
  EXPECT_EQ(questions_[0].kind, SshQuestion::Kind::challenge);
  EXPECT_THAT(questions_[0].text, HasSubstr("assword"));
  EXPECT_FALSE(questions_[0].echo);
  EXPECT_THAT(questions_[0].where, HasSubstr(setting("PASSWORD_USER")));
}

TEST_P(Libssh2, AKeyAndThenAnAnswer) {
  const auto given = prompted("twofactor", setting("PASSWORD_USER"), {setting("PASSWORD")});
  EXPECT_EQ(run(*make_ssh_transport(given), shell("id -un")).out, setting("PASSWORD_USER") + "\n");
  EXPECT_EQ(questions_.size(), 1U);
}

TEST_P(Libssh2, APasswordIsAskedForOnATerminalOnly) {
  const auto given = prompted("password", setting("PASSWORD_USER"), {setting("PASSWORD")});
  EXPECT_EQ(run(*make_ssh_transport(given), shell("id -un")).out, setting("PASSWORD_USER") + "\n");
  EXPECT_EQ(questions_.at(0).kind, SshQuestion::Kind::password);
  EXPECT_THAT(refusal(options("password", setting("PASSWORD_USER"))), HasSubstr("no terminal"));
}

TEST_P(Libssh2, WhoeverDeclinesIsNotAskedAgain) {
  EXPECT_THAT(refusal(prompted("interactive", setting("PASSWORD_USER"), {})), HasSubstr("refused"));
  EXPECT_EQ(questions_.size(), 1U);
}

TEST_P(Libssh2, APassphraseIsAskedForAKeyThatTheServerTakesAndForNoOther) {
  use_key("id_encrypted");
  EXPECT_EQ(run(*make_ssh_transport(prompted("default", {}, {"wrong", "open sesame"})), shell("echo in")).out,
            "in\n");
  ASSERT_EQ(questions_.size(), 2U);
  EXPECT_EQ(questions_[0].kind, SshQuestion::Kind::passphrase);
  EXPECT_EQ(questions_[0].where, laptop("id_encrypted"));
  EXPECT_THAT(refusal(options("default")), HasSubstr("passphrase"));

  Command copy;
  copy.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", file("other")};
  ASSERT_EQ(LocalTransport().run(copy).status, 0);
  replace(laptop("id_encrypted"), file("other"));
  refusal(prompted("default", {}, {"secret"}));
  EXPECT_TRUE(questions_.empty());
}

class Auto : public Ssh {};
INSTANTIATE_TEST_SUITE_P(Wires, Auto, ::testing::Values("auto"));

TEST_P(Auto, FallsBackOnAFailedNegotiationAndSaysSoOnce) {
  const auto ssh = transport("rsa");
  EXPECT_EQ(run(*ssh, shell("echo $CATENA_TEST_SERVER")).out, "rsa\n");
  EXPECT_EQ(run(*ssh, shell("echo again")).out, "again\n");
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_THAT(notices_[0], HasSubstr("libssh2"));
}

TEST_P(Auto, FollowsAProxyCommandByOpenSsh) {
  replace("ProxyJump catena-default", "ProxyCommand ssh -F " + file("config") + " -W %h:%p catena-default");
  EXPECT_EQ(run(*transport("inner"), shell("echo $CATENA_TEST_SERVER")).out, "inner\n");
  EXPECT_EQ(notices_.size(), 1U);
}

TEST_P(Auto, StaysWithLibssh2WhereItServes) {
  EXPECT_EQ(run(*transport("ed25519"), shell("echo $CATENA_TEST_SERVER")).out, "ed25519\n");
  EXPECT_TRUE(notices_.empty());
}

TEST_P(Auto, DoesNotTryARefusedKeyOrLoginAgain) {
  use_key("id_stranger");
  refusal(options("default"));
  use_known_hosts("");
  refusal(options("default"));
  EXPECT_TRUE(notices_.empty());
}

class Openssh : public Ssh {};
INSTANTIATE_TEST_SUITE_P(Wires, Openssh, ::testing::Values("openssh"));

TEST_P(Openssh, TheUsersOwnControlMasterIsUsed) {
  write("config", "ControlPath " + file("master") + "\n" + slurp(file("config")));
  Command command;
  command.argv = {"ssh", "-F", file("config"), "-o", "BatchMode=yes", "-MNf", "catena-default"};
  ASSERT_EQ(LocalTransport().run(command).status, 0);
  // Without a key, only the open connection lets anybody in.
  use_key("id_stranger");
  EXPECT_EQ(run(*transport(), shell("echo in")).out, "in\n");
  command.argv = {"ssh", "-F", file("config"), "-O", "check", "catena-default"};
  EXPECT_EQ(LocalTransport().run(command).status, 0) << "it must outlive the transport";
  command.argv[4] = "exit";
  LocalTransport().run(command);
}

}  // namespace
}  // namespace catena
