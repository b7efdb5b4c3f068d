#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "adapters/ssh/host_config.h"
#include "core/error.h"
#include "local_support.h"

namespace catena::ssh {
namespace {

using catena::testing::Folder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = getenv(name)) old_ = old;
    setenv(name, value, 1);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(HostConfig, ReadsWhatSshPrints) {
  const Variable home("HOME", "/home/me");
  const auto config =
      parse_host_config("hpc",
                        "host hpc\n"
                        "user alice\n"
                        "hostname login1.site.org\n"
                        "port 2222\n"
                        "gssapiauthentication yes\n"
                        "identitiesonly yes\n"
                        "identityagent none\n"
                        "identityfile ~/.ssh/id_%h_%r\n"
                        "identityfile /keys/with space\n"
                        "certificatefile none\n"
                        "globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n"
                        "userknownhostsfile ~/.ssh/known_hosts %d/kh_%n_%p_%%\n"
                        "hostkeyalias cluster\n"
                        "connecttimeout 7\n"
                        "controlpath /run/%r@%h:%p\n"
                        "sendenv LANG\n"
                        "without_value\n");
  EXPECT_EQ(config.name, "hpc");
  EXPECT_EQ(config.host, "login1.site.org");
  EXPECT_EQ(config.where(), "alice@hpc");
  EXPECT_EQ(config.port, 2222);
  EXPECT_TRUE(config.gssapi);
  EXPECT_TRUE(config.identities_only);
  EXPECT_EQ(config.agent, "");
  EXPECT_THAT(config.identity_files,
              ElementsAre("/home/me/.ssh/id_login1.site.org_alice", "/keys/with space"));
  EXPECT_THAT(config.certificate_files, IsEmpty());
  EXPECT_THAT(config.user_known_hosts, ElementsAre("/home/me/.ssh/known_hosts", "/home/me/kh_hpc_2222_%"));
  EXPECT_EQ(config.global_known_hosts.size(), 2U);
  EXPECT_EQ(config.host_key_alias, "cluster");
  EXPECT_EQ(config.connect_timeout, 7s);
  EXPECT_EQ(config.control_path, "/run/alice@login1.site.org:2222");
}

TEST(HostConfig, NoneMeansNone) {
  const auto config = parse_host_config("h",
                                        "connecttimeout none\nproxycommand none\ncontrolpath "
                                        "none\nglobalknownhostsfile none\nidentityfile none\n");
  EXPECT_FALSE(config.connect_timeout);
  EXPECT_EQ(config.proxy_command, "");
  EXPECT_EQ(config.control_path, "");
  EXPECT_THAT(config.global_known_hosts, IsEmpty());
  EXPECT_THAT(config.identity_files, IsEmpty());
}

TEST(HostConfig, TheAgentIsWhereTheConfigurationSays) {
  const Variable standard("SSH_AUTH_SOCK", "/tmp/standard");
  const Variable other("OTHER_SOCK", "/tmp/other");
  EXPECT_EQ(parse_host_config("h", "").agent, "/tmp/standard");
  EXPECT_EQ(parse_host_config("h", "identityagent SSH_AUTH_SOCK\n").agent, "/tmp/standard");
  EXPECT_EQ(parse_host_config("h", "identityagent $OTHER_SOCK\n").agent, "/tmp/other");
  EXPECT_EQ(parse_host_config("h", "identityagent /run/%r\nuser bob\n").agent, "/run/bob");
}

struct Configured : ::testing::Test {
  void SetUp() override {
    if (!openssh_installed()) GTEST_SKIP() << "needs the package openssh-client";
  }
  std::vector<std::string> route(const std::string& text, const std::string& host) {
    std::ofstream(folder / "config") << text;
    SshOptions options;
    options.config_file = folder / "config";
    std::vector<std::string> names;
    for (const auto& hop : resolve_route(host, options))
      names.push_back(hop.user + "@" + hop.host + ":" + std::to_string(hop.port));
    return names;
  }
  Folder folder;
};

TEST_F(Configured, SeveralHopsAreFollowedEachByItsOwnConfiguration) {
  const std::string text =
      "Host gate\n  HostName gate.org\n  Port 2200\n  ProxyJump outer\n"
      "Host middle\n  HostName 10.0.0.2\n  ProxyJump elsewhere\n"
      "Host inner\n  HostName 10.0.0.3\n  ProxyJump gate,bob@middle:2201\n"
      "Host *\n  User alice\n";
  EXPECT_THAT(route(text, "inner"),
              ElementsAre("alice@outer:22", "alice@gate.org:2200", "bob@10.0.0.2:2201", "alice@10.0.0.3:22"));
}

TEST_F(Configured, WhatTheSiteSaysGoesBeforeTheConfiguration) {
  std::ofstream(folder / "config") << "Host *\n  User alice\n  Port 2200\n";
  const auto config = resolve_host("h", "bob", 22, folder / "config");
  EXPECT_EQ(config.user, "bob");
  EXPECT_EQ(config.port, 22);
}

TEST_F(Configured, ACircleOfJumpsIsAnErrorAndNotEndless) {
  try {
    route("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n", "a");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
  }
}

TEST_F(Configured, AHostThatLooksLikeAnOptionIsNone) {
  for (const auto* host : {"-oProxyCommand=touch /tmp/x", ""}) {
    try {
      resolve_host(host, {}, 0, {});
      FAIL() << host;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
    }
  }
}

TEST_F(Configured, WithoutAClientThePlainValuesAreTaken) {
  const Variable path("PATH", "/nonexistent");
  const auto config = resolve_host("login1", "alice", 2222, folder / "config");
  EXPECT_EQ(config.host, "login1");
  EXPECT_EQ(config.where(), "alice@login1");
  EXPECT_EQ(config.port, 2222);
  EXPECT_FALSE(config.identity_files.empty());
  EXPECT_FALSE(config.user_known_hosts.empty());
}

}  // namespace
}  // namespace catena::ssh
