#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "adapters/local/local_transport.h"
#include "adapters/ssh/command_channel.h"
#include "adapters/ssh/remote_command.h"
#include "core/error.h"

namespace catena::ssh {
namespace {

const std::string marker = "0123456789abcdef0123456789abcdef";

struct Shell {
  const char* name;
  const char* package;
};
const Shell shells[] = {{"sh", "dash"},   {"bash", "bash"}, {"dash", "dash"}, {"csh", "tcsh"},
                        {"tcsh", "tcsh"}, {"fish", "fish"}, {"zsh", "zsh"},   {"ksh", "ksh"}};

// Runs a command's line as sshd does, by SHELL -c.
class LoginShell : public ::testing::TestWithParam<Shell> {
 protected:
  void SetUp() override {
    for (const std::string folder : {"/bin/", "/usr/bin/"}) {
      if (access((folder + GetParam().name).c_str(), X_OK) == 0) shell_ = folder + GetParam().name;
    }
    if (shell_.empty()) GTEST_SKIP() << "needs the package " << GetParam().package;
  }
  CommandResult run(const std::vector<std::string>& argv, const std::string& input = {},
                    bool keep_shell = false) {
    const auto remote = remote_command(argv, marker, keep_shell);
    EXPECT_LT(remote.line.size(), 32'000U);
    Command command;
    command.argv = {shell_, "-c", remote.line};
    command.input = remote.prefix + input;
    auto result = LocalTransport().run(command);
    std::string out;
    MarkedOutput marked(marker, [&](std::string_view piece) { out += piece; });
    marked.take(result.out);
    EXPECT_TRUE(marked.begun()) << result.err;
    EXPECT_GT(marked.pid(), 1);
    result.out = out;
    result.err = after_marker(result.err, marker);
    return result;
  }
  std::string shell_;
};
INSTANTIATE_TEST_SUITE_P(Shells, LoginShell, ::testing::ValuesIn(shells),
                         [](const auto& shell) { return std::string(shell.param.name); });

TEST_P(LoginShell, EveryWordArrivesAsItIs) {
  std::string ascii;
  for (char c = ' '; c <= '~'; ++c) ascii += c;
  std::string bytes;
  for (int c = 1; c < 256; ++c) bytes += static_cast<char>(c);
  const std::vector<std::string> words = {"",         " ",           "plain",
                                          ascii,      bytes,         "~",
                                          "~root",    "-n",          "--",
                                          "it's",     "a\"b",        "$HOME `id` $(id) ${x}",
                                          "!!",       "!x",          "\\",
                                          "\\\\",     "\\n",         "a\nb\n",
                                          "\n",       "*",           "/e*",
                                          "{a,b}",    "[a-z]",       "%1",
                                          "%s",       "#no comment", "a;b|c&d",
                                          "<in >out", "^x^y",        "a=b",
                                          "=ls",      "\t",          "é",
                                          "\xff\xfe", "(x)",         "@x",
                                          "-e",       "null\\0",     std::string(300, '\\')};
  // Each alone, so that one form does not hide another; and all together.
  for (const auto& word : words) {
    EXPECT_EQ(run({"printf", "[%s]", word}).out, "[" + word + "]") << word;
  }
  std::vector<std::string> argv = {"printf", "[%s]"};
  std::string expected;
  for (const auto& word : words) {
    argv.push_back(word);
    expected += "[" + word + "]";
  }
  EXPECT_EQ(run(argv).out, expected);
}

TEST_P(LoginShell, AnArgumentBeyondWhatALineCarriesLeavesStandardInputToTheCommand) {
  std::string big;
  for (int i = 0; i < 100'000; ++i) big += static_cast<char>(1 + i * 7 % 255);
  const auto result = run({"sh", "-c", "printf %s \"$1\"; cat", "sh", big}, "the input\nof the command");
  EXPECT_EQ(result.out, big + "the input\nof the command") << result.err.substr(0, 300);
}

TEST_P(LoginShell, AnArgumentThatJustFitsALineIsNotTooLongAWord) {
  for (const int size : {900, 1100, 4000, 5000, 12'000, 23'000}) {
    const std::string word(static_cast<std::size_t>(size), 'x');
    EXPECT_EQ(run({"printf", "%s", word}).out, word);
    const std::string odd(static_cast<std::size_t>(size) / 3, '!');
    EXPECT_EQ(run({"printf", "%s", odd}).out, odd);
  }
}

TEST_P(LoginShell, StatusAndStreamsAreTheCommands) {
  const auto result = run({"sh", "-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(result.status, 7);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST_P(LoginShell, AKeptShellTellsSignalsAndAnnounces255) {
  EXPECT_EQ(run({"sh", "-c", "kill -9 $$"}, {}, true).status, 128 + 9);
  EXPECT_EQ(run({"sh", "-c", "exit 3"}, {}, true).err, "");
  const auto result = run({"sh", "-c", "echo oops >&2; exit 255"}, {}, true);
  EXPECT_EQ(result.status, 255);
  EXPECT_EQ(result.err, "oops\n" + marker + " 255\n");
}

TEST(RemoteCommand, TheKillLineEndsAWholeGroupAndAStubbornOne) {
  Command command;
  std::string name = "/tmp/catena-kill-XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  command.argv = {"/bin/sh", "-c",
                  "cd " + name +
                      "; setsid sh -c 'trap \"\" TERM; echo $$ >pid; sleep 1000 & wait; sleep 1000' "
                      ">/dev/null 2>&1 </dev/null &"
                      " until [ -s pid ]; do sleep 0.01; done; cat pid; rm -r " +
                      name};
  const auto pid = std::stol(LocalTransport().run(command).out);
  ASSERT_GT(pid, 1);
  ASSERT_EQ(::kill(static_cast<pid_t>(-pid), 0), 0);
  command.argv = {"/bin/sh", "-c", kill_line(pid)};
  LocalTransport().run(command);
  // A killed process is gone when the kernel comes to it.
  command.argv = {"/bin/sh", "-c",
                  "for i in $(seq 100); do left=$(ps -o stat= -g " + std::to_string(pid) +
                      " | grep -v Z) || break; sleep 0.1; done; printf %s \"$left\""};
  EXPECT_EQ(LocalTransport().run(command).out, "");
}

TEST(MarkedOutput, DropsWhatStartUpFilesPrintHoweverItIsCut) {
  const std::string text =
      "Welcome! 0123 quota\nno newline" + marker + " 4711\nfirst\n" + marker + " 1\nlast";
  for (std::size_t size : {1UL, 2UL, 7UL, 31UL, 33UL, text.size()}) {
    std::string out;
    MarkedOutput marked(marker, [&](std::string_view piece) { out += piece; });
    for (std::size_t at = 0; at < text.size(); at += size)
      marked.take(std::string_view(text).substr(at, size));
    EXPECT_EQ(out, "first\n" + marker + " 1\nlast") << size;
    EXPECT_EQ(marked.pid(), 4711);
    EXPECT_EQ(marked.noise(), "Welcome! 0123 quota\nno newline");
  }
}

TEST(MarkedOutput, NoiseWithoutEndIsAnErrorAndNotAllOfTheMemory) {
  MarkedOutput marked(marker, [](std::string_view) { FAIL(); });
  try {
    for (int i = 0; i < 1000; ++i) marked.take(std::string(10'000, 'y'));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::transport);
  }
}

TEST(Marker, IsNeverTheSame) {
  EXPECT_EQ(make_marker().size(), 32U);
  EXPECT_NE(make_marker(), make_marker());
}

}  // namespace
}  // namespace catena::ssh
