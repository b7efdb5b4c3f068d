#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "captured_file.h"
#include "core/error.h"
#include "slurm/control.h"

namespace catena::slurm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::string versions[] = {"slurm-22.05.8/", "slurm-24.11.5/", "slurm-26.05.5/"};

std::vector<ControlTarget> targets(int count) {
  std::vector<ControlTarget> list;
  for (int i = 0; i < count; ++i) list.push_back({std::to_string(1000 + i), {}});
  return list;
}

// The words from the scheduler's command on.
std::vector<std::string> line(const Command& command, std::string_view name) {
  const auto start = std::find(command.argv.begin(), command.argv.end(), name);
  return {start, command.argv.end()};
}

void expect_unavailable(Action action, const CommandResult& result) {
  try {
    parse_control(action, result);
    ADD_FAILURE() << "taken for an answer: " << result.err;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable) << error.what();
  }
}

CommandResult failed(std::string err) {
  CommandResult result;
  result.status = 1;
  result.err = std::move(err);
  return result;
}

TEST(SlurmControl, ReleaseHoldAndCancelTakeLists) {
  const auto three = targets(3);
  const auto release = control(Action::release, three, {});
  ASSERT_THAT(release, SizeIs(1));
  EXPECT_THAT(line(release[0], "scontrol"), ElementsAre("scontrol", "release", "1000,1001,1002"));
  EXPECT_TRUE(release[0].repeatable);
  EXPECT_THAT(line(control(Action::hold, three, {})[0], "scontrol"),
              ElementsAre("scontrol", "hold", "1000,1001,1002"));
  EXPECT_THAT(line(control(Action::cancel, three, {})[0], "scancel"),
              ElementsAre("scancel", "1000", "1001", "1002"));
}

TEST(SlurmControl, ListsAreSplitBeforeTheyGrowTooLong) {
  Options options;
  options.argument_bytes = 50;
  const auto commands = control(Action::cancel, targets(25), options);
  ASSERT_THAT(commands, SizeIs(3));
  std::size_t ids = 0;
  for (const auto& command : commands) {
    const auto words = line(command, "scancel");
    std::size_t length = 0;
    for (std::size_t i = 1; i < words.size(); ++i) length += words[i].size() + 1;
    EXPECT_LE(length, 50U);
    ids += words.size() - 1;
  }
  EXPECT_EQ(ids, 25U);
}

TEST(SlurmControl, ElementsOfAnArrayAreOneWord) {
  const ControlTarget some[] = {{"77_3", {}}, {"9", {}},    {"77_1", {}},
                                {"77_2", {}}, {"78_5", {}}, {"77_7", {}}};
  EXPECT_THAT(line(control(Action::cancel, some, {})[0], "scancel"),
              ElementsAre("scancel", "9", "77_[1-3,7]", "78_[5]"));
  EXPECT_THAT(line(control(Action::release, some, {})[0], "scontrol"),
              ElementsAre("scontrol", "release", "9,77_[1-3,7],78_[5]"));
  Options options;
  options.argument_bytes = 30;
  std::vector<ControlTarget> odd;
  for (int i = 1; i < 40; i += 2) odd.push_back({fmt::format("77_{}", i), {}});
  std::string all;
  for (const auto& command : control(Action::cancel, odd, options)) {
    const auto words = line(command, "scancel");
    ASSERT_THAT(words, SizeIs(2));
    EXPECT_LE(words[1].size(), 30U);
    all += (all.empty() ? "" : ",") + words[1].substr(4, words[1].size() - 5);
  }
  EXPECT_EQ(all, "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39");
}

TEST(SlurmControl, NothingToDoIsNoCommandSinceAnEmptyListMeansEverything) {
  for (const auto action : {Action::release, Action::hold, Action::cancel, Action::repoint}) {
    EXPECT_THAT(control(action, {}, {}), IsEmpty());
  }
}

TEST(SlurmControl, RepointReplacesOrClearsTheDependency) {
  const std::vector<ControlTarget> list = {{"7722", {{On::ok, "7728"}, {On::any, "7729"}, {On::ok, "7730"}}},
                                           {"7723", {}}};
  const auto commands = control(Action::repoint, list, {});
  ASSERT_THAT(commands, SizeIs(2));
  EXPECT_THAT(line(commands[0], "scontrol"),
              ElementsAre("scontrol", "update", "JobId=7722", "Dependency=afterok:7728:7730,afterany:7729"));
  EXPECT_THAT(line(commands[1], "scontrol"), ElementsAre("scontrol", "update", "JobId=7723", "Dependency="));
}

TEST(SlurmControl, AFilterLeftInTheEnvironmentIsUnset) {
  EXPECT_THAT(control(Action::cancel, targets(1), {})[0].argv, Contains("SCANCEL_STATE"));
  EXPECT_THAT(control(Action::cancel, targets(1), {})[0].argv, Contains("SCANCEL_INTERACTIVE"));
}

TEST(SlurmControl, OneUnknownIdOfAReleaseIsToldAndTheRestWasDone) {
  for (const auto& version : versions) {
    const auto capture = captured(version + "a5_bulk_release.txt");
    const auto first = capture.err.substr(0, capture.err.find("Invalid job id specified for job", 5));
    EXPECT_THAT(parse_control(Action::release, failed(first)),
                ElementsAre("Invalid job id specified for job 99999999"))
        << version;
  }
}

TEST(SlurmControl, AnEndedJobIsNoFailureOfARelease) {
  for (const auto& version : versions) {
    const auto capture = captured(version + "a5_bulk_release.txt");
    for (const auto& text : parse_control(Action::release, failed(capture.err))) {
      EXPECT_EQ(text.find("already finished"), text.npos) << version << text;
      EXPECT_EQ(text.find("slurm_suspend"), text.npos) << version << text;
    }
  }
  EXPECT_THAT(parse_control(Action::release,
                            failed("Job has already finished for job 7719\nslurm_suspend error: No error\n")),
              IsEmpty());
}

TEST(SlurmControl, AnUnknownOrEndedJobIsNoFailureOfACancel) {
  EXPECT_THAT(parse_control(Action::cancel,
                            failed("scancel: error: Kill job error on job id 9: Invalid job id specified\n")),
              IsEmpty());
  EXPECT_THAT(
      parse_control(
          Action::cancel,
          failed("scancel: error: Kill job error on job id 9: Job/step already completing or completed\n")),
      IsEmpty());
}

TEST(SlurmControl, AnothersJobCannotBeCancelled) {
  auto capture = captured("slurm-22.05.8/a5_scancel_forms.txt");
  EXPECT_NE(capture.out.find("rc_other=210"), std::string::npos);
  auto result = failed("scancel: error: Kill job error on job id 422: Access/permission denied\n");
  result.status = 210;
  EXPECT_NE(capture.err.find(result.err), std::string::npos);
  EXPECT_THAT(parse_control(Action::cancel, result),
              ElementsAre("scancel: error: Kill job error on job id 422: Access/permission denied"));
}

TEST(SlurmControl, AStartedJobCannotBeRepointed) {
  for (const auto& version : versions) {
    const auto capture = captured(version + "a5_update_dep_running.txt");
    const auto first = capture.err.substr(0, capture.err.find('\n') + 1);
    const auto failures = parse_control(Action::repoint, failed(first));
    ASSERT_THAT(failures, SizeIs(1)) << version;
    EXPECT_TRUE(failures[0].starts_with("Job is no longer pending execution")) << failures[0];
  }
  EXPECT_THAT(parse_control(Action::repoint, failed("Job has already finished for job 7\n")), SizeIs(1));
}

TEST(SlurmControl, TheControllerDownOrHungIsUnavailable) {
  for (const auto& version : versions) {
    expect_unavailable(Action::cancel, captured(version + "a3_ctld_down_scancel.txt"));
    expect_unavailable(Action::cancel, captured(version + "a3_ctld_stopped_scancel.txt"));
  }
  expect_unavailable(Action::cancel, captured("slurm-22.05.8/a3b_munge_down_scancel.txt"));
}

TEST(SlurmControl, AReleaseCallsAnAbsentControllersSilenceAnUnexpectedMessage) {
  for (const auto& version : versions) {
    const auto down = captured(version + "a3_ctld_down_scontrol_release.txt");
    EXPECT_NE(down.err.find("Unexpected message received"), std::string::npos) << version;
    expect_unavailable(Action::release, down);
    expect_unavailable(Action::release, captured(version + "a3_ctld_stopped_scontrol_release.txt"));
  }
}

TEST(SlurmControl, SuccessIsNoFailureWhateverIsPrinted) {
  CommandResult result;
  result.err = "scancel: Terminating job 7679\n";
  EXPECT_THAT(parse_control(Action::cancel, result), IsEmpty());
}

TEST(SlurmControl, AFailureWithoutWordsIsStillAFailure) {
  auto result = failed("");
  result.status = 127;
  EXPECT_THAT(parse_control(Action::cancel, result), ElementsAre("the command ended with status 127"));
}

}  // namespace
}  // namespace catena::slurm
