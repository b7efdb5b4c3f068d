#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>

#include "core/error.h"
#include "pbs/checkup.h"
#include "pbs/control.h"
#include "pbs/query.h"
#include "pbs_support.h"

namespace catena::pbs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string line(const Command& command) {
  std::string text;
  for (const auto& word : command.argv) text += (text.empty() ? "" : " ") + word;
  return text;
}

TEST(PbsControl, OneCommandForManyAndAllMayBeRepeated) {
  const std::vector<ControlTarget> targets = {{"1.h", {}}, {"2.h", {}}};
  const std::pair<Action, const char*> cases[] = {{Action::release, "qrls"}, {Action::hold, "qhold"}};
  for (const auto& [action, name] : cases) {
    const auto commands = control(action, targets, {});
    ASSERT_THAT(commands, SizeIs(1));
    EXPECT_THAT(line(commands[0]), testing::EndsWith(std::string(name) + " 1.h 2.h"));
    EXPECT_TRUE(commands[0].repeatable);
  }
  EXPECT_THAT(control(Action::cancel, {}, {}), IsEmpty());
  Options narrow;
  narrow.argument_bytes = 4;
  EXPECT_THAT(control(Action::cancel, targets, narrow), SizeIs(2));
}

// qhold, qrls and qalter take no subjobs.
TEST(PbsControl, AnArrayIsHeldReleasedAndAlteredAsAWhole) {
  const std::vector<ControlTarget> targets = {
      {"2[1].h", {{On::ok, "1.h"}}}, {"3.h", {{On::ok, "1.h"}}}, {"2[4].h", {{On::ok, "1.h"}}}};
  EXPECT_THAT(line(control(Action::hold, targets, {})[0]), testing::EndsWith("qhold 2[].h 3.h"));
  const auto repointed = control(Action::repoint, targets, {});
  ASSERT_THAT(repointed, SizeIs(2));
  EXPECT_THAT(line(repointed[0]), testing::EndsWith("qalter -W depend=afterok:1.h 2[].h"));
  EXPECT_THAT(line(control(Action::cancel, targets, {})[0]), testing::EndsWith(" 2[1].h 3.h 2[4].h"));
}

// An unknown id at the end of a list crashes the server: 12-qdel-of-an-unknown-id-at-the-end.txt.
TEST(PbsControl, EachJobIsDeletedByACommandOfItsOwn) {
  const std::vector<ControlTarget> targets = {{"1.h", {}}, {"2[].h", {}}, {"3.h", {}}};
  const auto commands = control(Action::cancel, targets, {});
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_TRUE(commands[0].repeatable);
  // The program, with a qdel that says what it was given and fails for the second.
  const auto start = std::ranges::find(commands[0].argv, "-c");
  ASSERT_NE(start, commands[0].argv.end());
  std::string text = "qdel() { echo \"$# $1\"; [ \"$1\" != '2[].h' ] || return 153; }; set --";
  for (auto word = start + 3; word != commands[0].argv.end(); ++word) text += " '" + *word + "'";
  FILE* pipe = popen((text + "; " + *(start + 1)).c_str(), "r");
  std::string said(100, '\0');
  said.resize(std::fread(said.data(), 1, said.size(), pipe));
  EXPECT_EQ(WEXITSTATUS(pclose(pipe)), 153);
  EXPECT_EQ(said, "1 1.h\n1 2[].h\n1 3.h\n");
  Options torque;
  torque.torque = true;
  EXPECT_THAT(line(control(Action::cancel, targets, torque).at(0)), testing::EndsWith("qdel 1.h 2[].h 3.h"));
}

TEST(PbsControl, RepointReplacesTheDependenciesOfEachJob) {
  const std::vector<ControlTarget> targets = {{"3.h", {{On::ok, "1.h"}, {On::any, "2.h"}}},
                                              {"4.h", {{On::ok, "1.h"}}}};
  const auto commands = control(Action::repoint, targets, {});
  ASSERT_THAT(commands, SizeIs(2));
  EXPECT_THAT(line(commands[0]), testing::EndsWith("qalter -W depend=afterok:1.h,afterany:2.h 3.h"));
}

TEST(PbsControl, AJobThatHasEndedOrIsNotKnownNeedsNoCancel) {
  for (const auto* name : {"10-qdel-finished.txt", "10-qdel-unknown.txt"}) {
    const auto seen = captured_case(name);
    EXPECT_NE(seen.status, 0);
    EXPECT_THAT(parse_control(Action::cancel, seen), IsEmpty()) << name;
  }
  CommandResult mixed = captured_case("10-qdel-mixed.txt");
  mixed.status = 35;
  EXPECT_THAT(parse_control(Action::cancel, mixed), IsEmpty());
}

TEST(PbsControl, WhatCouldNotBeDoneIsSaid) {
  CommandResult result;
  result.status = 159;
  result.err = "qdel: Unauthorized Request  105.pbshost\n";
  EXPECT_THAT(parse_control(Action::cancel, result), ElementsAre(HasSubstr("Unauthorized")));
  result.err = "qrls: Unknown Job Id 5.pbshost\n";
  EXPECT_THAT(parse_control(Action::release, result), SizeIs(1));
  result.err = "qalter: Job has finished\n";
  result.status = 35;
  EXPECT_THAT(parse_control(Action::repoint, result), SizeIs(1));
  result.err.clear();
  EXPECT_THAT(parse_control(Action::hold, result), ElementsAre(HasSubstr("35")));
}

TEST(PbsControl, AServerThatIsDownDidNothing) {
  CommandResult down;
  down.status = 162;
  down.err = "Connection refused\nCouldn't connect to cluster: pbshost\n";
  EXPECT_THROW(parse_control(Action::cancel, down), Error);
}

// Trap 7: one call for all, since each id costs a connection.
TEST(PbsQuery, ManyJobsAreAskedInBulk) {
  std::vector<JobRef> jobs(most_ids + 1);
  EXPECT_THAT(line(queue_query({jobs, ""}, {})), testing::EndsWith("qstat -f -F json"));
  for (auto& job : jobs) job.native_id = "1.h";
  EXPECT_THAT(line(history_query({jobs, ""}, {})), testing::EndsWith("qstat -x -f -F json"));
  jobs.resize(2);
  EXPECT_THAT(line(history_query({jobs, ""}, {})), testing::EndsWith("qstat -x -f -F json 1.h 1.h"));
  jobs[1].native_id.clear();
  EXPECT_THAT(line(history_query({jobs, ""}, {})), testing::EndsWith("-F json"))
      << "it has to be found by its name";
}

// To Torque -x means XML, and it has no -F.
TEST(PbsQuery, TorqueIsAskedForText) {
  Options torque;
  torque.torque = true;
  torque.json = false;
  const std::vector<JobRef> jobs(1);
  EXPECT_THAT(line(queue_query({jobs, ""}, torque)), testing::EndsWith("qstat -f"));
  EXPECT_THAT(line(history_query({jobs, ""}, torque)), testing::EndsWith("qstat -f"));
}

TEST(PbsQuery, TimesAreAskedForInUtc) {
  EXPECT_THAT(line(queue_query({}, {})), HasSubstr("TZ=UTC0"));
}

// An array of somebody else may have ten thousand subjobs.
TEST(PbsQuery, SubjobsAreListedWhereSomeAreOursOrAllAreCounted) {
  std::vector<JobRef> jobs(2);
  jobs[0].token = "k3f9q2bbbb";
  EXPECT_THAT(line(queue_query({jobs, ""}, {})), testing::EndsWith("qstat -f -F json"));
  jobs[1].token = "k3f9q2bbbb_2";
  EXPECT_THAT(line(queue_query({jobs, ""}, {})), testing::EndsWith("qstat -t -f -F json"));
  EXPECT_THAT(line(queue_query({}, {})), testing::EndsWith("qstat -t -f -F json"));
  EXPECT_THAT(line(history_query({jobs, ""}, {})), testing::EndsWith("qstat -t -x -f -F json"));
}

TEST(PbsCheckup, ServerHistoryAndVersionAreTold) {
  const auto checks = checkup();
  ASSERT_THAT(checks, SizeIs(3));
  const auto version = checks[0].read(captured_case("01-qstat-version.txt"));
  EXPECT_EQ(version.at(0).text, "pbs_version = 23.06.06");
  CommandResult missing;
  missing.status = 127;
  EXPECT_EQ(checks[0].read(missing).at(0).level, Finding::Level::problem);
  CommandResult server;
  server.out =
      "Server: pbshost\n    server_state = Active\n    job_history_enable = True\n    pbs_version = "
      "23.06.06\n";
  EXPECT_THAT(checks[1].read(server).at(1).text, HasSubstr("two weeks"));
  server.out = "Server: pbshost\n    server_state = Active\n";
  EXPECT_THAT(checks[1].read(server).at(1).remedy, HasSubstr("accounting = no"));
  CommandResult emulation;  // slurm-wlm-torque's qstat
  emulation.status = 2;
  emulation.err = "Usage:\n    qstat -f\n";
  EXPECT_EQ(torque_checkup()[0].read(emulation).at(0).level, Finding::Level::note);
  EXPECT_EQ(torque_checkup()[1].read(emulation).at(0).level, Finding::Level::note);
  CommandResult down;
  down.status = 255;
  down.err = "Connection refused\nqstat: cannot connect to server pbshost (errno=15010)\n";
  EXPECT_THAT(checks[1].read(down).at(0).text, HasSubstr("15010"));
}

}  // namespace
}  // namespace catena::pbs
