#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/ssh/encoding.h"
#include "adapters/ssh/host_key.h"
#include "adapters/ssh/known_hosts.h"
#include "core/error.h"
#include "local_support.h"

namespace catena::ssh {
namespace {

using catena::testing::Folder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Verdict = KnownHosts::Verdict;

const std::string key_a = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0zzD22lfZeppf67hzSytilDO95V/KX0y0lekEEQIqr";
const std::string key_b = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICEehUs6FZQXcD8wZ4mgxck1feiWEdqCxvyqVMbQHD5M";
const std::string key_ecdsa =
    "ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCZM/"
    "P72BgWITvNxAomWrFesAbzwq8TNlwB/aYgm0EQeI7A+HckFXAlCOkmoxSA0CDCmh6gx+FxFAEej8Jalw3I=";
// By ssh-keygen -lf of key_a.
const std::string print_a = "SHA256:nIqa2W1u8sFeZOvA4IWsWGJIHLxGqP5iRahVNagTKJU";
// By ssh-keygen -H, of login1 and [login1]:2222.
const std::string hashed = "|1|r5dnnr3rdlCZ3mX2ZQ4XI9Jr/3M=|UDJVy6m/lDjeyfinMBePSqF2/+0=";
const std::string hashed_port = "|1|Zob6cZR67vFzbpueHGOoZa+MSOg=|lVPFh0OkUwlKp0kmdWkEndpefTA=";

std::string blob(const std::string& key) {
  return *decode_base64(key.substr(key.find(' ') + 1));
}

struct Case {
  std::string trap, text, host;
  int port;
  std::string key;
  Verdict verdict;
  int line;  // 0: none
};

class KnownHostsTable : public ::testing::TestWithParam<Case> {};

TEST_P(KnownHostsTable, DecidesAsOpenSsh) {
  const auto& given = GetParam();
  KnownHosts known;
  known.read_text(given.text, "file");
  const auto answer = known.check(known_name(given.host, given.port), blob(given.key));
  EXPECT_EQ(answer.verdict, given.verdict) << given.trap;
  EXPECT_EQ(answer.place, given.line ? "file:" + std::to_string(given.line) : "") << given.trap;
}

const Case cases[] = {
    {"plain", "login1 " + key_a + "\n", "login1", 22, key_a, Verdict::known, 1},
    {"no newline at the end", "login1 " + key_a, "login1", 22, key_a, Verdict::known, 1},
    {"a comment after the key", "login1 " + key_a + " me@home\n", "login1", 22, key_a, Verdict::known, 1},
    {"another key of the type", "# c\n\nlogin1 " + key_a + "\n", "login1", 22, key_b, Verdict::changed, 3},
    {"only another type", "login1 " + key_ecdsa + "\n", "login1", 22, key_a, Verdict::unknown, 0},
    {"another host", "login1 " + key_a + "\n", "login2", 22, key_a, Verdict::unknown, 0},
    {"the name as a part", "login1.site.org " + key_a + "\n", "login1", 22, key_a, Verdict::unknown, 0},
    {"one of two keys", "login1 " + key_b + "\nlogin1 " + key_a + "\n", "login1", 22, key_a, Verdict::known,
     2},
    {"hashed", hashed + " " + key_a + "\n", "login1", 22, key_a, Verdict::known, 1},
    {"hashed, upper-case request", hashed + " " + key_a + "\n", "LOGIN1", 22, key_a, Verdict::known, 1},
    {"hashed, changed", hashed + " " + key_a + "\n", "login1", 22, key_b, Verdict::changed, 1},
    {"hashed, other host", hashed + " " + key_a + "\n", "login2", 22, key_a, Verdict::unknown, 0},
    {"hashed with port", hashed_port + " " + key_a + "\n", "login1", 2222, key_a, Verdict::known, 1},
    {"hashed with port, asked without", hashed_port + " " + key_a, "login1", 22, key_a, Verdict::unknown, 0},
    {"port", "[login1]:2222 " + key_a + "\n", "login1", 2222, key_a, Verdict::known, 1},
    {"other port", "[login1]:2222 " + key_a + "\n", "login1", 2223, key_a, Verdict::unknown, 0},
    {"plain entry vouches for a port", "login1 " + key_a + "\n", "login1", 2222, key_a, Verdict::known, 1},
    {"plain entry cannot accuse a port", "login1 " + key_a, "login1", 2222, key_b, Verdict::unknown, 0},
    {"a port's own entry goes first", "login1 " + key_a + "\n[login1]:2222 " + key_b + "\n", "login1", 2222,
     key_a, Verdict::changed, 2},
    {"list", "login0,login1,10.0.0.1 " + key_a + "\n", "10.0.0.1", 22, key_a, Verdict::known, 1},
    {"upper case in the file", "LOGIN1 " + key_a + "\n", "login1", 22, key_a, Verdict::known, 1},
    {"CRLF", "login0 " + key_b + "\r\nlogin1 " + key_a + "\r\n", "login1", 22, key_a, Verdict::known, 2},
    {"wildcard", "*.site.org " + key_a + "\n", "login1.site.org", 22, key_a, Verdict::known, 1},
    {"question mark", "login? " + key_a + "\n", "login12", 22, key_a, Verdict::unknown, 0},
    {"negated", "login*,!login1 " + key_a + "\n", "login1", 22, key_a, Verdict::unknown, 0},
    {"negated other", "login*,!login1 " + key_a + "\n", "login2", 22, key_a, Verdict::known, 1},
    {"revoked", "@revoked login1 " + key_a + "\n", "login1", 22, key_a, Verdict::revoked, 1},
    {"revoked, though also known", "login1 " + key_a + "\n@revoked * " + key_a + "\n", "login1", 22, key_a,
     Verdict::revoked, 2},
    {"revoked with other key shown", "@revoked login1 " + key_b + "\nlogin1 " + key_a + "\n", "login1", 22,
     key_a, Verdict::known, 2},
    {"revoked key of a plain entry, on a port", "@revoked login1 " + key_a + "\n", "login1", 2222, key_a,
     Verdict::revoked, 1},
    {"authority is no host key", "@cert-authority * " + key_a + "\n", "login1", 22, key_a, Verdict::unknown,
     0},
    {"authority does not accuse", "@cert-authority * " + key_a + "\n", "login1", 22, key_b, Verdict::unknown,
     0},
    {"unknown mark", "@new login1 " + key_a + "\n", "login1", 22, key_a, Verdict::unknown, 0},
    {"garbage before",
     "%%%%\nlogin1\nlogin1 ssh-ed25519 !!!!\n" + std::string(9000, 'x') + "\nlogin1 " + key_a, "login1", 22,
     key_a, Verdict::known, 5},
    {"type and key disagree", "login1 ssh-rsa " + key_a.substr(12), "login1", 22, key_a, Verdict::unknown, 0},
    {"leading blanks and tabs", "  login1\t" + key_a, "login1", 22, key_a, Verdict::known, 1},
    {"address in brackets", "[2001:db8::1]:2222 " + key_a, "2001:DB8::1", 2222, key_a, Verdict::known, 1},
};
INSTANTIATE_TEST_SUITE_P(Cases, KnownHostsTable, ::testing::ValuesIn(cases));

TEST(KnownHosts, TypesAreToldInTheFilesOrderSoThatAKnownHostDoesNotLookChanged) {
  KnownHosts known;
  known.read_text("login1 " + key_ecdsa + "\n@revoked login1 " + key_b + "\n*.x " + key_a + "\n", "one");
  known.read_text("login1 " + key_ecdsa + "\nlogin1 " + key_a + "\n", "two");
  EXPECT_THAT(known.types("login1"), ElementsAre("ecdsa-sha2-nistp256", "ssh-ed25519"));
  EXPECT_THAT(known.types("login2"), ElementsAre());
  EXPECT_THAT(known.types("[login1]:2222"), ElementsAre("ecdsa-sha2-nistp256", "ssh-ed25519"));
}

TEST(KnownHosts, AStarPatternIsNotExponential) {
  KnownHosts known;
  known.read_text("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b " + key_a + "\n", "file");
  EXPECT_EQ(known.check(std::string(20'000, 'a'), blob(key_a)).verdict, Verdict::unknown);
}

TEST(KnownHosts, AFileThatIsNotThereHasNoLines) {
  KnownHosts known;
  known.read_file("/nonexistent/known_hosts");
  EXPECT_EQ(known.check("login1", blob(key_a)).verdict, Verdict::unknown);
}

struct HostKeys : ::testing::Test {
  HostKeys() {
    config.name = "hpc";
    config.host = "login1";
    config.user = "alice";
    config.user_known_hosts = {folder / "mine"};
    config.global_known_hosts = {folder / "global"};
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(folder / name) << text; }
  // The message and the remedy; empty: accepted.
  std::string refusal(const std::string& key, const std::string& pin = {}) {
    try {
      verify_host_key(config, pin, blob(key));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::transport);
      return std::string(error.what()) + "\n" + error.remedy();
    }
    return {};
  }
  Folder folder;
  HostConfig config;
};

TEST_F(HostKeys, EveryFileCounts) {
  write("mine", "login2 " + key_a + "\n");
  write("global", "login1 " + key_a + "\n");
  EXPECT_EQ(refusal(key_a), "");
}

TEST_F(HostKeys, AnUnknownHostIsRefusedWithItsFingerprintAndTheCommandToCheckIt) {
  config.port = 2222;
  EXPECT_THAT(refusal(key_a), HasSubstr(print_a));
  EXPECT_THAT(refusal(key_a), HasSubstr("ssh -p 2222 alice@hpc"));
}

TEST_F(HostKeys, AChangedKeyIsRefusedWithThePlaceAndTheCommandToRemoveIt) {
  write("mine", "# mine\nlogin1 " + key_b + "\n");
  EXPECT_THAT(refusal(key_a), HasSubstr(print_a));
  EXPECT_THAT(refusal(key_a), HasSubstr(folder / "mine:2"));
  EXPECT_THAT(refusal(key_a), HasSubstr("ssh-keygen -f '" + (folder / "mine") + "' -R login1"));
}

TEST_F(HostKeys, ARevokedKeyIsRefusedWhateverElseIsKnown) {
  write("mine", "login1 " + key_a + "\n");
  write("global", "@revoked * " + key_a + "\n");
  EXPECT_THAT(refusal(key_a), HasSubstr("revoked"));
}

TEST_F(HostKeys, AnAliasStandsForTheHostOnAnyPort) {
  config.host_key_alias = "Cluster";
  config.port = 2222;
  write("mine", "cluster " + key_a + "\n");
  EXPECT_EQ(refusal(key_a), "");
}

TEST_F(HostKeys, APinAloneCounts) {
  write("mine", "login1 " + key_b + "\n");
  EXPECT_EQ(refusal(key_a, print_a), "");
  EXPECT_EQ(refusal(key_a, print_a + "="), "");
  EXPECT_EQ(refusal(key_a, key_a), "");
  EXPECT_EQ(refusal(key_a, key_a + " comment"), "");
  EXPECT_THAT(refusal(key_b, key_a), HasSubstr(fingerprint(blob(key_b))));
  EXPECT_THAT(refusal(key_b, print_a), HasSubstr(print_a));
}

TEST_F(HostKeys, APinThatIsNoKeyIsAMistakeOfTheSiteFile) {
  for (const auto& pin :
       std::vector<std::string>{"SHA256:short", "AAAA", "ssh-rsa " + key_a.substr(12), "ssh-ed25519 ????"}) {
    try {
      check_pin(pin);
      ADD_FAILURE() << pin;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
    }
  }
  check_pin(key_a);
  check_pin(print_a);
}

}  // namespace
}  // namespace catena::ssh
