#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "header_support.h"
#include "slurm/header.h"
#include "slurm/options.h"

namespace catena::slurm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

ScriptHeader read(const std::string& lines) {
  return read_header(script_of(lines));
}

TEST(SlurmHeader, AnOrdinaryScript) {
  const auto header = read(
      "# my job\n"
      "#SBATCH --job-name=relax\n"
      "#SBATCH -N 2 -n4   # two nodes\n"
      "#SBATCH --ntasks-per-node 2\n"
      "#SBATCH -c2\n"
      "#SBATCH --mem=4G\n"
      "\n"
      "#SBATCH --time=01:30:00\n"
      "#SBATCH -p debug -A phys\n"
      "#SBATCH --output=%x-%j.out\n"
      "#SBATCH --mail-type=END\n"
      "module load qe\n"
      "#SBATCH --qos=late\n");
  EXPECT_TRUE(header.found);
  EXPECT_EQ(header.dialect, "slurm");
  EXPECT_EQ(header.shell, "/bin/bash");
  EXPECT_EQ(header.job_name, "relax");
  EXPECT_EQ(header.resources.nodes, 2);
  EXPECT_EQ(header.resources.tasks, 4);
  EXPECT_EQ(header.resources.tasks_per_node, 2);
  EXPECT_EQ(header.resources.cpus_per_task, 2);
  EXPECT_EQ(header.resources.memory, Bytes{4} << 30);
  EXPECT_EQ(header.resources.walltime, Seconds(5400));
  EXPECT_EQ(header.resources.queue, "debug");
  EXPECT_EQ(header.resources.account, "phys");
  EXPECT_EQ(header.resources.qos, "") << "after the first command sbatch reads no more";
  EXPECT_EQ(header.stdout_file, "%x-%j.out");
  EXPECT_EQ(header.stderr_file, "");
  EXPECT_THAT(header.options, ElementsAre("--mail-type=END"));
  EXPECT_THAT(header.problems, IsEmpty());
}

TEST(SlurmHeader, NoDirectives) {
  const auto header = read("#$ -N other\n##SBATCH -H\n# SBATCH -H\n #SBATCH -H\necho\n");
  EXPECT_FALSE(header.found);
  EXPECT_THAT(header.problems, IsEmpty());
}

TEST(SlurmHeader, QuotesEscapesAndCommentsAsSbatchReadsThem) {
  const auto header = read("#SBATCH -J \"a b\" --comment='it''s' #--hold\n#SBATCH --chdir=\"/a b\"/c#d\n");
  EXPECT_EQ(header.job_name, "a b");
  EXPECT_THAT(header.options, ElementsAre("--comment=its"));
  EXPECT_EQ(header.workdir, "/a b/c") << "an unquoted # ends the line in the middle of a word";
  EXPECT_THAT(header.problems, IsEmpty());
  const auto escaped = read("#SBATCH --chdir=/a\\ b\n");
  EXPECT_EQ(escaped.workdir, "/a") << "a backslash does not hold a blank";
  EXPECT_EQ(errors(escaped), 1);
}

TEST(SlurmHeader, VerbatimOptionsCanBeWrittenAgain) {
  const auto header = read("#SBATCH --comment=\"two words\" -x node1 --requeue -k\n");
  EXPECT_THAT(header.options,
              ElementsAre("\"--comment=two words\"", "--exclude=node1", "--requeue", "--no-kill"));
  EXPECT_THAT(check_options(header.options), IsEmpty());
}

TEST(SlurmHeader, AbbreviationsThatAreUnambiguous) {
  const auto header = read("#SBATCH --part=debug --ti=5 --mem-per-c=1G\n");
  EXPECT_EQ(header.resources.queue, "debug");
  EXPECT_EQ(header.resources.memory_per_cpu, Bytes{1} << 30);
  EXPECT_EQ(errors(header), 1) << "--ti: time or time-min";
}

TEST(SlurmHeader, AnArrayIsAnErrorThatNamesForeach) {
  const auto header = read("#SBATCH --array=1-10\n");
  ASSERT_THAT(header.problems, SizeIs(1));
  EXPECT_TRUE(header.problems[0].error);
  EXPECT_EQ(header.problems[0].line, 2);
  EXPECT_THAT(header.problems[0].hint, HasSubstr("foreach"));
}

TEST(SlurmHeader, WhatHasNoMeaningInAChainIsLeftOutWithAWarning) {
  const auto header = read("#SBATCH -d afterok:1\n#SBATCH --wait\n#SBATCH -H\n#SBATCH -M lab\n");
  EXPECT_THAT(header.problems, SizeIs(4));
  EXPECT_EQ(errors(header), 0);
  EXPECT_THAT(header.options, IsEmpty());
  EXPECT_EQ(header.problems[1].line, 3);
}

TEST(SlurmHeader, ExportedValues) {
  const auto header = read("#SBATCH --export=ALL,OMP_NUM_THREADS=4,LIST='a,b'\n");
  EXPECT_THAT(header.env, ElementsAre(Pair("OMP_NUM_THREADS", "4"), Pair("LIST", "a")))
      << "sbatch's line parser eats the quotes";
  const auto nested = read("#SBATCH --export=\"A='x,y',B=1\"\n");
  EXPECT_THAT(nested.env, ElementsAre(Pair("A", "x,y"), Pair("B", "1")));
  EXPECT_THAT(nested.problems, IsEmpty());
  EXPECT_THAT(read("#SBATCH --export=NONE\n").problems, SizeIs(1));
}

TEST(SlurmHeader, GpusInTheirSeveralSpellings) {
  const auto gpus = [](const std::string& option) {
    const auto resources = read("#SBATCH " + option + "\n").resources;
    return std::to_string(resources.gpus.value_or(-1)) + resources.gpu_type;
  };
  EXPECT_EQ(gpus("--gres=gpu"), "1");
  EXPECT_EQ(gpus("--gres=gpu:2"), "2");
  EXPECT_EQ(gpus("--gres=gpu:a100:2"), "2a100");
  EXPECT_EQ(gpus("--gres=gpu:a100"), "1a100");
  EXPECT_EQ(gpus("--gpus-per-node=v100:4"), "4v100");
  EXPECT_EQ(gpus("--gpus-per-node=4"), "4");
  EXPECT_EQ(gpus("--gres=gpu:1,lustre:1"), "-1") << "stays verbatim";
}

TEST(SlurmHeader, WhatTheFieldsCannotSayStaysVerbatim) {
  const auto header = read("#SBATCH -N 2-4 --mem=0 --exclusive=user --begin=16:00 --gres=lustre:1\n");
  EXPECT_THAT(header.options,
              ElementsAre("--nodes=2-4", "--mem=0", "--exclusive=user", "--begin=16:00", "--gres=lustre:1"));
  EXPECT_THAT(check_options(header.options), IsEmpty());
}

TEST(SlurmHeader, BeginAndNice) {
  const auto resources = read("#SBATCH --begin=now+2hours --nice\n").resources;
  EXPECT_EQ(resources.begin, "+7200");
  EXPECT_EQ(resources.priority, -100);
  EXPECT_EQ(read("#SBATCH --nice=50\n").resources.priority, -50);
}

TEST(SlurmHeader, WrongValuesNameTheirLine) {
  const auto header =
      read("#SBATCH -n 4\n#SBATCH --ntasks=many\n#SBATCH stray\n#SBATCH -J \"open\n#SBATCH -Z\n");
  EXPECT_EQ(errors(header), 4);
  std::vector<int> lines;
  for (const auto& problem : header.problems) lines.push_back(problem.line);
  EXPECT_THAT(lines, testing::UnorderedElementsAre(3, 4, 5, 6));
}

TEST(SlurmHeader, OptionsOfASitesPluginStayAsTheyAre) {
  EXPECT_THAT(read("#SBATCH --bb-scratch=1T --x11-mode first\n").options,
              ElementsAre("--bb-scratch=1T", "--x11-mode=first"));
}

TEST(SlurmHeader, DosLineEndsAreAnError) {
  const auto header = read_header("#!/bin/sh\r\n#SBATCH -n 2\r\ntrue\r\n");
  EXPECT_EQ(errors(header), 1);
  EXPECT_EQ(header.resources.tasks, 2);
  EXPECT_EQ(header.shell, "/bin/sh");
}

TEST(SlurmHeader, NulBytesAndStrayCarriageReturnsAreErrors) {
  EXPECT_EQ(errors(read_header(std::string_view("#SBATCH --comment=a\0b -n 2\n", 27))), 1);
  EXPECT_EQ(errors(read("#SBATCH --comment=\"a\rb\"\n")), 1);
}

TEST(SlurmHeader, HeterogeneousJobsAreAnError) {
  EXPECT_EQ(errors(read("#SBATCH -n 1\n#SBATCH hetjob\n#SBATCH -n 2\n")), 1);
}

}  // namespace
}  // namespace catena::slurm
