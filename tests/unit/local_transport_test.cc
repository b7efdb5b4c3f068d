#include "adapters/local/local_transport.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <numeric>

#include "core/error.h"
#include "local_support.h"

namespace catena {
namespace {

using ::testing::ElementsAre;
using testing::eventually;
using testing::Folder;
using ::testing::HasSubstr;
using testing::slurp;
using namespace std::chrono_literals;

Command shell(const std::string& program, std::string input = {}) {
  Command command;
  command.argv = {"/bin/sh", "-c", program};
  command.input = std::move(input);
  return command;
}

ErrorKind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::internal;
}

TEST(LocalTransportRun, BothStreamsBiggerThanAPipeDoNotDeadlock) {
  LocalTransport transport;
  const auto result = transport.run(
      shell("head -c 3000000 /dev/zero | tr '\\0' e >&2 & head -c 5000000 /dev/zero | tr '\\0' o; wait"));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, std::string(5'000'000, 'o'));
  EXPECT_GT(result.err.size(), 1'000'000U);
  EXPECT_THAT(result.err.substr(result.err.size() - 40), HasSubstr("more bytes dropped]"));
}

TEST(LocalTransportRun, InputBiggerThanAPipeComesBackByteForByte) {
  std::string input(3'000'000, '\0');
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i * 31 >> 3);
  EXPECT_EQ(LocalTransport().run(shell("cat", input)).out, input);
}

TEST(LocalTransportRun, InputThatNobodyReadsIsNoError) {
  const auto result = LocalTransport().run(shell("exec 0<&-; echo done", std::string(1'000'000, 'x')));
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "done\n");
}

TEST(LocalTransportRun, WithoutInputStandardInputIsAtItsEnd) {
  EXPECT_EQ(LocalTransport().run(shell("cat; echo end")).out, "end\n");
}

TEST(LocalTransportRun, LinesAreStreamedWholeAndTheLastMayLackItsNewline) {
  std::vector<std::string> lines;
  const auto result = LocalTransport().run(shell("printf 'one\\n\\ntw'; sleep 0.05; printf 'o\\nrest'"),
                                           [&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_THAT(lines, ElementsAre("one", "", "two", "rest"));
  EXPECT_EQ(result.out, "");
}

TEST(LocalTransportRun, ALineArrivesBeforeTheCommandEnds) {
  const Folder folder;
  const auto flag = folder / "flag";
  // The command ends only when the sink has seen its first line.
  const auto result =
      LocalTransport().run(shell("echo first; while [ ! -e '" + flag + "' ]; do sleep 0.01; done"),
                           [&](std::string_view) { close(open(flag.c_str(), O_CREAT | O_WRONLY, 0600)); });
  EXPECT_EQ(result.status, 0);
}

TEST(LocalTransportRun, StatusOfASignalIs128AndItsNumber) {
  EXPECT_EQ(LocalTransport().run(shell("kill -9 $$")).status, 137);
  EXPECT_EQ(LocalTransport().run(shell("exit 3")).status, 3);
}

TEST(LocalTransportRun, MissingProgramIsATransportErrorThatNamesIt) {
  Command command;
  command.argv = {"no-such-sbatch"};
  try {
    LocalTransport().run(command);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::transport);
    EXPECT_STREQ(error.what(), "no-such-sbatch: not found on this machine");
    EXPECT_NE(error.remedy(), "");
  }
}

TEST(LocalTransportRun, TimeoutKillsTheWholeGroupEvenIfItIsDeafToTerm) {
  const Folder folder;
  auto command = shell("trap '' TERM; (trap '' TERM; echo $$ > '" + (folder / "pid") +
                       "'; sleep 100) & while :; do sleep 100; done");
  command.timeout = 100ms;
  const auto begin = std::chrono::steady_clock::now();
  const auto result = LocalTransport().run(command);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.status, 137);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  const auto group = static_cast<pid_t>(std::stol(slurp(folder / "pid")));
  EXPECT_TRUE(eventually([&] { return kill(-group, 0) != 0; })) << "something of the group is left";
}

TEST(LocalTransportRun, AGrandchildThatHoldsThePipesIsNotWaitedFor) {
  const auto begin = std::chrono::steady_clock::now();
  const auto result = LocalTransport().run(shell("sleep 60 & echo $!"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  EXPECT_EQ(result.status, 0);
  // It may go on: a connection master is such a one.
  const auto pid = static_cast<pid_t>(std::stol(result.out));
  EXPECT_EQ(kill(pid, 0), 0);
  kill(pid, SIGKILL);
}

TEST(LocalTransportRun, AnExceptionFromTheSinkEndsTheCommand) {
  pid_t pid = 0;
  EXPECT_THROW(LocalTransport().run(shell("echo $$; exec sleep 100"),
                                    [&](std::string_view line) {
                                      pid = static_cast<pid_t>(std::stol(std::string(line)));
                                      throw std::runtime_error("full");
                                    }),
               std::runtime_error);
  EXPECT_NE(kill(pid, 0), 0) << "it lives on";
}

TEST(LocalTransportRun, TheChildGetsNoDescriptorsAndDefaultSignals) {
  signal(SIGPIPE, SIG_IGN);
  const int leak = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  const auto result = LocalTransport().run(shell("ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status"));
  close(leak);
  signal(SIGPIPE, SIG_DFL);
  EXPECT_THAT(result.out, HasSubstr("4\n"));  // 0, 1, 2 and the folder that ls reads
  // glibc 2.36 leaves its own two, 32 and 33, ignored in whatever it spawns: they are nobody else's.
  const auto ignored = std::stoull(result.out.substr(result.out.find('\t')), nullptr, 16);
  EXPECT_EQ(ignored & 0x7fffffffU, 0U);
}

TEST(LocalTransportPut, ArrivesWithItsModeUnderAnyName) {
  const Folder folder;
  const auto umask_before = umask(077);
  for (const std::string name :
       {"a b", "it's \"quoted\"", "new\nline", "-rf", "$HOME", "dir one/dir'two/file"}) {
    const FileToPut file{"content of " + name, {}, folder / name, 0755};
    LocalTransport().put({&file, 1}, "");
    EXPECT_EQ(slurp(file.target), file.content);
    EXPECT_EQ(LocalTransport().stat(file.target)->mode, 0755);
  }
  umask(umask_before);
  EXPECT_EQ(LocalTransport().stat(folder / "dir one")->mode, 0700);
}

TEST(LocalTransportPut, AsLongANameAsANameCanBe) {
  const Folder folder;
  const FileToPut file{"x", {}, folder / std::string(255, 'n'), 0600};
  LocalTransport().put({&file, 1}, "");
  EXPECT_EQ(slurp(file.target), "x");
}

TEST(LocalTransportPut, CopiesASourceWhateverItsKind) {
  const Folder folder;
  const std::string content(700'001, 'q');
  local::replace_file(folder / "source", content);
  const FileToPut files[] = {{{}, folder / "source", folder / "copy", 0640},
                             {{}, "/proc/self/status", folder / "made", 0600}};
  LocalTransport().put(files, "");
  EXPECT_EQ(slurp(folder / "copy"), content);
  EXPECT_THAT(slurp(folder / "made"), HasSubstr("Name:"));  // copy_file_range gives nothing there
}

TEST(LocalTransportPut, AFailureLeavesTheOldFileAndNoTemporaryOne) {
  const Folder folder;
  local::replace_file(folder / "kept", "old");
  const FileToPut file{{}, folder / "no such source", folder / "kept", 0600};
  EXPECT_EQ(kind_of([&] { LocalTransport().put({&file, 1}, ""); }), ErrorKind::transport);
  EXPECT_EQ(slurp(folder / "kept"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(LocalTransportDirectories, ExistingOnesAreLeftAloneAndAFileInTheWayIsAnError) {
  const Folder folder;
  mkdir((folder / "there").c_str(), 0755);
  chmod((folder / "there").c_str(), 0755);
  const std::string paths[] = {folder / "there", folder / "a/b/c/", folder / "a/b"};
  LocalTransport().make_directories(paths);
  EXPECT_EQ(LocalTransport().stat(folder / "there")->mode, 0755);
  EXPECT_TRUE(LocalTransport().stat(folder / "a/b/c")->directory);
  local::replace_file(folder / "file", "");
  const std::string below = folder / "file/x";
  EXPECT_EQ(kind_of([&] { LocalTransport().make_directories({&below, 1}); }), ErrorKind::transport);
}

TEST(LocalTransportRead, FromAnOffsetAndMissingFiles) {
  const Folder folder;
  local::replace_file(folder / "log", "0123456789");
  std::string got;
  const auto sink = [&](std::string_view piece) { got += piece; };
  LocalTransport().read(folder / "log", 7, sink);
  EXPECT_EQ(got, "789");
  LocalTransport().read(folder / "log", 70, sink);
  EXPECT_EQ(got, "789");
  EXPECT_EQ(kind_of([&] { LocalTransport().read(folder / "none", 0, sink); }), ErrorKind::not_found);
  EXPECT_EQ(kind_of([&] { LocalTransport().read(folder.path(), 0, sink); }), ErrorKind::transport);
  EXPECT_FALSE(LocalTransport().stat(folder / "none"));
}

}  // namespace
}  // namespace catena
