#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "slurm/query.h"

namespace catena::slurm {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Time noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(12);

JobRef job(std::string id, std::string name, Time submitted = noon) {
  JobRef ref;
  ref.native_id = std::move(id);
  ref.name = std::move(name);
  ref.submitted = submitted;
  return ref;
}

std::string text(const Command& command) {
  std::string all;
  for (const auto& word : command.argv) all += word + " ";
  return all + "\n" + command.input;
}

TEST(SlurmQuery, TheQueueIsAskedByUserSinceUnknownIdsSpoilTheAnswer) {
  const JobRef jobs[] = {job("77", "a.bcdfghjkl0")};
  const auto mine = queue_query({jobs, {}}, {});
  EXPECT_THAT(mine.argv, Contains("--me"));
  EXPECT_THAT(mine.argv, Not(Contains("-j")));
  EXPECT_TRUE(mine.repeatable);
  EXPECT_THAT(text(queue_query({jobs, "alice"}, {})), HasSubstr("-u alice"));
}

TEST(SlurmQuery, TheQueueShowsEndedJobsHiddenPartitionsAndArrayElements) {
  const JobRef jobs[] = {job("77", "a.bcdfghjkl0")};
  EXPECT_THAT(text(queue_query({jobs, {}}, {})), HasSubstr("squeue -h -a -r -t all "));
}

TEST(SlurmQuery, NamesComeLast) {
  EXPECT_TRUE(queue_format.ends_with("|%j"));
  EXPECT_TRUE(accounting_format.ends_with(",JobName"));
}

TEST(SlurmQuery, FiltersInTheEnvironmentAreUnset) {
  const JobRef jobs[] = {job("77", "a.bcdfghjkl0")};
  const auto words = text(queue_query({jobs, {}}, {}));
  for (const auto* variable : {"SQUEUE_PARTITION", "SQUEUE_STATES", "SQUEUE_USERS", "SQUEUE_FORMAT"}) {
    EXPECT_THAT(words, HasSubstr(std::string("-u ") + variable + " "));
  }
  EXPECT_THAT(words, HasSubstr("SLURM_TIME_FORMAT=%s"));
}

TEST(SlurmQuery, KnownIdsAreAskedInOneCommand) {
  const JobRef jobs[] = {job("77", "a.bcdfghjkl0"), job("79", "b.bcdfghjkl1")};
  const auto command = accounting_query({jobs, {}}, {});
  EXPECT_EQ(command.argv.back(), "77,79");
  EXPECT_THAT(command.input, IsEmpty());
  EXPECT_THAT(text(command), Not(HasSubstr(" -S "))) << "no time window: it hides jobs";
}

TEST(SlurmQuery, AnArrayIsAskedForOnce) {
  const JobRef jobs[] = {job("77_1", "a.bcdfghjkl0"), job("79", "b.bcdfghjkl1"), job("77_2", "a.bcdfghjkl0")};
  EXPECT_EQ(accounting_query({jobs, {}}, {}).argv.back(), "77,79");
  const JobRef lost[] = {job("", "a.bcdfghjkl0"), job("", "a.bcdfghjkl0")};
  EXPECT_EQ(accounting_query({lost, {}}, {}).argv.back(), "a.bcdfghjkl0");
}

TEST(SlurmQuery, JobsWithoutAnIdAreLookedForByNameAmongTheEndedOnes) {
  const JobRef jobs[] = {job("", "a.bcdfghjkl0", noon + std::chrono::hours(5)),
                         job("", "b.bcdfghjkl1", noon)};
  const auto command = text(accounting_query({jobs, {}}, {}));
  EXPECT_THAT(
      command,
      HasSubstr(
          "-s BF,CA,CD,DL,F,NF,OOM,PR,TO -S 2026-11-21T11:00:00 -E now --name a.bcdfghjkl0,b.bcdfghjkl1"));
  EXPECT_THAT(command, HasSubstr("TZ=UTC0")) << "-S is read in the local time zone";
}

TEST(SlurmQuery, BothKindsAreOneShellProgramThatStopsAtAFailure) {
  const JobRef jobs[] = {job("77", "a.bcdfghjkl0"), job("", "b.bcdfghjkl1")};
  const auto command = accounting_query({jobs, "alice"}, {});
  EXPECT_THAT(command.argv, testing::ElementsAre("sh"));
  std::istringstream lines(command.input);
  std::string by_id, by_name, rest;
  std::getline(lines, by_id);
  std::getline(lines, by_name);
  EXPECT_THAT(by_id, HasSubstr("-u alice -j 77 </dev/null || exit"));
  EXPECT_THAT(by_name, HasSubstr("--name b.bcdfghjkl1 </dev/null || exit"));
  EXPECT_FALSE(std::getline(lines, rest));
}

TEST(SlurmQuery, Scenario31LongListsAreSplit) {
  std::vector<JobRef> jobs;
  for (int i = 0; i < 30; ++i) jobs.push_back(job(std::to_string(1000 + i), "a"));
  Options options;
  options.argument_bytes = 50;
  const auto command = accounting_query({jobs, {}}, options);
  EXPECT_EQ(std::count(command.input.begin(), command.input.end(), '\n'), 3);
  EXPECT_THAT(command.input, HasSubstr("-j 1000,1001,"));
  EXPECT_THAT(command.input, HasSubstr(",1029 "));
}

TEST(SlurmQuery, AJobWithoutATimeDoesNotAskForTimesBefore1970) {
  const JobRef jobs[] = {job("", "a.bcdfghjkl0", Time{})};
  EXPECT_THAT(text(accounting_query({jobs, {}}, {})), HasSubstr("-S 1970-01-02T00:00:00"));
}

}  // namespace
}  // namespace catena::slurm
