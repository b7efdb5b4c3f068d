#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "header_support.h"
#include "pbs/header.h"

namespace catena::pbs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

ScriptHeader read(const std::string& lines) {
  return read_header(script_of(lines));
}

TEST(PbsHeader, AnOrdinaryScript) {
  const auto header = read(
      "#PBS -N relax\n"
      "  #PBS -l select=2:ncpus=8:mpiprocs=4:mem=16gb:ngpus=1\n"
      "#PBS -l walltime=01:30:00 -q workq\n"
      "#PBS -A phys -m abe\n"
      "#PBS -j oe -o /home/alice/relax.log\n"
      "#PBS -v A=1,B='x,y' -p -5\n"
      "cd $PBS_O_WORKDIR\n"
      "#PBS -q late\n");
  EXPECT_TRUE(header.found);
  EXPECT_EQ(header.dialect, "pbs");
  EXPECT_EQ(header.shell, "/bin/bash");
  EXPECT_EQ(header.job_name, "relax");
  EXPECT_EQ(header.resources.nodes, 2);
  EXPECT_EQ(header.resources.tasks_per_node, 4);
  EXPECT_EQ(header.resources.tasks, 8);
  EXPECT_EQ(header.resources.cpus_per_task, 2);
  EXPECT_EQ(header.resources.gpus, 1);
  EXPECT_EQ(header.resources.memory, Bytes{16} << 30);
  EXPECT_EQ(header.resources.walltime, Seconds(5400));
  EXPECT_EQ(header.resources.queue, "workq") << "after the first command qsub reads no more";
  EXPECT_EQ(header.resources.account, "phys");
  EXPECT_EQ(header.resources.priority, -5);
  EXPECT_EQ(header.stdout_file, "/home/alice/relax.log");
  EXPECT_EQ(header.stderr_file, "");
  EXPECT_THAT(header.options, ElementsAre("-m abe"));
  // qsub's own line parser takes the quotes away, so that the comma separates.
  EXPECT_THAT(header.env, ElementsAre(Pair("A", "1"), Pair("B", "x")));
  EXPECT_THAT(header.problems, SizeIs(1)) << "-v y";
}

TEST(PbsHeader, CommentsAreNoDirectives) {
  EXPECT_FALSE(read("##PBS -q a\n# PBS -q b\n# a comment with #PBS in it\ntrue\n").found);
}

TEST(PbsHeader, TorquesNodes) {
  const auto resources = read("#PBS -l nodes=2:ppn=4:gpus=1,walltime=3600\n").resources;
  EXPECT_EQ(resources.nodes, 2);
  EXPECT_EQ(resources.tasks_per_node, 4);
  EXPECT_EQ(resources.tasks, 8);
  EXPECT_EQ(resources.gpus, 1);
  EXPECT_EQ(resources.walltime, Seconds(3600)) << "a bare number is seconds, not SLURM's minutes";
}

TEST(PbsHeader, WhatTheFieldsCannotSayStaysVerbatim) {
  const auto header = read(
      "#PBS -l select=1:ncpus=2+2:ncpus=4\n#PBS -l nodes=1:ppn=2:bigmem,feature=x\n#PBS -l place=scatter -W "
      "group_list=g -r n\n");
  EXPECT_EQ(header.resources, Resources{});
  EXPECT_THAT(header.options, ElementsAre("-W group_list=g", "-r n", "-l select=1:ncpus=2+2:ncpus=4",
                                          "-l nodes=1:ppn=2:bigmem", "-l feature=x", "-l place=scatter"));
}

TEST(PbsHeader, MemoryOfTheWholeJobIsReadForOneNodeOnly) {
  EXPECT_EQ(read("#PBS -l mem=400mb\n").resources.memory, Bytes{400} << 20);
  const auto two = read("#PBS -l mem=4gb\n#PBS -l nodes=2:ppn=1\n");
  EXPECT_EQ(two.resources.memory, std::nullopt) << "wherever the number of nodes stands";
  EXPECT_THAT(two.options, ElementsAre("-l mem=4gb"));
}

TEST(PbsHeader, TheProjectIsTheAccountWhereThereIsNone) {
  EXPECT_EQ(read("#PBS -P climate\n").resources.account, "climate");
  const auto both = read("#PBS -P climate -A phys\n");
  EXPECT_EQ(both.resources.account, "phys");
  EXPECT_THAT(both.options, ElementsAre("-P climate"));
}

TEST(PbsHeader, ArraysAndInteractiveJobsAreErrors) {
  const auto header = read("#PBS -J 1-10\n#PBS -t 1-10\n#PBS -I\n");
  EXPECT_EQ(errors(header), 3);
  EXPECT_THAT(header.problems[0].hint, HasSubstr("foreach"));
  EXPECT_EQ(header.problems[2].line, 4);
}

TEST(PbsHeader, WhatHasNoMeaningInAChainIsLeftOutWithAWarning) {
  const auto header = read("#PBS -W depend=afterok:1.server -h -V -z\n#PBS -W block=true\n");
  EXPECT_THAT(header.problems, SizeIs(5));
  EXPECT_EQ(errors(header), 0);
  EXPECT_THAT(header.options, IsEmpty());
}

TEST(PbsHeader, ABackslashContinuesALineAndLinesAreCountedOn) {
  const auto header = read("#PBS -l select=1:ncpus=4,\\\nwalltime=00:10:00\n#PBS -Y\n");
  EXPECT_EQ(header.resources.cpus_per_task, 4);
  EXPECT_EQ(header.resources.walltime, Seconds(600));
  ASSERT_THAT(header.problems, SizeIs(1));
  EXPECT_EQ(header.problems[0].line, 4);
}

TEST(PbsHeader, BeginWithItsCentury) {
  EXPECT_EQ(read("#PBS -a 202612312359.30\n").resources.begin, "2026-12-31T23:59:30");
  EXPECT_THAT(read("#PBS -a 2359\n").options, ElementsAre("-a 2359"));
}

TEST(PbsHeader, JoinedTheOtherWayRound) {
  const auto header = read("#PBS -j eo -o out -e err\n");
  EXPECT_EQ(header.stdout_file, "err");
  EXPECT_EQ(header.stderr_file, "");
}

TEST(PbsHeader, WrongLinesAreErrors) {
  EXPECT_EQ(errors(read("#PBS stray\n#PBS -N\n#PBS -N 'open\n#PBS -l walltime=soon\n")), 4);
}

TEST(PbsHeader, DosLineEndsAreAnError) {
  EXPECT_EQ(errors(read_header("#!/bin/sh\r\n#PBS -q a\r\ntrue\r\n")), 1);
}

}  // namespace
}  // namespace catena::pbs
