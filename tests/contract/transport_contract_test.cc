// One suite that every transport passes: this machine, libssh2, the system's ssh. The hosts of the SSH kinds
// are this machine too (scripts/sshd), so that the test sees their files.
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "adapters/local/local_transport.h"
#include "adapters/ssh/ssh_transport.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

Command command(std::vector<std::string> argv, std::string input = {}) {
  Command made;
  made.argv = std::move(argv);
  made.input = std::move(input);
  return made;
}

class Transports : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::string name = "/tmp/catena-transport contract.XXXXXX";
    dir_ = mkdtemp(name.data());
    fs::permissions(dir_, fs::perms::all);
    here_ = dir_ / "here";
    there_ = dir_ / "there";
    fs::create_directories(here_);
    if (GetParam() == "local") {
      transport_ = std::make_unique<LocalTransport>();
      return;
    }
    const char* config = getenv("CATENA_TEST_SSH_CONFIG");
    if (!config) GTEST_SKIP() << "no private SSH servers: scripts/test starts them";
    SshOptions options;
    options.kind = GetParam();
    options.hosts = {"catena-default"};
    options.config_file = config;
    transport_ = make_ssh_transport(options);
  }
  void TearDown() override { fs::remove_all(dir_); }

  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((here_ / name).parent_path());
    std::ofstream(here_ / name, std::ios::binary) << text;
    return here_ / name;
  }
  ErrorKind kind_of(const std::function<void()>& action) const {
    try {
      action();
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::internal;
  }

  fs::path dir_, here_, there_;
  std::unique_ptr<Transport> transport_;
};

TEST_P(Transports, ACommandsStatusOutputAndErrorsAreItsOwn) {
  const auto result = transport_->run(command({"sh", "-c", "echo out; echo err >&2; exit 3"}));
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(transport_->run(command({"sh", "-c", "kill -KILL $$"})).status, 128 + 9);
}

TEST_P(Transports, ArgumentsArriveAsTheyAre) {
  const std::vector<std::string> words = {"",  "a b", "it's", "$HOME", "`id`",       "a\nb",
                                          "*", "!x",  "\\",   "-n",    "caf\xc3\xa9"};
  std::vector<std::string> argv = {"printf", "<%s>"};
  std::string expected;
  for (const auto& word : words) {
    argv.push_back(word);
    expected += "<" + word + ">";
  }
  EXPECT_EQ(transport_->run(command(argv)).out, expected);
}

TEST_P(Transports, LinesAreHandedOverAsTheyCome) {
  std::vector<std::string> lines;
  const auto result = transport_->run(command({"sh", "-c", "echo one; echo; printf last"}),
                                      [&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_THAT(lines, ElementsAre("one", "", "last"));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_P(Transports, AProgramOfAMegabyteIsReadFromStandardInput) {
  std::string program;
  while (program.size() < 1'000'000) program += ": a line that does nothing at all\n";
  EXPECT_EQ(transport_->run(command({"sh", "-s"}, program + "echo end\n")).out, "end\n");
}

TEST_P(Transports, BytesGoBothWaysAtOnce) {
  std::string sent(5'000'000, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 + i / 256);
  std::size_t at = 0;
  std::string back;
  const auto result = transport_->stream(
      command({"cat"}),
      [&](std::span<char> buffer) {
        const auto size = std::min(buffer.size(), sent.size() - at);
        sent.copy(buffer.data(), size, at);
        at += size;
        return size;
      },
      [&](std::string_view piece) { back += piece; });
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(back == sent);
}

TEST_P(Transports, ATimeOutEndsTheCommand) {
  auto slow = command({"sleep", "300"});
  slow.timeout = std::chrono::milliseconds{300};
  const auto result = transport_->run(slow);
  EXPECT_TRUE(result.timed_out);
  EXPECT_GE(result.status, 128);
}

TEST_P(Transports, FilesArriveWithContentAndModeAndOneSourceIsOneCopy) {
  const auto source = write("run.sh", "#!/bin/sh\n");
  const auto target = [&](const std::string& name) { return (there_ / name).string(); };
  const std::vector<FileToPut> files = {{{}, source, target("a/run.sh"), 0750},
                                        {{}, source, target("b c/run.sh"), 0750},
                                        {"rendered", {}, target("a/in"), 0600}};
  transport_->put(files, there_.string());
  EXPECT_EQ(slurp(there_ / "b c/run.sh"), "#!/bin/sh\n");
  EXPECT_EQ(slurp(there_ / "a/in"), "rendered");
  EXPECT_EQ(fs::status(there_ / "a/run.sh").permissions(), fs::perms(0750));
  EXPECT_EQ(fs::hard_link_count(there_ / "a/run.sh"), 2U);
  transport_->put(files, there_.string());
  EXPECT_EQ(slurp(there_ / "a/run.sh"), "#!/bin/sh\n");
  int names = 0;
  for (const auto& entry : fs::recursive_directory_iterator(there_)) names += entry.is_directory() ? 0 : 1;
  EXPECT_EQ(names, 3) << "nothing temporary is left";
}

TEST_P(Transports, FilesComeBackByPatternAndLinksOutDoNot) {
  transport_->run(command({"sh", "-c",
                           "mkdir -p \"$1/d\" && cd \"$1\" && echo 1 > a.out && echo 2 > d/b && "
                           "ln -s /etc/passwd out.out && ln -s a.out in.out",
                           "sh", there_.string()}));
  const FilesToGet set{there_.string(), {"*.out", "d"}, here_ / "back"};
  const auto got = transport_->get({&set, 1});
  EXPECT_EQ(got.files.size(), 3U);
  EXPECT_EQ(got.left_out.size(), 1U);
  EXPECT_EQ(slurp(here_ / "back/a.out"), "1\n");
  EXPECT_EQ(slurp(here_ / "back/in.out"), "1\n");
  EXPECT_EQ(slurp(here_ / "back/d/b"), "2\n");
  EXPECT_FALSE(fs::exists(here_ / "back/out.out"));
}

TEST_P(Transports, StatReadAndDirectories) {
  const std::vector<std::string> paths = {(there_ / "x/y").string()};
  transport_->make_directories(paths);
  transport_->make_directories(paths);
  EXPECT_TRUE(transport_->stat(paths[0])->directory);
  transport_->run(command({"sh", "-c", "printf 0123456789 > \"$1\"/log", "sh", paths[0]}));
  const auto log = paths[0] + "/log";
  EXPECT_EQ(transport_->stat(log)->size, 10U);
  std::string tail;
  transport_->read(log, 7, [&](std::string_view piece) { tail += piece; });
  EXPECT_EQ(tail, "789");
  EXPECT_FALSE(transport_->stat(log + "none"));
  EXPECT_EQ(kind_of([&] { transport_->read(log + "none", 0, [](std::string_view) {}); }),
            ErrorKind::not_found);
}

TEST_P(Transports, WhatCannotBeWrittenIsAnErrorOfTheTransport) {
  write("file", "");
  const FileToPut file{"x", {}, (here_ / "file/below").string(), 0600};
  EXPECT_EQ(kind_of([&] { transport_->put({&file, 1}, (here_ / "file").string()); }), ErrorKind::transport);
}

INSTANTIATE_TEST_SUITE_P(All, Transports, testing::Values("local", "libssh2", "openssh"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace catena
