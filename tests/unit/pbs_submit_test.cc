#include <gmock/gmock.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/program.h"
#include "core/script.h"
#include "pbs/submit.h"
#include "pbs_support.h"

namespace catena::pbs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// The submission program, run by sh with a qsub that answers as told.
class PbsProgram : public testing::Test {
 protected:
  PbsProgram() {
    std::string name = "/tmp/catena-pbs-submit.XXXXXX";
    dir_ = mkdtemp(name.data());
    submission_.run_id = "r1";
    submission_.run_directory = dir_;
    std::filesystem::create_directories(dir_ / script_folder);
    job("a");
  }
  ~PbsProgram() override { std::filesystem::remove_all(dir_); }
  Job& job(const std::string& node) {
    Job job;
    job.token = token_for(static_cast<int>(submission_.jobs.size() + 1));
    job.name = job_name(node, job.token);
    job.script = "#!/bin/bash\ntrue\n";
    submission_.jobs.push_back(job);
    return submission_.jobs.back();
  }
  void qsub(const std::string& body) const {
    std::ofstream(dir_ / "qsub") << "#!/bin/sh\necho \"$@\" >> '" << (dir_ / "calls").string() << "'\n"
                                 << body;
    std::filesystem::permissions(dir_ / "qsub", std::filesystem::perms::owner_all);
  }
  // A qsub that fails as in a capture.
  void qsub_fails(int status, const std::string& err) const {
    std::ofstream(dir_ / "said") << err;
    qsub(fmt::format("cat '{}' >&2; exit {}\n", (dir_ / "said").string(), status));
  }
  std::vector<Answer> answers() {
    const auto dialect = make_dialect(options_);
    std::ofstream(dir_ / "program") << submission_program(*dialect, submission_);
    auto submission = submission_;
    for (const auto& file : take_scripts(submission)) std::ofstream(file.target) << file.content;
    FILE* pipe =
        popen(("PATH='" + dir_.string() + "':$PATH sh '" + (dir_ / "program").string() + "'").c_str(), "r");
    ProgramAnswers reader(*dialect, submission_);
    std::vector<Answer> list;
    char line[4096];
    while (std::fgets(line, sizeof line, pipe)) {
      std::string_view text = line;
      text.remove_suffix(1);
      for (const auto& answer : reader.read(text)) list.push_back(answer);
    }
    pclose(pipe);
    return list;
  }
  std::string calls() const {
    std::ifstream in(dir_ / "calls");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path dir_;
  Options options_;
  Submission submission_;
};

// 187, 170 and 166 are not deaths by a signal: the rest is tried.
TEST_F(PbsProgram, ExitCodesModulo256AreRefusals) {
  job("b");
  for (const auto* name : {"03-err-unknown-queue.txt", "03-err-bad-mem.txt", "03-err-illegal-resource.txt"}) {
    const auto seen = captured_case(name);
    ASSERT_GT(seen.status, 128);
    qsub_fails(seen.status, seen.err);
    const auto got = answers();
    ASSERT_EQ(got.size(), 2U) << name;
    EXPECT_EQ(got[0].kind, Answer::Kind::refused) << name;
    EXPECT_THAT(got[0].text, HasSubstr("qsub: "));
    EXPECT_EQ(got[1].kind, Answer::Kind::refused);
  }
}

// The first job of a new server, and the one after its max_job_sequence_id.
TEST_F(PbsProgram, AnIdMayBeZero) {
  for (const bool torque : {false, true}) {
    options_.torque = torque;
    qsub("echo '" + captured_case("12-qsub-first-job.txt").out + "'\n");
    const auto got = answers();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].kind, Answer::Kind::accepted);
    EXPECT_EQ(got[0].native_id, "0.pbshost");
  }
}

TEST_F(PbsProgram, ServerDownIsUnavailableAndTheRestIsNotTried) {
  job("b");
  qsub_fails(162, "Connection refused\nqsub: cannot connect to server pbshost (errno=15010)\n");
  const auto got = answers();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].kind, Answer::Kind::unavailable);
}

TEST_F(PbsProgram, AWrongServerNameIsUnavailable) {
  const auto seen = captured_case("03-err-badserver.txt");
  ASSERT_EQ(seen.status, 160);
  qsub_fails(seen.status, seen.err);
  EXPECT_EQ(answers().at(0).kind, Answer::Kind::unavailable);
}

// Trap 4.
TEST_F(PbsProgram, LostRepliesAreUnsure) {
  for (const auto* words : {"qsub: Failed to recv data from background qsub\n", ""}) {
    qsub_fails(255, words);
    EXPECT_EQ(answers().at(0).kind, Answer::Kind::unsure) << words;
  }
  qsub("kill -9 $$\n");
  EXPECT_EQ(answers().at(0).kind, Answer::Kind::unsure);
}

// Trap 9.
TEST_F(PbsProgram, ATransientCommunicationFailureIsUnsure) {
  qsub_fails(183, "Communication failure.\nqsub: cannot connect to server pbshost (errno=15031)\n");
  EXPECT_EQ(answers().at(0).kind, Answer::Kind::unsure);
}

TEST_F(PbsProgram, AFullQueueIsTriedAgainLater) {
  qsub_fails(184, "qsub: would exceed queue workq's per-user limit\n");
  EXPECT_EQ(answers().at(0).kind, Answer::Kind::limited);
}

TEST_F(PbsProgram, IdsCarryTheServersNameAndBrackets) {
  for (const auto* id : {"1.pbshost", "54[].pbshost", "123.pbs-server.example.org"}) {
    qsub(fmt::format("echo 'qsub: a notice of the site' >&2; echo '{}'\n", id));
    EXPECT_EQ(answers().at(0).native_id, id);
  }
  qsub("echo 3 jobs are waiting\n");
  EXPECT_NE(answers().at(0).kind, Answer::Kind::accepted) << "a site's greeting is no id";
}

TEST_F(PbsProgram, AChildNamesItsParentsAndAHeldRootIsHeld) {
  submission_.jobs[0].held = true;
  job("b").dependencies = {{On::ok, 0, {}}, {On::any, std::nullopt, "7.pbshost"}};
  qsub("echo 5.pbshost\n");
  EXPECT_EQ(answers().size(), 2U);
  EXPECT_THAT(calls(), HasSubstr(" -h\n"));
  EXPECT_THAT(calls(), HasSubstr(" -W depend=afterok:5.pbshost,afterany:7.pbshost\n"));
}

// Trap 4: plain qsub leaves a process behind. To Torque -f is something else.
TEST_F(PbsProgram, QsubStaysInTheForeground) {
  qsub("echo 5.pbshost\n");
  answers();
  EXPECT_THAT(calls(), testing::StartsWith("-f "));
  options_.torque = true;
  std::filesystem::remove(dir_ / "calls");
  answers();
  EXPECT_THAT(calls(), Not(HasSubstr("-f ")));
}

// Trap 5: -V exports nothing, -v mangles; and outputs are 0600 unless umask is set.
TEST_F(PbsProgram, TheEnvironmentIsNotLeftToQsubAndTheUmaskIsTheSubmittingShells) {
  qsub("echo 5.pbshost\n");
  answers();
  EXPECT_THAT(calls(), Not(HasSubstr("-V")));
  EXPECT_THAT(calls(), Not(HasSubstr("-v")));
  EXPECT_THAT(calls(), testing::ContainsRegex("-W umask=0[0-7]+"));
}

// Trap 10: PBS does not deliver anything, so nothing is undeliverable.
TEST_F(PbsProgram, OutputsAreNotLeftToPbs) {
  qsub("echo 5.pbshost\n");
  answers();
  EXPECT_THAT(calls(), HasSubstr("-o /dev/null -e /dev/null"));
}

TEST_F(PbsProgram, ABeginThatCountsFromNowIsADateOfTheLoginNode) {
  submission_.jobs[0].resources.begin = "+90";
  qsub("echo 5.pbshost\n");
  answers();
  EXPECT_THAT(calls(), testing::ContainsRegex("-a 20[0-9]{10}\\.[0-9]{2}\n"));
}

TEST_F(PbsProgram, AQsubThatReadsOnlyFilesIsGivenItsInputAsOne) {
  options_.torque = true;
  options_.script = "/dev/stdin";
  qsub("for last; do :; done; sed -n 2p \"$last\"; echo 5\n");
  EXPECT_EQ(answers().at(0).native_id, "5");
  EXPECT_THAT(calls(), HasSubstr(" /dev/stdin\n"));
}

// Trap 1: an element is a job of its own, so that no edge hangs on an array's status.
TEST(PbsSubmit, NothingDependsOnAWholeArray) {
  const auto dialect = make_dialect({});
  EXPECT_THAT(dialect->submit_text().command, Not(HasSubstr("-J")));
  EXPECT_THAT(dialect->check_options(std::vector<std::string>{"-J 1-3"}), testing::SizeIs(1));
}

TEST(PbsSubmit, EveryEdgeHasItsWordAndOneGroupAKind) {
  const std::vector<std::pair<On, std::string>> parents = {
      {On::start, "1.h"}, {On::ok, "2.h"}, {On::notok, "3.h"}, {On::any, "4.h"}, {On::ok, "5.h"}};
  EXPECT_EQ(dependency_list(parents), "afterok:2.h:5.h,afterany:4.h,afternotok:3.h,after:1.h");
}

}  // namespace
}  // namespace catena::pbs
