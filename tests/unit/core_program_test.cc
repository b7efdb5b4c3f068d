// The submission program, run by a real sh with a scheduler's command that does as the test says.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>

#include "core/program.h"
#include "core/script.h"
#include "toy_dialect.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Program : public testing::Test {
 protected:
  Program() {
    char name[] = "/tmp/catena-program.XXXXXX";
    dir_ = mkdtemp(name);
    submission_.run_id = "r1";
    submission_.run_directory = dir_;
    for (const auto& folder : {script_folder, array_folder, body_folder})
      fs::create_directories(dir_ + "/" + std::string(folder));
    // Each job's script is its own answer: it is run to see what the scheduler says.
    std::ofstream(dir_ + "/toy-submit")
        << "#!/bin/sh\necho \"$*\" >> " << dir_ << "/calls\nTOY_INDEX=1 exec bash -s\n";
    fs::permissions(dir_ + "/toy-submit", fs::perms::owner_all);
  }
  ~Program() override { fs::remove_all(dir_); }

  void job(const std::string& says, std::vector<std::size_t> parents = {}) {
    Job job;
    job.token = "token" + std::to_string(submission_.jobs.size());
    job.script = says + "\n";
    job.held = parents.empty();
    for (const auto parent : parents) job.dependencies.push_back({On::ok, parent, {}});
    submission_.jobs.push_back(std::move(job));
  }
  std::vector<std::string> run(const std::string& shell = "sh", std::size_t bytes = std::string::npos) {
    std::ofstream(dir_ + "/program") << submission_program(dialect_, submission_).substr(0, bytes);
    auto submission = submission_;
    for (const auto& file : take_scripts(submission)) {
      if (!file.content.empty()) std::ofstream(file.target) << file.content;
    }
    return start(shell);
  }
  std::vector<std::string> start(const std::string& shell) const {
    const std::string command =
        "cd " + dir_ + " && PATH=" + dir_ + ":$PATH " + shell + " -s < program 2> stderr";
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::vector<std::string> lines;
    std::array<char, 4096> buffer{};
    while (fgets(buffer.data(), buffer.size(), pipe.get())) {
      lines.emplace_back(buffer.data());
      lines.back().pop_back();
    }
    return lines;
  }
  std::vector<std::string> calls() const {
    std::ifstream in(dir_ + "/calls");
    std::vector<std::string> list;
    for (std::string line; std::getline(in, line);) list.push_back(line);
    return list;
  }

  std::string dir_;
  ToyDialect dialect_;
  Submission submission_;
};

TEST_F(Program, ParentsIdsAreHandedToTheirChildren) {
  job("echo 41");
  job("echo '42;lab'");
  job("echo 43", {0, 1});
  for (const auto* shell : {"sh", "bash"}) {
    fs::remove(dir_ + "/calls");
    EXPECT_THAT(run(shell), ElementsAre("OK token0 41", "OK token1 42", "OK token2 43", "END")) << shell;
    EXPECT_THAT(calls(), ElementsAre("--hold", "--hold", "--after=ok:41,ok:42,")) << shell;
  }
}

// A shell takes the end of its input for the end of a here-document.
TEST_F(Program, AProgramThatArrivesInPartSubmitsNothing) {
  job("echo 41\n# the rest of the script");
  job("echo 42", {0});
  const auto size = submission_program(dialect_, submission_).size();
  for (const auto* shell : {"sh", "bash"}) {
    for (std::size_t bytes = 0; bytes < size - 2; bytes += bytes + 40 < size ? 23 : 1) {
      EXPECT_THAT(run(shell, bytes), IsEmpty()) << shell << " with " << bytes << " of " << size;
      ASSERT_THAT(calls(), IsEmpty()) << shell << " with " << bytes << " of " << size;
    }
  }
}

// Scenario 17.
TEST_F(Program, ARefusalKeepsTheRestAndPassesOverItsDescendants) {
  job("echo 'toy: no such partition' >&2; exit 1");
  job("echo 2");
  job("echo 3", {0});
  job("echo 4", {2});
  EXPECT_THAT(run(), ElementsAre("ERR token0 1 toy: no such partition", "OK token1 2", "SKIP token2",
                                 "SKIP token3", "END"));
}

// Scenario 15: the timed-out sbatch may have queued its job.
TEST_F(Program, ALostReplyIsUnsureAndStopsTheProgram) {
  job("echo 'sbatch: error: Socket timed out' >&2; exit 1");
  job("echo 2");
  EXPECT_THAT(run(), ElementsAre("UNSURE token0 1 sbatch: error: Socket timed out", "STOP"));
}

TEST_F(Program, ASchedulerThatIsDownStopsTheProgram) {
  job("echo 1");
  job("echo 'cannot connect to the controller' >&2; exit 1");
  job("echo 3");
  EXPECT_THAT(run(), ElementsAre("OK token0 1", "ERR token1 1 cannot connect to the controller", "STOP"));
}

// Scenario 16.
TEST_F(Program, SuccessWithoutAnIdIsUnsure) {
  job("echo welcome to the cluster");
  EXPECT_THAT(run(), ElementsAre("UNSURE token0 0 welcome to the cluster", "STOP"));
}

// Scenario 16: a command that dies half-way says nothing of the job.
TEST_F(Program, AFailureThatIsNotInTheCommandsOwnWordsIsUnsure) {
  job("exit 1");
  job("echo 2");
  EXPECT_THAT(run(), ElementsAre("UNSURE token0 1 ", "STOP"));
  submission_.jobs.clear();
  job("echo '<html>502</html>'; exit 1");
  EXPECT_THAT(run(), ElementsAre("UNSURE token0 1 <html>502</html>", "STOP"));
}

TEST_F(Program, Scenario16ALineThatOnlyBeginsLikeAnIdIsNone) {
  job("echo '502 Bad Gateway'");
  EXPECT_THAT(run(), ElementsAre("UNSURE token0 0 502 Bad Gateway", "STOP"));
  submission_.jobs.clear();
  job("echo '2 warnings'; echo '54[].pbshost'");
  EXPECT_THAT(run(), ElementsAre("OK token0 54[].pbshost", "END"));
  EXPECT_THAT(run("bash"), ElementsAre("OK token0 54[].pbshost", "END"));
}

TEST_F(Program, ASubmitCommandKilledByASignalIsUnsure) {
  job("kill -9 $$");
  const auto lines = run();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], testing::StartsWith("UNSURE token0 137"));
}

TEST_F(Program, WarningsAroundTheIdDoNotHideIt) {
  job("echo 'sbatch: warning: * is a star' >&2; echo 77; echo 'sbatch: more' >&2");
  EXPECT_THAT(run(), ElementsAre("OK token0 77", "END"));
}

TEST_F(Program, WhatACommandSaysBehindItsIdIsNotTakenForTheNextOnes) {
  job("echo 41; echo; echo 7 more; echo 99");
  job("");
  for (const auto* shell : {"sh", "bash"})
    EXPECT_THAT(run(shell), ElementsAre("OK token0 41", "UNSURE token1 0 ", "STOP")) << shell;
}

TEST_F(Program, NothingIsLeftWhereItKeepsWhatCommandsSay) {
  job("echo 41");
  fs::create_directory(dir_ + "/tmp");
  for (const auto& tmpdir : {dir_ + "/tmp", dir_ + "/missing"}) {
    setenv("TMPDIR", tmpdir.c_str(), 1);
    EXPECT_THAT(run(), ElementsAre("OK token0 41", "END"));
    unsetenv("TMPDIR");
  }
  for (const auto* folder : {"/tmp", "/.catena"}) {
    for (const auto& entry : fs::directory_iterator(dir_ + folder))
      EXPECT_TRUE(entry.is_directory()) << entry.path();
  }
}

// What the toy scheduler says is what the job would.
TEST_F(Program, AJobWhoseScriptItsHostDoesNotHaveSaysSo) {
  job("echo 41");
  EXPECT_THAT(run(), ElementsAre("OK token0 41", "END"));
  const auto script = dir_ + "/" + std::string(script_folder) + "/token0.sh";
  fs::remove(script);
  EXPECT_THAT(start("sh"),
              ElementsAre(HasSubstr("UNSURE token0 74 catena: cannot read " + script + " on "), "STOP"));
}

TEST_F(Program, AFanInOfFiveThousandGoesOut) {
  std::vector<std::size_t> parents;
  for (std::size_t i = 0; i < 5000; ++i) {
    Job job;
    job.token = "t";
    submission_.jobs.push_back(job);
    parents.push_back(i);
  }
  job("echo 9", parents);
  const auto program = submission_program(dialect_, submission_);
  EXPECT_NE(program.find("ok:$J5000,"), std::string::npos);
}

// sbatch lets SBATCH_ACCOUNT win over a job's own --account.
TEST_F(Program, Scenario23AVariableThatStandsForAResourceIsKeptFromJobsThatNameIt) {
  for (int i = 0; i < 4; ++i) job("echo 1\"${TOY_ACCOUNT-}\"");
  submission_.jobs[1].resources.account = "mine";
  submission_.jobs[2].resources.account = "mine";
  setenv("TOY_ACCOUNT", "77", 1);
  EXPECT_THAT(run(), ElementsAre("OK token0 177", "OK token1 1", "OK token2 1", "OK token3 177", "END"));
  unsetenv("TOY_ACCOUNT");
}

// A trouble without words would pass for none.
TEST_F(Program, SilenceIsSaidInWords) {
  job("");
  ProgramAnswers answers(dialect_, submission_);
  const auto answer = answers.read("UNSURE token0 1 ");
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_EQ(answer[0].kind, Answer::Kind::unsure);
  EXPECT_EQ(answer[0].text, "it said nothing, and ended with status 1");
}

TEST_F(Program, AnswersAreReadAndNoiseIsPassedOver) {
  job("");
  job("");
  job("");
  job("");
  ProgramAnswers answers(dialect_, submission_);
  EXPECT_THAT(answers.read("Last login: yesterday"), IsEmpty());
  EXPECT_THAT(answers.read("OK somebody 12"), IsEmpty());
  auto answer = answers.read("OK token0 41");
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_EQ(answer[0].kind, Answer::Kind::accepted);
  EXPECT_EQ(answer[0].native_id, "41");
  EXPECT_THAT(answers.read("OK token0 42"), IsEmpty()) << "the first answer counts";
  EXPECT_EQ(answers.read("ERR token1 1 no such partition").at(0).kind, Answer::Kind::refused);
  EXPECT_EQ(answers.read("ERR token2 1 cannot connect to it").at(0).kind, Answer::Kind::unavailable);
  EXPECT_THAT(answers.unanswered(), ElementsAre(3));
  EXPECT_FALSE(answers.ended());
  EXPECT_THAT(answers.read("STOP"), IsEmpty());
  EXPECT_TRUE(answers.ended());
}

// Two arrays of three, element to element; what waits for all of one, and for one of it.
TEST_F(Program, AnArrayIsSubmittedOnceAndAnswersForEachOfItsElements) {
  for (int i = 0; i < 6; ++i) {
    job("true");
    submission_.jobs.back().array = ArrayPlace{i < 3 ? "first" : "second", i % 3 + 1};
    if (i >= 3) submission_.jobs.back().dependencies = {{On::ok, static_cast<std::size_t>(i - 3), {}, true}};
  }
  for (const std::size_t first : {0, 3}) {
    const auto& token = submission_.jobs[first].array->token;
    submission_.arrays.push_back({first, 3, "1-3", {}});
    auto& scripts = submission_.arrays.back().scripts;
    scripts.target = fmt::format("{}/{}/{}", dir_, array_folder, token);
    for (int i = 1; i <= 3; ++i)
      scripts.content +=
          array_mark(element_token(token, std::to_string(i))) + fmt::format("echo 4{}\n", first / 3 + i);
  }
  job("echo 43", {0, 1, 2});
  job("echo 44", {1});
  EXPECT_THAT(run(), ElementsAre("OK token0 41", "OK token3 42", "OK token6 43", "OK token7 44", "END"));
  EXPECT_THAT(calls(), ElementsAre("--hold --array=1-3", "--hold --array=1-3 --after=each:41,",
                                   "--after=ok:41,", "--after=ok:41_2,"));
  ProgramAnswers answers(dialect_, submission_);
  const auto all = answers.read("OK token3 42");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].job, 3U);
  EXPECT_EQ(all[2].job, 5U);
  EXPECT_EQ(all[2].native_id, "42_3");
  EXPECT_TRUE(all[1].more) << "to be recorded in one step";
  EXPECT_FALSE(all[2].more);
  EXPECT_THAT(answers.read("UNSURE token0 1 timed out"), testing::SizeIs(3));
  EXPECT_THAT(answers.unanswered(), ElementsAre(6, 7));
}

}  // namespace
}  // namespace catena
