// The script around its directives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "translation_support.h"

namespace catena {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TranslatedScript, DirectivesAreReplacedWhereTheyStandAndTheRestIsKeptToTheByte) {
  const std::string body =
      "cd $SLURM_SUBMIT_DIR\t \n\r#SBATCH --qos=late\n#PBS -q late\nprintf '\\0\xff'\\\n  no newline";
  const auto made = translated(
      "#!/bin/sh -l\n# a comment\n#SBATCH -J a   # its name\n\n#SBATCH -p q\n## another\n" + body, "pbs");
  EXPECT_EQ(made.script,
            "#!/bin/sh -l\n# a comment\n# its name\n#PBS -N a\n\n#PBS -q q\n#PBS -j oe\n## another\n" + body);
}

TEST(TranslatedScript, ACommentBehindADirectiveIsNotMadeADirective) {
  EXPECT_THAT(translated("#!/bin/sh\n#SBATCH -J a   #PBS -q late\n", "pbs").script,
              HasSubstr("#!/bin/sh\n# #PBS -q late\n#PBS -N a\n"));
  EXPECT_THAT(translated("#!/bin/sh\n#PBS -N a   #SBATCH -p late\n", "slurm").script,
              HasSubstr("#!/bin/sh\n# #SBATCH -p late\n#SBATCH --job-name=a\n"));
  EXPECT_THAT(translated("#!/bin/sh\n#PBS -N a \\\n -q q\n#SBATCH -p late\n", "slurm").script,
              HasSubstr("\n# #SBATCH -p late\n"));
}

TEST(TranslatedScript, ContinuedLinesOfPbsAreReplacedAsOneAndTheirWarningsNameThePlace) {
  const auto made = translated(
      "#!/bin/sh\n#PBS -N a \\\n  -l walltime=1:00 \\\n -X\n#PBS -j oe\ncd $PBS_O_WORKDIR\n", "slurm");
  EXPECT_THAT(made.script, HasSubstr("#!/bin/sh\n#SBATCH --job-name=a\n#SBATCH --time=00:01:00\n"));
  EXPECT_THAT(warnings(made), HasSubstr("job:4:2: '-X' has no counterpart in SLURM"));
}

TEST(TranslatedScript, VariablesInTheBodyAreNamedOnceEachWithTheirCounterpart) {
  const auto made = translated(
      "#!/bin/sh\n#PBS -N a\n# $PBS_QUEUE in a comment\necho ${PBS_JOBID} $PBS_JOBID\nNCPUS=4\necho $NCPUS "
      "$MY_PBS_X $PBS_O_LANG $PBS_ARRAY_INDEX\n",
      "slurm");
  EXPECT_EQ(warnings(made),
            "job:4:1: PBS starts the job in the home directory, SLURM in the directory of submission (say cd "
            "\"$HOME\" first in the body)\n"
            "job:4:8: PBS_JOBID is a variable of PBS: in SLURM use SLURM_JOB_ID\n"
            "job:6:7: NCPUS is a variable of PBS: in SLURM use SLURM_CPUS_ON_NODE\n"
            "job:6:24: PBS_O_LANG is a variable of PBS without a counterpart in SLURM\n"
            "job:6:36: PBS_ARRAY_INDEX is a variable of PBS: in SLURM use SLURM_ARRAY_TASK_ID\n");
  EXPECT_THAT(made.script, HasSubstr("echo ${PBS_JOBID} $PBS_JOBID\n"));
}

TEST(TranslatedScript, TheArraysIndexHasAnotherNameInTorque) {
  const std::string script = "#!/bin/sh\n#SBATCH -a 1-2\necho $SLURM_ARRAY_TASK_ID\n";
  EXPECT_THAT(warnings(translated(script, "pbs")), HasSubstr("in PBS use PBS_ARRAY_INDEX"));
  EXPECT_THAT(warnings(translated(script, "torque")), HasSubstr("in Torque use PBS_ARRAYID"));
}

TEST(TranslatedScript, ABodyThatStaysWhereItIsPutIsWarnedOfTheOtherDirectory) {
  EXPECT_THAT(
      warnings(translated("#!/bin/sh\n#SBATCH -n 1\ntrue\n", "pbs")),
      HasSubstr("job:3:1: SLURM starts the job in the directory of submission, PBS in the home directory "
                "(say cd \"$PBS_O_WORKDIR\" first in the body)"));
}

TEST(TranslatedScript, StreamsAreJoinedAndNamedAsTheyWereByDefault) {
  EXPECT_THAT(translated("#!/bin/sh\n#SBATCH -n 1\n", "pbs").script, HasSubstr("#PBS -j oe\n"));
  EXPECT_THAT(translated("#!/bin/sh\n#SBATCH -n 1\n#SBATCH -e err\n", "pbs").script, Not(HasSubstr("-j")));
  EXPECT_THAT(translated("#!/bin/sh\n#PBS -N a\n", "slurm").script,
              HasSubstr("#SBATCH --output=%x.o%j\n#SBATCH --error=%x.e%j\n"));
  EXPECT_THAT(translated("#!/bin/sh\n#PBS -J 1-2\n#PBS -j oe\n", "slurm").script,
              testing::EndsWith("#SBATCH --output=%x.o%A.%a\n"));
}

TEST(TranslatedScript, SbatchGetsItsFirstLine) {
  const auto bare = translated("#PBS -N a\ncd $PBS_O_WORKDIR\n", "slurm");
  EXPECT_TRUE(bare.script.starts_with("#!/bin/bash\n#SBATCH --job-name=a\n")) << bare.script;
  EXPECT_THAT(warnings(bare), HasSubstr("job:1:1: sbatch takes a script only if"));
  EXPECT_TRUE(translated("#!/bin/bash\n#PBS -S /bin/zsh\n", "slurm").script.starts_with("#!/bin/zsh\n"));
  EXPECT_TRUE(translated("#!/bin/bash -l\n#PBS -N a\n", "slurm").script.starts_with("#!/bin/bash -l\n#SB"));
}

TEST(TranslatedScript, ValuesWithCommasBlanksAndQuotesKeepTheirMeaning) {
  const auto there = translated("#!/bin/sh\n#SBATCH --export=\"A='x,y',B=1\"\n", "pbs").script;
  const auto back = translated(there, "slurm").script;
  EXPECT_THAT(back, HasSubstr("#SBATCH --export=\"A='x,y',B=1\"\n")) << there;
}

TEST(TranslatedScript, OneErrorForAHeaderOfBothOfNoneOrOfTheSame) {
  EXPECT_THAT(refused("#!/bin/sh\n#SBATCH -n 1\n#PBS -N a\n", "pbs"),
              HasSubstr("#SBATCH lines and #PBS lines"));
  EXPECT_THAT(refused("#!/bin/sh\ntrue\n#PBS -N a\n", "slurm"),
              HasSubstr("no directives of a batch scheduler"));
  EXPECT_THAT(refused("#!/bin/sh\n#PBS -N a\n", "torque"), HasSubstr("#PBS lines already"));
  EXPECT_THAT(refused("", "pbs"), HasSubstr("no directives"));
  EXPECT_THAT(refused("#!/bin/sh\n#SBATCH -o out\r", "pbs"), HasSubstr("DOS line ends"));
}

TEST(TranslatedScript, WhatItsOwnSchedulerWouldRefuseIsAnErrorWithItsPlace) {
  const auto slurm = refused("#!/bin/sh\n#SBATCH -n many --nodes\n#SBATCH hetjob\n", "pbs");
  EXPECT_THAT(slurm, HasSubstr("job:2:9: --ntasks"));
  EXPECT_THAT(slurm, HasSubstr("job:2:17: --nodes needs a value"));
  EXPECT_THAT(slurm, HasSubstr("job:3: heterogeneous"));
  const auto pbs = refused("#!/bin/sh\n#PBS -l walltime=soon -Y\n#PBS -a 9\n", "slurm");
  EXPECT_THAT(pbs, HasSubstr("job:2:6: -l walltime=soon is no time"));
  EXPECT_THAT(pbs, HasSubstr("job:2:23: qsub has no option -Y"));
  EXPECT_THAT(pbs, HasSubstr("job:3:6: -a: '9' is not"));
}

}  // namespace
}  // namespace catena
