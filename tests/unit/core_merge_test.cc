// What several sources say of one job, put together.
#include <gtest/gtest.h>

#include "core/engine.h"

namespace catena {
namespace {

Report report(Evidence source, JobState state, std::string native = {}) {
  Report r;
  r.source = source;
  r.state = state;
  r.native = std::move(native);
  return r;
}

Outcome merged(std::vector<Report> reports) {
  std::vector<const Report*> pointers;
  for (const auto& r : reports) pointers.push_back(&r);
  return *merge(pointers);
}

TEST(Merge, NothingSaidIsNothingKnown) {
  EXPECT_FALSE(merge({}).has_value());
}

TEST(Merge, ASuccessfulExitRecordNeedsNoOtherWitness) {
  EXPECT_EQ(merged({report(Evidence::record, JobState::completed)}).state, JobState::completed);
}

TEST(Merge, AnExitRecordBeatsAQueueThatStillShowsTheJob) {
  EXPECT_EQ(merged({report(Evidence::queue, JobState::running, "COMPLETING"),
                    report(Evidence::record, JobState::completed)})
                .state,
            JobState::completed);
}

TEST(Merge, ThatAJobRunsSaysNothingOfItsEnd) {
  const auto said = merged(
      {report(Evidence::queue, JobState::running, "running"), report(Evidence::record, JobState::completed)});
  EXPECT_EQ(said.report.native, "");
}

TEST(Merge, ASignalFromOutsideIsExplainedByAccounting) {
  auto exit = report(Evidence::record, JobState::failed);
  exit.exit_code = 143;
  exit.signal = 15;
  EXPECT_EQ(merged({exit, report(Evidence::accounting, JobState::timeout, "TIMEOUT")}).state,
            JobState::timeout);
  EXPECT_TRUE(merged({exit}).waiting);
}

// The body died of the scheduler's signal before its script heard of it.
TEST(Merge, ABodyThatASchedulersSignalHasEndedIsExplainedByAccountingToo) {
  for (const int number : {2, 9, 15, 24}) {
    auto exit = report(Evidence::record, JobState::failed);
    exit.exit_code = 128 + number;
    EXPECT_TRUE(merged({exit}).waiting) << number;
    EXPECT_EQ(merged({exit, report(Evidence::accounting, JobState::cancelled, "CANCELLED by 0")}).state,
              JobState::cancelled);
    const auto failed = merged({exit, report(Evidence::accounting, JobState::failed, "FAILED")});
    EXPECT_EQ(failed.state, JobState::failed);
    EXPECT_FALSE(failed.waiting);
  }
  auto crash = report(Evidence::record, JobState::failed);
  crash.exit_code = 139;  // its own fault
  EXPECT_FALSE(merged({crash}).waiting);
}

TEST(Merge, AJobThatTrapsItsCancelAndEndsWith0IsCancelled) {
  auto exit = report(Evidence::record, JobState::completed);
  exit.exit_code = 0;
  exit.signal = 15;
  EXPECT_EQ(merged({exit, report(Evidence::accounting, JobState::cancelled, "CANCELLED by 1003")}).state,
            JobState::cancelled);
}

// Exit codes of 128 and more lose 128 in sacct of 22.05 and 24.11: the record's is kept.
TEST(Merge, TheRecordsExitCodeBeatsAccountings) {
  auto exit = report(Evidence::record, JobState::failed);
  exit.exit_code = 128;
  auto accounting = report(Evidence::accounting, JobState::failed, "FAILED");
  accounting.exit_code = 0;
  EXPECT_EQ(merged({exit, accounting}).report.exit_code, 128);
}

TEST(Merge, AccountingsNonZeroExitCodeDoesNotHideTheExitCode) {
  auto exit = report(Evidence::record, JobState::failed);
  exit.exit_code = 3;
  auto accounting = report(Evidence::accounting, JobState::failed, "FAILED");
  accounting.reason = "NonZeroExitCode";
  const auto outcome = merged({exit, accounting});
  EXPECT_EQ(failure_text(outcome.state, outcome.report), "exit 3");
}

TEST(Merge, AccountingDecidesWhereThereIsNoRecord) {
  EXPECT_EQ(merged({report(Evidence::accounting, JobState::node_fail, "NODE_FAIL")}).state,
            JobState::node_fail);
}

TEST(Merge, AStartRecordOfBeforeARequeueDoesNotBeatTheQueue) {
  EXPECT_EQ(merged({report(Evidence::record, JobState::running),
                    report(Evidence::queue, JobState::queued, "PENDING")})
                .state,
            JobState::queued);
}

TEST(Merge, AJobQueuedAgainAfterItsNodeFailedHasNotEnded) {
  EXPECT_EQ(merged({report(Evidence::queue, JobState::queued, "PENDING"),
                    report(Evidence::accounting, JobState::node_fail, "NODE_FAIL")})
                .state,
            JobState::queued);
}

TEST(Merge, AnEndFromOutsideBeforeARequeueIsNotTheEnd) {
  auto exit = report(Evidence::record, JobState::failed);
  exit.signal = 15;
  exit.ended = Time{std::chrono::seconds{1000}};
  EXPECT_EQ(merged({exit, report(Evidence::queue, JobState::queued, "PENDING")}).state, JobState::queued);
  EXPECT_EQ(merged({exit, report(Evidence::accounting, JobState::queued, "REQUEUED")}).state,
            JobState::queued)
      << "the queue did not show it this time";
  auto again = report(Evidence::queue, JobState::running, "RUNNING");
  again.started = Time{std::chrono::seconds{1121}};
  EXPECT_EQ(merged({exit, again}).state, JobState::running);
  again.source = Evidence::accounting;
  EXPECT_EQ(merged({exit, again}).state, JobState::running);
  again.source = Evidence::record;
  EXPECT_EQ(merged({exit, again}).state, JobState::running) << "its own start record is the later one";
  again.source = Evidence::queue;
  again.started = Time{std::chrono::seconds{900}};
  EXPECT_TRUE(merged({exit, again}).waiting) << "it is completing";
}

TEST(Merge, ASuccessIsTheEndWhateverIsQueuedAgain) {
  EXPECT_EQ(merged({report(Evidence::record, JobState::completed), report(Evidence::queue, JobState::queued)})
                .state,
            JobState::completed);
}

TEST(Merge, AStateThatNobodyKnowsIsKeptAsUnknownWithItsText) {
  const auto outcome = merged({report(Evidence::queue, JobState::unknown, "TELEPORTING")});
  EXPECT_EQ(outcome.state, JobState::unknown);
  EXPECT_EQ(outcome.report.native, "TELEPORTING");
}

TEST(Merge, FailuresAreSaidInOneLine) {
  Report r;
  r.exit_code = 3;
  EXPECT_EQ(failure_text(JobState::failed, r), "exit 3");
  r.signal = 9;
  EXPECT_EQ(failure_text(JobState::failed, r), "killed by signal 9");
  r.signal.reset();
  r.source = Evidence::record;
  r.exit_code = 137;
  EXPECT_EQ(failure_text(JobState::failed, r), "exit 137 (signal 9)");
  r.exit_code = 200;
  EXPECT_EQ(failure_text(JobState::failed, r), "exit 200") << "there is no signal 72";
  EXPECT_EQ(failure_text(JobState::timeout, r), "ran into its time limit");
  r = report(Evidence::record, JobState::failed);
  r.reason = "output missing: pw.out";
  EXPECT_EQ(failure_text(JobState::failed, r), "output missing: pw.out");
}

}  // namespace
}  // namespace catena
