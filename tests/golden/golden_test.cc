// What catena prints, against texts on record. CATENA_UPDATE_GOLDEN=1 rewrites them; the diff is then read by
// a person.
#include <gtest/gtest.h>

#include "sandbox.h"

namespace catena {
namespace {

class Golden : public testing::Test {
 protected:
  Golden() {
    setenv("CATENA_SCRATCH_BASE", "/scratch", 1);  // tokens are made of the run's directory
    const std::string folder = CATENA_SOURCE_DIR "/tests/golden/";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const auto name = entry.path().filename().string();
      if (name.ends_with(".yaml") || name.ends_with(".sbatch") || name.ends_with(".pbs"))
        box.write(name, read_text(entry.path()));
    }
  }
  void expect(const std::string& arguments, const std::string& file, int status = 0) {
    const auto said = box.catena(arguments);
    EXPECT_EQ(said.status, status) << said.err;
    auto text = said.out + said.err;
    for (auto at = text.find(box.dir.string()); at != std::string::npos; at = text.find(box.dir.string())) {
      text.replace(at, box.dir.string().size(), "@DIR@");
    }
    const std::string path = CATENA_SOURCE_DIR "/tests/golden/" + file;
    if (getenv("CATENA_UPDATE_GOLDEN")) std::ofstream(path) << text;
    EXPECT_EQ(text, read_text(path)) << "catena " << arguments;
  }
  Sandbox box;
};

// Seen: "internal error: cannot write to file: Broken pipe", and an abort where standard error was closed.
TEST_F(Golden, AReaderThatLeavesEarlyIsNoDefectOfCatena) {
  box.write("wide.yaml", "name: wide\nnodes:\n  n:\n    foreach: {i: 1..5000}\n    run: \"true\"\n");
  const auto in_bash = [&](const std::string& line) {
    return shell_output("cd '" + box.dir.string() + "' && bash -c 'catena=" + box.binary + "; " + line + "'");
  };
  EXPECT_EQ(in_bash("$catena plan wide.yaml | head -c 0; echo ${PIPESTATUS[0]}"), "141\n");
  EXPECT_EQ(in_bash("$catena staus 2>&-; echo $?"), "2\n");
}
TEST_F(Golden, TheOrderAndItsReasons) {
  expect("plan shapes.yaml --id g1", "shapes-plan.txt");
}
TEST_F(Golden, TheSubmissionProgram) {
  expect("plan shapes.yaml --site slurm --id g1 --program", "shapes-program.txt");
}
TEST_F(Golden, TheScriptOfANodeWithEverything) {
  expect("plan shapes.yaml --site slurm --id g1 --script fit", "shapes-script.txt");
}
TEST_F(Golden, ThePlanAsJson) {
  expect("plan shapes.yaml --id g1 --json", "shapes-plan.json");
}
TEST_F(Golden, EveryMistakeAtOnce) {
  expect("validate mistakes.yaml", "mistakes.txt", 3);
}
TEST_F(Golden, TheGraphsOwnMistakes) {
  expect("validate cycle.yaml", "cycle.txt", 3);
}
TEST_F(Golden, ServicesThatNobodyUsesAndWhatWaitsForTheirEnd) {
  expect("validate services.yaml", "services.txt", 3);
}
TEST_F(Golden, AWorkingDirectoryThatHoldsTheRunIsNotCopiedToScratch) {
  expect("validate scratch.yaml", "scratch.txt", 3);
}
TEST_F(Golden, EveryCheckThatFailsAtOnceAndNothingSubmitted) {
  expect("validate checks.yaml", "checks.txt", 3);
  expect("run checks.yaml", "checks.txt", 3);
  EXPECT_EQ(box.catena("list").out.find("checks"), std::string::npos);
}
TEST_F(Golden, ThePlanShowsTheChecks) {
  box.write("gone.in", "");
  expect("plan checks.yaml --id g1", "checks-plan.txt");
}
TEST_F(Golden, ChecksAreLeftOutOnPurpose) {
  box.write("gone.in", "");
  EXPECT_EQ(box.catena("validate checks.yaml --no-checks").status, 0);
}
TEST_F(Golden, ASlurmScriptForPbs) {
  expect("translate translated.sbatch --to pbs", "translated-pbs.txt");
}
TEST_F(Golden, ASlurmScriptForTorque) {
  expect("translate translated.sbatch --to torque", "translated-torque.txt");
}
TEST_F(Golden, APbsScriptForSlurm) {
  expect("translate translated.pbs --to slurm", "translated-slurm.txt");
}
TEST_F(Golden, AScriptThatHasTheDirectivesAlready) {
  expect("translate translated.pbs --to pbs", "translated-already.txt", 3);
}
TEST_F(Golden, ATranslationInAFileHasTheModeOfTheScript) {
  std::filesystem::permissions(box.dir / "translated.pbs", std::filesystem::perms(0750));
  const auto said = box.catena("translate translated.pbs --to slurm --output new.sbatch");
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, "");
  EXPECT_EQ(box.read("new.sbatch"), box.catena("translate translated.pbs --to slurm").out);
  EXPECT_EQ(std::filesystem::status(box.dir / "new.sbatch").permissions(), std::filesystem::perms(0750));
}
TEST_F(Golden, AStrictTranslationWithAWarningWritesNothing) {
  const auto said = box.catena("translate translated.pbs --to slurm --strict --output strict.sbatch");
  EXPECT_EQ(said.status, 3);
  EXPECT_FALSE(std::filesystem::exists(box.dir / "strict.sbatch"));
  EXPECT_EQ(box.catena("translate translated.pbs --to slurm --strict").out, "");
}

}  // namespace
}  // namespace catena
