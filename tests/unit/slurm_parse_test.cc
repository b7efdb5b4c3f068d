#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>

#include "captured_file.h"
#include "core/error.h"
#include "slurm/parse.h"

namespace catena::slurm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string versions[] = {"slurm-22.05.8/", "slurm-24.11.5/", "slurm-26.05.5/"};
constexpr auto token = "k3f9q2bbbb";

CommandResult printed(std::string out) {
  CommandResult result;
  result.out = std::move(out);
  return result;
}

// Columns that a capture has, in the places where our own command prints them.
std::string queue_line(std::string_view id, std::string_view state, std::string_view reason,
                       std::string_view dependency) {
  return fmt::format("{}|{}|1795241377|N/A|N/A||{}|{}|node.{}\n", id, state, dependency, reason, token);
}
std::string accounting_line(std::string_view id, std::string_view state, std::string_view exit_code,
                            std::string_view reason) {
  return fmt::format("{}|{}|{}|1795241377|1795241378|1795241379|node1|{}|node.{}\n", id, state, exit_code,
                     reason, token);
}

Report queue_report(std::string_view state, std::string_view reason = "None",
                    std::string_view dependency = "(null)") {
  const auto parsed = parse_queue(printed(queue_line("7", state, reason, dependency)));
  EXPECT_EQ(parsed.reports.size(), 1U);
  return parsed.reports.empty() ? Report{} : parsed.reports[0];
}
Report accounting_report(std::string_view state, std::string_view exit_code) {
  const auto parsed = parse_accounting(printed(accounting_line("7", state, exit_code, "None")));
  EXPECT_EQ(parsed.reports.size(), 1U);
  return parsed.reports.empty() ? Report{} : parsed.reports[0];
}

std::map<std::string, Report> by_token(const Parsed& parsed) {
  std::map<std::string, Report> reports;
  for (const auto& report : parsed.reports) reports[report.token] = report;
  return reports;
}

void expect_unavailable(Parsed (*parse)(const CommandResult&), const CommandResult& result,
                        std::string_view words) {
  try {
    parse(result);
    ADD_FAILURE() << "taken for an answer: " << result.err;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr(std::string(words)));
  }
}

// Our own commands' output on a real cluster.
TEST(SlurmParse, AccountingAsARealClusterPrintsIt) {
  const auto parsed = parse_accounting(captured("slurm-22.05.8/accounting.txt"));
  EXPECT_THAT(parsed.unread, IsEmpty());
  EXPECT_EQ(parsed.reports.size(), 17U) << "three of them elements of an array";
  auto reports = by_token(parsed);
  EXPECT_EQ(reports["bcdfghjkl0"].state, JobState::completed);
  EXPECT_EQ(reports["bcdfghjkl0"].exit_code, 0);
  EXPECT_EQ(reports["bcdfghjkl0"].native_id, "48");
  EXPECT_EQ(reports["bcdfghjkl0"].host, "node1");
  EXPECT_EQ(reports["bcdfghjkl0"].submitted, Time(std::chrono::seconds(1795241377)));
  EXPECT_EQ(reports["bcdfghjkl0"].ended, Time(std::chrono::seconds(1795241378)));
  EXPECT_EQ(reports["bcdfghjkl0"].source, Evidence::accounting);
  EXPECT_EQ(reports["bcdfghjkl1"].exit_code, 3);
  EXPECT_EQ(reports["bcdfghjkl4"].signal, 9);
  EXPECT_EQ(reports["bcdfghjkl5"].state, JobState::held);
  EXPECT_EQ(reports["bcdfghjkl5"].host, "") << "None assigned";
  EXPECT_EQ(reports["bcdfghjkl8"].state, JobState::running);
  EXPECT_EQ(reports["bcdfghjkl8"].ended, std::nullopt);
  EXPECT_EQ(reports["bcdfghjkl9"].state, JobState::cancelled);
  EXPECT_EQ(reports["bcdfghjkl9"].native, "CANCELLED by 1001");
  EXPECT_EQ(reports["bcdfghjklb"].state, JobState::queued) << "BeginTime";
  EXPECT_EQ(reports["bcdfghjklc_2"].native_id, "59_2") << "of 59_[1-3%2]";
}

TEST(SlurmParse, QueueAsARealClusterPrintsIt) {
  const auto parsed = parse_queue(captured("slurm-22.05.8/queue.txt"));
  auto reports = by_token(parsed);
  EXPECT_EQ(reports["bcdfghjkl0"].state, JobState::completed);
  EXPECT_EQ(reports["bcdfghjkl1"].reason, "NonZeroExitCode");
  EXPECT_EQ(reports["bcdfghjkl5"].reason, "JobHeldUser");
  EXPECT_EQ(reports["bcdfghjkl5"].state, JobState::held);
  EXPECT_EQ(reports["bcdfghjkl6"].dependency, "afterok:53(unfulfilled)");
  EXPECT_EQ(reports["bcdfghjkl6"].state, JobState::held);
  EXPECT_EQ(reports["bcdfghjkl7"].reason, "DependencyNeverSatisfied");
  EXPECT_EQ(reports["bcdfghjkl8"].state, JobState::running);
  EXPECT_EQ(reports["bcdfghjkl8"].dependency, "") << "(null)";
  EXPECT_EQ(reports["bcdfghjkl8"].host, "node1");
  EXPECT_EQ(reports["bcdfghjkl8"].source, Evidence::queue);
}

TEST(SlurmParse, ForecastsAreNoTimes) {
  auto reports = by_token(parse_queue(captured("slurm-22.05.8/queue.txt")));
  EXPECT_EQ(reports["bcdfghjklb"].started, std::nullopt) << "the expected start of a job with --begin";
  EXPECT_EQ(reports["bcdfghjkl8"].ended, std::nullopt) << "the end of a running job's time limit";
  EXPECT_EQ(reports["bcdfghjkl8"].started, Time(std::chrono::seconds(1795241378)));
}

TEST(SlurmParse, ForeignNamesWithSeparatorsAndLineBreaks) {
  const auto parsed = parse_queue(captured("slurm-22.05.8/queue.txt"));
  EXPECT_THAT(parsed.unread, ElementsAre("y")) << "the second line of the name 'x\\ny'";
  auto reports = by_token(parsed);
  EXPECT_EQ(reports["bcdfghjklh"].native_id, "66") << "the name is 'a|b.bcdfghjklh'";
  for (const auto& report : parsed.reports)
    EXPECT_EQ(report.token.substr(0, report.token.find('_')).size(), 10U) << report.native_id;
}

TEST(SlurmParse, Scenario30ArrayElementsAndGroups) {
  std::vector<std::string> ids, tokens;
  for (const auto& report : parse_queue(captured("slurm-22.05.8/queue.txt")).reports) {
    if (!report.token.starts_with("bcdfghjklc")) continue;
    ids.push_back(report.native_id);
    tokens.push_back(report.token);
  }
  EXPECT_THAT(ids, ElementsAre("59_1", "59_2", "59_3"));
  EXPECT_THAT(tokens, ElementsAre("bcdfghjklc_1", "bcdfghjklc_2", "bcdfghjklc_3"));
  const auto parsed =
      parse_queue(printed(queue_line("7667_[5-6,12%2]", "PENDING", "JobArrayTaskLimit", "(null)")));
  ASSERT_EQ(parsed.reports.size(), 3U);
  EXPECT_EQ(parsed.reports[2].native_id, "7667_12");
  EXPECT_EQ(parsed.reports[1].token, std::string(token) + "_6");
  EXPECT_EQ(parsed.reports[0].state, JobState::queued);
  const auto cut =
      parse_accounting(printed(accounting_line("7667_[5,...]", "CANCELLED by 0", "0:0", "None")));
  ASSERT_EQ(cut.reports.size(), 1U);
  EXPECT_EQ(cut.reports[0].native_id, "7667_5");
}

TEST(SlurmParse, RequeuedWithAnEndIsNotTerminal) {
  auto reports = by_token(parse_accounting(captured("slurm-22.05.8/accounting.txt")));
  const auto& report = reports["bcdfghjklg"];
  EXPECT_EQ(report.native, "REQUEUED");
  EXPECT_EQ(report.state, JobState::queued);
  EXPECT_EQ(report.ended, std::nullopt);
}

TEST(SlurmParse, ExitCode128IsShownAsZeroAndIsStillAFailure) {
  auto reports = by_token(parse_accounting(captured("slurm-22.05.8/accounting.txt")));
  EXPECT_EQ(reports["bcdfghjkl2"].state, JobState::failed) << "FAILED 0:0";
  EXPECT_EQ(reports["bcdfghjkl2"].exit_code, std::nullopt);
}

TEST(SlurmParse, AnOutputFileThatCannotBeOpenedIsNamedAsTheReason) {
  auto reports = by_token(parse_accounting(captured("slurm-22.05.8/accounting.txt")));
  EXPECT_EQ(reports["bcdfghjkld"].reason, "the output file could not be opened") << "FAILED 0:53";
}

TEST(SlurmParse, StatesOfAllVersionsFromAccounting) {
  const std::map<std::string, JobState> expected = {
      {"exit137", JobState::failed},        {"exit128", JobState::failed},
      {"exit129", JobState::failed},        {"exit255", JobState::failed},
      {"cancel_run", JobState::cancelled},  {"cancel_run_trap0", JobState::cancelled},
      {"cancel_root", JobState::cancelled}, {"cancel_sigTERM_full", JobState::failed},
      {"norequeue", JobState::completed},   {"arrcancelall", JobState::cancelled},
      {"deadline", JobState::failed}};
  const std::regex pattern(R"re((\w+)\s+\d+ sacct='([^|]+)\|([^|]+)\|([^|]+)\|([^'\\]*))re");
  for (const auto& version : versions) {
    std::istringstream file(captured_text(version + "a4b_states_1.txt"));
    std::size_t seen = 0;
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, pattern) || !expected.contains(match[1])) continue;
      const auto parsed = parse_accounting(
          printed(accounting_line(match[2].str(), match[3].str(), match[4].str(), match[5].str())));
      ASSERT_EQ(parsed.reports.size(), match[2].str().ends_with("_[1-5]") ? 5U : 1U) << version << line;
      EXPECT_EQ(parsed.reports[0].state, expected.at(match[1])) << version << line;
      EXPECT_EQ(parsed.reports[0].native, match[3]) << version;
      ++seen;
    }
    EXPECT_EQ(seen, expected.size()) << version;
  }
}

TEST(SlurmParse, DependentJobsOfAllVersionsInTheQueue) {
  const std::regex pattern(R"(10s squeue: (\d+) (\w+) (\w+) (\S+))");
  for (const auto& version : versions) {
    std::istringstream file(captured_text(version + "a1_dep_matrix_fresh.txt"));
    std::map<std::string, int> seen;
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, pattern)) continue;
      const auto parsed =
          parse_queue(printed(queue_line(match[1].str(), match[2].str(), match[3].str(), match[4].str())));
      ASSERT_EQ(parsed.reports.size(), 1U) << version << line;
      const auto& report = parsed.reports[0];
      ++seen[match[2]];
      if (match[2] == "COMPLETED") {
        EXPECT_EQ(report.state, JobState::completed);
        EXPECT_EQ(report.dependency, "");
      } else if (match[2] == "PENDING") {
        EXPECT_EQ(report.state, JobState::held) << version << line;
        EXPECT_EQ(report.dependency, match[4]);
      } else {
        EXPECT_EQ(report.state, JobState::cancelled) << version << line;
      }
    }
    EXPECT_GT(seen["PENDING"], 5) << version;
    EXPECT_GT(seen["COMPLETED"], 5) << version;
    EXPECT_GT(seen["CANCELLED"], 5) << version;
  }
}

TEST(SlurmParse, ARequeuedJobInTheQueueOfAllVersions) {
  for (const auto& version : versions) {
    const auto text = captured(version + "a4b_requeue_running.txt").out;
    EXPECT_THAT(text, HasSubstr("PENDING BeginTime")) << version;
    EXPECT_THAT(text, HasSubstr("PENDING job requeued in held state")) << version;
  }
  EXPECT_EQ(queue_report("PENDING", "BeginTime").state, JobState::queued);
  EXPECT_EQ(queue_report("PENDING", "job requeued in held state").state, JobState::held);
}

TEST(SlurmParse, ReasonsWithBlanksAndCommas) {
  const auto text = captured("slurm-22.05.8/a4_squeue_completing.txt").out;
  EXPECT_THAT(text, HasSubstr("ReqNodeNotAvail, UnavailableNodes:vm"));
  const auto report = queue_report("PENDING", "ReqNodeNotAvail, UnavailableNodes:vm");
  EXPECT_EQ(report.reason, "ReqNodeNotAvail, UnavailableNodes:vm");
  EXPECT_EQ(report.state, JobState::queued);
}

TEST(SlurmParse, ADependencyWithoutAReasonYetIsHeld) {
  EXPECT_EQ(queue_report("PENDING", "None", "afterok:7728(unfulfilled)").state, JobState::held);
}

TEST(SlurmParse, HeldByTheAdministratorIsHeld) {
  EXPECT_EQ(queue_report("PENDING", "JobHeldAdmin").state, JobState::held);
}

TEST(SlurmParse, StepRowsAreIgnored) {
  const auto parsed = parse_accounting(printed(accounting_line("7651.batch", "CANCELLED", "0:9", "None") +
                                               accounting_line("7651.extern", "COMPLETED", "0:0", "None") +
                                               accounting_line("7671.0", "COMPLETED", "0:0", "None") +
                                               accounting_line("7671_3.0", "COMPLETED", "0:0", "None")));
  EXPECT_THAT(parsed.reports, IsEmpty());
}

TEST(SlurmParse, AListOfElementsBehindAStepIsTakenForNoElements) {
  const auto parsed =
      parse_accounting(printed(accounting_line("2.0_[1-5]", "CANCELLED by 1004", "0:0", "None")));
  EXPECT_THAT(parsed.reports, IsEmpty());
}

TEST(SlurmParse, AnExitCodeSaysNothingOfACancelledJob) {
  const auto report = accounting_report("CANCELLED by 1003", "0:0");
  EXPECT_EQ(report.state, JobState::cancelled);
  EXPECT_EQ(report.exit_code, std::nullopt);
}

// As printed by 22.05: the moment of the cancel stands in the column of the start.
TEST(SlurmParse, AJobThatIsCancelledWhileItWaitsHasNotStarted) {
  CommandResult queue, accounting;
  queue.out =
      "40044|CANCELLED|1795262511|1795262512|1795262513|node1|(null)|None|a."
      "k3f9q2b7x1\n"
      "40043|CANCELLED|1795262511|1795262511|1795262511||(null)|JobHeldUser|b."
      "k3f9q2b7x2\n";
  accounting.out =
      "40043|CANCELLED by 0|0:0|1795262511|1795262511|1795262511|None "
      "assigned|None|"
      "b.k3f9q2b7x2\n"
      "40044|CANCELLED by "
      "0|0:0|1795262511|1795262512|1795262513|node1|None|a.k3f9q2b7x1\n";
  for (const auto& parsed : {parse_queue(queue), parse_accounting(accounting)}) {
    ASSERT_EQ(parsed.reports.size(), 2U);
    for (const auto& report : parsed.reports) {
      EXPECT_EQ(report.started.has_value(), report.native_id == "40044") << report.native_id;
      EXPECT_TRUE(report.ended.has_value());
    }
  }
}

TEST(SlurmParse, TimeoutNodeFailPreemptedAndOutOfMemory) {
  EXPECT_EQ(accounting_report("TIMEOUT", "0:0").state, JobState::timeout);
  EXPECT_EQ(accounting_report("NODE_FAIL", "0:0").state, JobState::node_fail);
  EXPECT_EQ(accounting_report("PREEMPTED", "0:0").state, JobState::preempted);
  EXPECT_EQ(accounting_report("OUT_OF_MEMORY", "0:125").state, JobState::oom);
}

TEST(SlurmParse, AnUnknownStateIsKeptWithItsText) {
  const auto report = queue_report("HIBERNATING");
  EXPECT_EQ(report.state, JobState::unknown);
  EXPECT_EQ(report.native, "HIBERNATING");
  EXPECT_EQ(report.ended, std::nullopt);
}

TEST(SlurmParse, UnknownIdsAreAnEmptyAnswer) {
  auto one = captured("slurm-22.05.8/a4_unknown_alone.txt");
  one.out.clear();
  one.status = 1;
  EXPECT_THAT(one.err, HasSubstr("Invalid job id specified"));
  EXPECT_THAT(parse_queue(one).reports, IsEmpty());
  EXPECT_THAT(parse_queue(printed("")).reports, IsEmpty());
}

TEST(SlurmParse, AnUnreachableControllerIsNoAnswer) {
  for (const auto& version : versions) {
    expect_unavailable(parse_queue, captured(version + "a3_ctld_down_squeue.txt"),
                       "Unable to contact slurm controller");
    expect_unavailable(parse_queue, captured(version + "a3_ctld_stopped_squeue.txt"), "Socket timed out");
  }
  expect_unavailable(parse_queue, captured("slurm-22.05.8/a3b_munge_down_squeue.txt"),
                     "Protocol authentication error");
}

TEST(SlurmParse, AnUnreachableDatabaseIsNoAnswer) {
  expect_unavailable(parse_accounting, captured("slurm-22.05.8/a3b_dbd_down_sacct.txt"),
                     "Problem talking to the database");
  expect_unavailable(parse_accounting, captured("slurm-22.05.8/a3b_dbd_stopped_sacct.txt"),
                     "Problem talking to the database");
  expect_unavailable(parse_accounting, captured("slurm-22.05.8/a3b_munge_down_sacct.txt"),
                     "Protocol authentication error");
}

TEST(SlurmParse, AnUnreachableControllerIsNoAnswerEvenWithStatusZero) {
  auto result = captured("slurm-22.05.8/a3_ctld_down_squeue.txt");
  result.status = 0;
  expect_unavailable(parse_queue, result, "Unable to contact slurm controller");
}

TEST(SlurmParse, AnyOtherFailedQueryIsNoAnswerEither) {
  const auto refused =
      captured("slurm-22.05.8/a4_final_sacct.txt");  // a field that this version does not know
  expect_unavailable(parse_accounting, refused, "Invalid field requested");
  CommandResult silent;
  silent.status = 127;
  expect_unavailable(parse_queue, silent, "exit status 127");
  CommandResult late;
  late.timed_out = true;
  expect_unavailable(parse_queue, late, "no answer in time");
}

TEST(SlurmParse, TornLinesAreUnread) {
  EXPECT_THAT(parse_queue(printed("123|RUNN")).unread, ElementsAre("123|RUNN"));
  EXPECT_THAT(parse_accounting(printed("CLUSTER: lab\n")).unread, ElementsAre("CLUSTER: lab"));
}

}  // namespace
}  // namespace catena::slurm
