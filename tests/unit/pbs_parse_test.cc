#include <gmock/gmock.h>

#include <map>

#include "core/error.h"
#include "core/job.h"
#include "pbs/listing.h"
#include "pbs/parse.h"
#include "pbs/reply.h"
#include "pbs/states.h"
#include "pbs_support.h"

namespace catena::pbs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::map<std::string, Report> reports_of(const CommandResult& result) {
  std::map<std::string, Report> reports;
  for (auto& report : parse(QueryKind::accounting, result).reports) reports[report.native_id] = report;
  return reports;
}

Report report_of(const CommandResult& result) {
  const auto parsed = parse(QueryKind::queue, result);
  EXPECT_THAT(parsed.reports, SizeIs(1));
  return parsed.reports.empty() ? Report{} : parsed.reports[0];
}

Report json_report(const std::string& state, const std::string& more = "") {
  return report_of(json_listing("            \"job_state\":\"" + state + "\"" + more));
}

void expect_unavailable(const CommandResult& result, const std::string& words) {
  try {
    parse(QueryKind::queue, result);
    ADD_FAILURE() << "taken for an answer";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

// 117 was asked for too, and is not known any more: the others are answered.
TEST(PbsParse, EndsAsARealServerShowsThem) {
  auto reports = reports_of(with_our_names(captured_case("09-qstat-states-json.txt")));
  EXPECT_THAT(reports, SizeIs(8));
  const auto& good = reports["120.pbshost"];
  EXPECT_EQ(good.state, JobState::completed);
  EXPECT_EQ(good.token, token_for(120));
  EXPECT_EQ(good.source, Evidence::accounting);
  EXPECT_EQ(good.host, "pbshost");
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_EQ(good.started, Time(std::chrono::seconds(1795229950)));
  EXPECT_EQ(reports["121.pbshost"].state, JobState::failed);
  EXPECT_EQ(reports["121.pbshost"].exit_code, 3);
  EXPECT_EQ(reports["122.pbshost"].state, JobState::timeout);
  EXPECT_EQ(reports["131.pbshost"].state, JobState::failed);
  EXPECT_EQ(reports["131.pbshost"].signal, 9);
  EXPECT_FALSE(reports["131.pbshost"].exit_code);
}

TEST(PbsParse, ADeletedJobIsCancelledWhetherItRanOrNot) {
  auto reports = reports_of(with_our_names(captured_case("09-qstat-states-json.txt")));
  const auto& ran = reports["126.pbshost"];  // Exit_status 271
  EXPECT_EQ(ran.state, JobState::cancelled);
  EXPECT_TRUE(ran.started);
  const auto& waited = reports["127.pbshost"];
  EXPECT_EQ(waited.state, JobState::cancelled);
  EXPECT_FALSE(waited.started);
  EXPECT_THAT(waited.native, HasSubstr("F/91"));
  EXPECT_FALSE(waited.removed);
}

// Substate 92 is "finished" for jobs that ended well, too.
TEST(PbsParse, FWithoutExitStatusNeverRanWhateverItsSubstate) {
  auto reports = reports_of(with_our_names(captured_case("09-qstat-states-json.txt")));
  for (const auto* id : {"22.pbshost", "89.pbshost"}) {
    EXPECT_EQ(reports[id].state, JobState::cancelled) << id;
    EXPECT_FALSE(reports[id].started) << id;
    EXPECT_FALSE(reports[id].exit_code) << id;
    EXPECT_THAT(reports[id].native, HasSubstr("never ran"));
    EXPECT_TRUE(reports[id].removed) << "PBS did that, nobody's qdel";
  }
}

// A script that catches qdel's TERM and ends with 0.
TEST(PbsParse, AJobThatWasDeletedIsCancelledWhateverItsTrapSays) {
  const auto report =
      json_report("F", ",\n\"substate\":91,\n\"Exit_status\":0,\n\"stime\":\"Sat Nov 21 02:59:10 2026\"");
  EXPECT_EQ(report.state, JobState::cancelled);
  EXPECT_TRUE(report.started);
}

TEST(PbsParse, NegativeExitsArePbssOwn) {
  const auto ended = [](int status) {
    return json_report("F", fmt::format(",\n\"substate\":93,\n\"Exit_status\":{}", status));
  };
  EXPECT_EQ(ended(-29).state, JobState::timeout);
  EXPECT_EQ(ended(-27).state, JobState::oom);
  EXPECT_EQ(ended(-4).state, JobState::node_fail);
  EXPECT_EQ(ended(-99).state, JobState::failed);
  EXPECT_EQ(ended(254).exit_code, 254);
  EXPECT_EQ(ended(256 + 11).signal, 11);
}

// Trap 1: it is that of the last subjob to be updated, so that 0 may hide a failure.
TEST(PbsParse, AWholeArraysStatusIsNotTrusted) {
  auto reports = reports_of(with_our_names(captured_case("09-qstat-array-json.txt")));
  EXPECT_EQ(reports["56[].pbshost"].state, JobState::unknown);
  EXPECT_EQ(reports["56[1].pbshost"].state, JobState::completed);
  EXPECT_EQ(reports["56[2].pbshost"].state, JobState::failed);
  EXPECT_EQ(reports["56[3].pbshost"].state, JobState::completed);
}

TEST(PbsParse, ASubjobsTokenHasItsIndexAndAnArrayIsNotCountedItself) {
  const auto parsed = parse(QueryKind::queue, with_our_names(captured_case("09-qstat-array-json.txt")));
  std::vector<std::string> indices;
  for (const auto& report : parsed.reports) {
    const auto mark = report.token.find('_');
    if (mark != std::string::npos) indices.push_back(report.native_id + " " + report.token.substr(mark));
  }
  EXPECT_THAT(indices, testing::ElementsAre("56[1].pbshost _1", "56[2].pbshost _2", "56[3].pbshost _3"));
  EXPECT_TRUE(parsed.live.empty()) << "all have ended";
}

// 10-qdel-array.txt: Exit_status 1 and no word of its end.
TEST(PbsParse, ADeletedSubjobIsCancelled) {
  const auto deleted = json_report("X", ",\n\"substate\":70,\n\"Exit_status\":1");
  EXPECT_EQ(deleted.state, JobState::cancelled);
  EXPECT_EQ(deleted.exit_code, std::nullopt);
  const auto while_it_ran = json_report("X", ",\n\"substate\":91,\n\"Exit_status\":271");
  EXPECT_EQ(while_it_ran.state, JobState::cancelled);
}

// Seen on 23.06.06: qstat -t shows 9002[].pbshost as H, and 9002[1].pbshost as Q.
TEST(PbsParse, ASubjobOfAHeldArrayIsHeld) {
  const auto row = [](const char* id, const char* state, const char* more) {
    return fmt::format("Job Id: {}\n    Job_Name = a.k3f9q2bbbb\n    job_state = {}\n{}\n", id, state, more);
  };
  CommandResult listing;
  listing.out = row("7[].h", "H", "    substate = 22\n    depend = afterok:1.h@h\n") +
                row("7[1].h", "Q", "    substate = 10\n") + row("8[].h", "Q", "    substate = 10\n") +
                row("8[1].h", "Q", "    substate = 10\n");
  auto reports = reports_of(listing);
  EXPECT_EQ(reports["7[1].h"].state, JobState::held);
  EXPECT_EQ(reports["7[1].h"].dependency, "afterok:1.h@h");
  EXPECT_EQ(reports["8[1].h"].state, JobState::queued);
}

TEST(PbsParse, ASubjobThatEndedBeforeItsArrayHasEnded) {
  EXPECT_EQ(json_report("X", ",\n\"substate\":93,\n\"Exit_status\":9").exit_code, 9);
  EXPECT_EQ(json_report("X", ",\n\"substate\":92,\n\"Exit_status\":0").state, JobState::completed);
}

// PBS removes all dependents of a job that waits itself.
TEST(PbsParse, DependentsOfADeletedWaitingJobWereRemoved) {
  auto seen = with_our_names(captured_case("12-deleted-with-a-failed-parent-any.txt"));
  auto reports = reports_of(seen);
  EXPECT_EQ(reports["1406.pbshost"].state, JobState::failed);
  for (const auto* id : {"1407.pbshost", "1408.pbshost"}) {
    EXPECT_EQ(reports[id].state, JobState::cancelled) << id;
    EXPECT_TRUE(reports[id].removed) << id;
    EXPECT_FALSE(reports[id].started) << id;
  }
}

TEST(PbsParse, AJobThatWaitsForItsTimeSaysSo) {
  const auto report = json_report("W", ",\n\"substate\":30");
  EXPECT_EQ(report.state, JobState::queued);
  EXPECT_EQ(report.reason, "waits for its -a time");
}

// A hold of an operator keeps the substate of a dependency that has come: there is nothing to wait for.
TEST(PbsParse, AHeldJobWhoseDependencyHasComeIsNotTakenForADependent) {
  const auto report = json_report("H",
                                  ",\n\"substate\":22,\n\"depend\":\"beforeany:9.pbshost@pbshost\",\n"
                                  "\"comment\":\"Job held by root on Sat Nov 21 11:53:43 2026\"");
  EXPECT_EQ(report.state, JobState::held);
  EXPECT_EQ(report.dependency, "");
  EXPECT_THAT(report.reason, HasSubstr("held by root"));
}

TEST(PbsParse, AJobThatWaitsSaysForWhat) {
  const auto held = json_report("H",
                                ",\n\"substate\":22,\n\"depend\":\"afterok:6.pbshost@pbshost:7.pbshost@"
                                "pbshost,beforeok:9.pbshost@pbshost\"");
  EXPECT_EQ(held.state, JobState::held);
  EXPECT_EQ(held.dependency, "afterok:6.pbshost@pbshost:7.pbshost@pbshost");
  EXPECT_EQ(held.source, Evidence::queue);
  EXPECT_EQ(held.reason, "Dependency");
  const auto parent = json_report("H", ",\n\"substate\":20,\n\"depend\":\"beforeok:9.pbshost@pbshost\"");
  EXPECT_EQ(parent.state, JobState::held);
  EXPECT_EQ(parent.dependency, "") << "others wait for it";
}

TEST(PbsParse, ARequestLargerThanTheClusterStaysQueuedAndSaysSo) {
  const auto report = json_report(
      "Q", ",\n\"substate\":10,\n\"comment\":\"Can Never Run: Insufficient amount of resource: ncpus\"");
  EXPECT_EQ(report.state, JobState::queued);
  EXPECT_THAT(report.reason, HasSubstr("Can Never Run"));
}

// Trap 10: the job is still in E while PBS tries to deliver its files.
TEST(PbsParse, AJobWhoseFilesAreBeingDeliveredHasNotEnded) {
  EXPECT_EQ(json_report("E", ",\n\"substate\":51").state, JobState::running);
}

// Trap 12: run_count 2 is no end of the job.
TEST(PbsParse, AJobThatAServerRestartRanAgainRuns) {
  EXPECT_EQ(json_report("R", ",\n\"substate\":42,\n\"run_count\":2").state, JobState::running);
}

TEST(PbsParse, AnUnknownStateIsKeptAsUnknownWithItsText) {
  const auto report = json_report("Z", ",\n\"substate\":99");
  EXPECT_EQ(report.state, JobState::unknown);
  EXPECT_EQ(report.native, "Z/99");
  EXPECT_EQ(json_report("M").state, JobState::unknown);
}

TEST(PbsParse, NoJobsAreAnAnswer) {
  EXPECT_THAT(parse(QueryKind::queue, captured_case("09-qstat-unknown-x-json.txt")).reports, IsEmpty());
  CommandResult nothing;
  EXPECT_THAT(parse(QueryKind::queue, nothing).reports, IsEmpty()) << "text of an empty server";
  CommandResult header;
  header.out =
      "{\n    \"timestamp\":1795230295,\n    \"pbs_version\":\"23.06.06\",\n    "
      "\"pbs_server\":\"pbshost\"\n}";
  EXPECT_THAT(parse(QueryKind::queue, header).reports, IsEmpty()) << "no Jobs key";
}

TEST(PbsParse, ServerDownIsNoAnswerThoughAJsonHeaderIsPrinted) {
  CommandResult down;
  down.status = 255;
  down.out =
      "{\n    \"timestamp\":1795232003,\n    \"pbs_version\":\"23.06.06\",\n    "
      "\"pbs_server\":\"pbshost\"\n}";
  down.err = captured_case("11-misc-serverdown.txt").err;
  expect_unavailable(down, "errno=15010");
  down.err.clear();
  expect_unavailable(down, "255");
  CommandResult late;
  late.timed_out = true;
  expect_unavailable(late, "in time");
}

// Trap 9.
TEST(PbsParse, ATransientCommunicationFailureIsNoAnswer) {
  CommandResult result;
  result.err = "qstat: cannot connect to server pbshost (errno=15031)\n";
  expect_unavailable(result, "15031");
}

TEST(PbsParse, HistoryOffIsAnAnswerThoughAnEmptyOne) {
  CommandResult off;
  off.out = "{\n    \"timestamp\":1795231887\n}";
  off.err = "qstat: PBS is not configured to maintain job history 2509.pbshost\n";
  EXPECT_THAT(parse(QueryKind::accounting, off).reports, IsEmpty());
  off.status = 153;
  off.err = "qstat: Unknown Job Id 2509.pbshost\n";
  EXPECT_THAT(parse(QueryKind::accounting, off).reports, IsEmpty());
  off.err = "qstat: Unauthorized Request\n";
  expect_unavailable(off, "Unauthorized");
}

TEST(PbsParse, IdsThatAreGoneAreNoFailureOfTheQuery) {
  for (const auto* name : {"09-qstat-finished-nox.txt", "09-qstat-mixed.txt"}) {
    auto seen = captured_case(name);
    EXPECT_TRUE(seen.status == unknown_job || seen.status == job_finished) << name;
    seen.out.clear();  // of a form that is not asked for
    EXPECT_THAT(parse(QueryKind::accounting, seen).reports, IsEmpty()) << name;
  }
}

// Trap 6, with a foreign job in front of ours.
TEST(PbsParse, OneJobCannotMakeTheWholeListingUnreadable) {
  for (const std::string foreign :
       {"\"Job_Name\":nan,", "\"Job_Name\":inf,", "\"Job_Name\":.5,", "\"Job_Name\":5.,", "\"Job_Name\":1e5,",
        "\"Job_Name\":\"x\",\n\"Submit_arguments\":\"-f -h -- /bin/echo a\\\"b c\\d e\\nf <g>&h\",",
        "\"Job_Name\":\"x\",\n\"Account_Name\":\"ends in a backslash\\\",",
        "\"Job_Name\":\"x\",\n\"Account_Name\":\"a\"b\",",
        "\"Job_Name\":\"x\",\n\"Variable_List\":{\n\"V\":\"\xe9\xff\x01\",\n\"W\":,\n\"X\":\"y\"\n},",
        "\"Job_Name\":\"x\",\n\"depend\":{{{,", "\"Job_Name\":\"x\",\n\"comment\":"}) {
    CommandResult result = json_listing("            \"job_state\":\"R\"");
    const auto place = result.out.find("        \"7.pbshost\"");
    result.out.insert(place, "        \"6.pbshost\":{\n            " + foreign +
                                 "\n            \"job_state\":\"R\"\n        },\n");
    EXPECT_EQ(report_of(result).native_id, "7.pbshost") << foreign;
  }
}

// A listing that ends too early does not say that the missing jobs are gone.
TEST(PbsParse, ACutListingIsNoAnswer) {
  const auto whole = with_our_names(captured_case("09-qstat-states-json.txt"));
  EXPECT_NO_THROW(parse(QueryKind::accounting, whole));
  for (std::size_t size = 1; size + 3 < whole.out.size(); size += 97) {
    auto cut = whole;
    cut.out.resize(size);
    expect_unavailable(cut, "cannot be read to its end");
  }
}

TEST(PbsParse, AJobOfOursThatCannotBeReadIsNotTakenForGone) {
  expect_unavailable(json_listing("            \"job_state\":{{{"), "cannot be read");
}

TEST(PbsParse, TheTextFormSaysTheSame) {
  const auto report = report_of(text_listing(
      "    job_state = F\n    depend = afterok:21.pbshost@pbshost\n    exec_host = "
      "node1/0*2+node1/1+node2/0\n"
      "    substate = 93\n    stime = Sat Nov 21 02:59:10 2026\n    obittime = Sat Nov 21 02:59:12 2026\n"
      "    Variable_List = PBS_O_HOME=/home/alice,\n\tjob_state = R,X=1\n    Exit_status = 3\n"));
  EXPECT_EQ(report.state, JobState::failed);
  EXPECT_EQ(report.exit_code, 3);
  EXPECT_EQ(report.host, "node1,node2");
  EXPECT_EQ(report.ended, Time(std::chrono::seconds(1795229952)));
}

TEST(PbsParse, ALineThatQstatFoldsIsOneValue) {
  const auto listing = read_text(captured_case("07-opt-env.txt").out);
  ASSERT_FALSE(listing.jobs.empty());
  EXPECT_EQ(listing.jobs[0].id, "132.pbshost");
  EXPECT_EQ(listing.jobs[0].comment,
            "Job run at Sat Nov 21 at 02:59 on (pbshost:ncpus=2:mem=1048576kb) and finished");
  EXPECT_EQ(listing.jobs[0].exit_status, "0");
}

TEST(PbsParse, TorqueTellsItsEndsInTheSameListing) {
  const auto ended = [](const std::string& lines) {
    return report_of(text_listing("    job_state = C\n" + lines));
  };
  EXPECT_EQ(ended("    exit_status = 0\n").state, JobState::completed);
  EXPECT_EQ(ended("    exit_status = 2\n").exit_code, 2);
  EXPECT_EQ(ended("    exit_status = -11\n").state, JobState::timeout);
  EXPECT_EQ(ended("    exit_status = -10\n").state, JobState::oom);
  EXPECT_EQ(ended("    exit_status = 271\n").state, JobState::cancelled);
  EXPECT_EQ(
      ended("    exit_status = 271\n    Resource_List.walltime = 00:01:00\n    resources_used.walltime = "
            "00:01:07\n")
          .state,
      JobState::timeout);
  EXPECT_EQ(ended("    comp_time = Sat Nov 21 02:59:12 2026\n").state, JobState::cancelled);
  EXPECT_EQ(report_of(text_listing("    job_state = H\n    depend = afterok:6.host@host\n")).dependency,
            "afterok:6.host@host");
}

// slurm-wlm-torque: neither exit statuses nor dependencies.
TEST(PbsParse, WhatAnEmulationDoesNotTellIsNotGuessed) {
  auto result = captured("slurm-wlm-torque-22.05.8/qstat_f.txt");
  const auto ended = report_of(result);
  EXPECT_EQ(ended.state, JobState::unknown);
  EXPECT_EQ(ended.native_id, "34040");
  result.status = 153;
  result.out = "Job Id:\t7\n\tJob_Name = a.k3f9q2bbbb\n\tjob_state = Q\n\n";
  EXPECT_EQ(report_of(result).state, JobState::queued);
  EXPECT_NE(report_of(result).dependency, "");
}

TEST(PbsStates, EveryStateOfTheManualHasItsMeaning) {
  for (const auto* letter : {"B", "E", "F", "H", "M", "Q", "R", "S", "T", "U", "W", "X", "C"}) {
    const auto* row = find_state(letter, std::nullopt);
    ASSERT_NE(row, nullptr) << letter;
    EXPECT_FALSE(row->meaning.empty());
  }
  EXPECT_EQ(find_state("", 42), nullptr);
  EXPECT_EQ(find_state("F", 91)->state, JobState::cancelled);
  EXPECT_EQ(find_state("H", 22)->state, JobState::held);
}

}  // namespace
}  // namespace catena::pbs
