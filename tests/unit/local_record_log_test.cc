#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>

#include "adapters/local/record_log.h"
#include "local_support.h"

namespace catena::local {
namespace {

Report record(const std::string& token) {
  Report report;
  report.token = token;
  report.exit_code = 0;
  return report;
}

TEST(RecordLog, TheExitRecordStandsOverTheStartRecord) {
  testing::Folder folder;
  RecordWriter writer(folder / "records");
  RecordLog log(folder / "records");
  ASSERT_TRUE(writer.append(write_start_record(record("a"))));
  log.refresh();
  ASSERT_TRUE(log.find("a"));
  EXPECT_EQ(log.find("a")->state, JobState::running);
  EXPECT_FALSE(log.find("b"));
  ASSERT_TRUE(writer.append(write_exit_record(record("a"))));
  log.refresh();
  EXPECT_EQ(log.find("a")->state, JobState::completed);
}

TEST(RecordLog, WhatAFullDiskCutShortDoesNotSwallowTheNextRecord) {
  testing::Folder folder;
  const auto whole = write_exit_record(record("cut"));
  std::ofstream(folder / "records") << whole.substr(0, whole.size() / 2);
  ASSERT_TRUE(RecordWriter(folder / "records").append(write_exit_record(record("next"))));
  RecordLog log(folder / "records");
  log.refresh();
  EXPECT_FALSE(log.find("cut"));
  EXPECT_TRUE(log.find("next"));
}

TEST(RecordLog, AFullDiskIsSaid) {
  EXPECT_FALSE(RecordWriter("/dev/full").append(write_exit_record(record("a"))));
}

TEST(RecordLog, ProcessesThatAppendAtOnceDoNotMixTheirLines) {
  testing::Folder folder;
  constexpr int processes = 4, each = 500;
  for (int p = 0; p < processes; ++p) {
    if (fork() == 0) {
      RecordWriter writer(folder / "records");
      for (int i = 0; i < each; ++i) writer.append(write_exit_record(record(fmt::format("{}-{}", p, i))));
      _exit(0);
    }
  }
  for (int p = 0; p < processes; ++p) wait(nullptr);
  RecordLog log(folder / "records");
  log.refresh();
  for (int p = 0; p < processes; ++p) {
    for (int i = 0; i < each; ++i) EXPECT_TRUE(log.find(fmt::format("{}-{}", p, i)));
  }
}

}  // namespace
}  // namespace catena::local
