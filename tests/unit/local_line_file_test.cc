#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <system_error>

#include "adapters/local/line_file.h"
#include "adapters/local/records.h"
#include "local_support.h"

namespace catena::local {
namespace {

using ::testing::ElementsAre;
using testing::Folder;
using ::testing::IsEmpty;
using testing::slurp;

void append_raw(const std::string& path, std::string_view text) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  ASSERT_EQ(write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

std::vector<std::string> lines(LineReader& reader) {
  std::vector<std::string> list;
  reader.read([&](std::string_view line) { list.emplace_back(line); });
  return list;
}

TEST(LineReader, ALineIsReadOnceAndOnlyWhenItIsWhole) {
  const Folder folder;
  LineReader reader(folder / "f");
  EXPECT_THAT(lines(reader), IsEmpty());  // no file
  append_raw(folder / "f", "one\ntw");
  EXPECT_THAT(lines(reader), ElementsAre("one"));
  append_raw(folder / "f", "o\n\nthree");
  EXPECT_THAT(lines(reader), ElementsAre("two", ""));
  EXPECT_EQ(reader.offset(), 9U);
}

TEST(LineReader, LinesLongerThanAReadAndAcrossReads) {
  const Folder folder;
  const std::string longest(1'000'000, 'x'), middle(200'000, 'y');
  append_raw(folder / "f", middle + "\n" + longest + "\n" + middle + "\nend\n");
  LineReader reader(folder / "f");
  EXPECT_THAT(lines(reader), ElementsAre(middle, longest, middle, "end"));
}

TEST(LineWriter, ATornLastLineIsCutOffHoweverLongItIs) {
  for (const std::size_t length : {1U, 4095U, 4096U, 4097U, 10'000U}) {
    const Folder folder;
    append_raw(folder / "f", "whole\n" + std::string(length, 't'));
    LineWriter(folder / "f").append("next\n");
    EXPECT_EQ(slurp(folder / "f"), "whole\nnext\n") << length;
    append_raw(folder / "g", std::string(length, 't'));
    LineWriter(folder / "g").append("next\n");
    EXPECT_EQ(slurp(folder / "g"), "next\n") << length;
  }
}

TEST(LineWriter, AFullDiskLeavesTheFileAsItWas) {
  const Folder folder;
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  LineWriter writer(folder / "f");
  writer.append("whole\n");
  const rlimit small{100, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(writer.append(std::string(500, 'x') + "\n"), std::system_error);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(slurp(folder / "f"), "whole\n");
  writer.append("after\n");
  EXPECT_EQ(slurp(folder / "f"), "whole\nafter\n");
}

TEST(FileLock, IsFreeOnceItsHolderWasKilled) {
  const Folder folder;
  const auto path = folder / "lock";
  EXPECT_FALSE(is_locked(path));
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FileLock lock(path, FileLock::Wait::no);
    if (write(ready[1], lock.held() ? "y" : "n", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char held = 0;
  ASSERT_EQ(read(ready[0], &held, 1), 1);
  EXPECT_EQ(held, 'y');
  EXPECT_TRUE(is_locked(path));
  EXPECT_FALSE(FileLock(path, FileLock::Wait::no).held());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  EXPECT_FALSE(is_locked(path));
  EXPECT_TRUE(FileLock(path, FileLock::Wait::no).held());
}

TEST(FileLock, AskingDoesNotTakeIt) {
  const Folder folder;
  const auto path = folder / "lock";
  { const FileLock made(path, FileLock::Wait::yes); }
  // If asking took the lock for a moment, one of many tries in between would be refused.
  const pid_t child = fork();
  if (child == 0) {
    for (;;) is_locked(path);
  }
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(FileLock(path, FileLock::Wait::no).held());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(Records, SurviveTheWayThereAndBack) {
  const QueueLine job{.id = "local.7",
                      .token = "t",
                      .name = "n \"x\"",
                      .workdir = "/a\nb\xff",
                      .log_out = "/o",
                      .log_err = "/e",
                      .cpus = 3,
                      .memory = Bytes{5} << 40,
                      .walltime = Seconds{90},
                      .held = true,
                      .parents = {{On::notok, "local.1"}, {On::start, "local.2"}},
                      .begin = Time{std::chrono::seconds{7}},
                      .time = Time{std::chrono::seconds{1'700'000'000}}};
  const auto text = to_line(job);
  ASSERT_EQ(text.find('\n'), text.size() - 1);
  const auto back = read_queue_line(text.substr(0, text.size() - 1));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_line(*back), text);
  EXPECT_EQ(back->workdir, job.workdir);
  EXPECT_EQ(back->memory, job.memory);
  EXPECT_EQ(back->begin, job.begin);
  EXPECT_EQ(back->parents, job.parents);
}

TEST(Records, TornAndForeignLinesAreNoRecords) {
  const auto whole = to_line(JournalLine{.what = JournalLine::What::end, .id = "local.1", .token = "t"});
  for (std::size_t length = 0; length + 2 < whole.size(); ++length) {
    EXPECT_FALSE(read_journal_line(std::string_view(whole).substr(0, length))) << length;
  }
  for (const auto* text : {"", "{}", "[]", "null", R"({"v":2,"what":"end"})",
                           R"({"v":1,"what":"end","outcome":"odd"})", R"({"v":1,"what":"odd"})"}) {
    EXPECT_FALSE(read_journal_line(text)) << text;
  }
  EXPECT_FALSE(read_queue_line(R"({"v":1,"id":"local.1"})"));
  EXPECT_FALSE(read_queue_line(R"({"v":1,"id":"local.1","token":"t","after":[["odd","local.1"]]})"));
  EXPECT_FALSE(read_control_line(R"({"v":1,"action":"odd","id":"local.1"})"));
}

}  // namespace
}  // namespace catena::local
