#include <gmock/gmock.h>

#include "core/error.h"
#include "pbs/directives.h"
#include "pbs/header.h"
#include "pbs/options.h"

namespace catena::pbs {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class PbsDirectives : public testing::Test {
 protected:
  PbsDirectives() {
    job_.token = "k3f9q2bbbb";
    job_.name = "scf.1.k3f9q2bbbb";
    job_.log_out = "/runs/r 1/logs/scf.1.1.out";
    job_.log_err = "/runs/r 1/logs/scf.1.1.err";
    torque_.torque = true;
    torque_.name_length = 15;
  }
  std::string lines(const Options& options) {
    std::string all;
    for (const auto& line : directives(job_, options)) all += line + "\n";
    return all;
  }
  std::string pbs() { return lines({}); }
  std::string torque() { return lines(torque_); }
  void set(const char* name, const char* value) { ASSERT_EQ(set_resource(job_.resources, name, value), ""); }
  Job job_;
  Options torque_;
};

TEST_F(PbsDirectives, EachElementOfAnArrayOpensItsOwnLog) {
  job_.array = ArrayPlace{"k3f9q2bbbb", 12};
  job_.token = "k3f9q2bbbb_12";
  job_.name = "scf.k3f9q2bbbb";
  job_.log_out = "/runs/r 1/logs/scf.12.1.out";
  job_.log_err = "/runs/r 1/logs/scf.12.1.err";
  EXPECT_THAT(pbs(), HasSubstr("#PBS -N scf.k3f9q2bbbb\n"));
  EXPECT_THAT(pbs(), HasSubstr("exec >> '/runs/r 1/logs/scf.'\"$PBS_ARRAY_INDEX\".1.out 2>> '/runs/r "
                               "1/logs/scf.'\"$PBS_ARRAY_INDEX\".1.err\n"));
}

TEST_F(PbsDirectives, AJobThatAsksForNothingSaysNothing) {
  EXPECT_EQ(pbs(),
            "#PBS -N scf.1.k3f9q2bbbb\n#PBS -S /bin/bash\n"
            "exec >> '/runs/r 1/logs/scf.1.1.out' 2>> '/runs/r 1/logs/scf.1.1.err'\n");
}

TEST_F(PbsDirectives, ResourcesAreChunks) {
  set("nodes", "2");
  set("tasks_per_node", "4");
  set("cpus_per_task", "2");
  set("memory", "8G");
  set("gpus", "1");
  set("walltime", "1h");
  set("exclusive", "true");
  EXPECT_THAT(pbs(), HasSubstr("#PBS -l select=2:ncpus=8:mpiprocs=4:mem=8192mb:ngpus=1\n"
                               "#PBS -l place=scatter:excl\n#PBS -l walltime=01:00:00\n"));
  EXPECT_THAT(torque(), HasSubstr("#PBS -l nodes=2:ppn=8:gpus=1\n#PBS -l mem=16384mb\n"
                                  "#PBS -l naccesspolicy=singlejob\n#PBS -l walltime=01:00:00\n"));
}

// qsub: Cannot have "place" without "select"
TEST_F(PbsDirectives, APlaceNeedsASelect) {
  set("exclusive", "true");
  EXPECT_THAT(pbs(), HasSubstr("#PBS -l select=1:ncpus=1:mpiprocs=1\n#PBS -l place=excl\n"));
  job_.options = {"-l select=1:ncpus=4+2:ncpus=1"};
  EXPECT_THAT(pbs(), HasSubstr("#PBS -l place=excl\n#PBS -l select=1:ncpus=4+2:ncpus=1\n"));
  job_.options.emplace_back("-l place=pack:exclhost");
  EXPECT_THAT(pbs(), Not(HasSubstr("place=excl\n")));
}

TEST_F(PbsDirectives, TasksThatDoNotDivideEvenlyAreTwoKindsOfChunk) {
  set("nodes", "2");
  set("tasks", "5");
  EXPECT_THAT(pbs(), HasSubstr("-l select=1:ncpus=3:mpiprocs=3+1:ncpus=2:mpiprocs=2\n"));
  EXPECT_THAT(torque(), HasSubstr("-l nodes=1:ppn=3+1:ppn=2\n"));
}

TEST_F(PbsDirectives, TasksAloneGoWhereThereIsRoom) {
  set("tasks", "64");
  set("memory_per_cpu", "1G");
  EXPECT_THAT(pbs(), HasSubstr("-l select=64:ncpus=1:mpiprocs=1:mem=1024mb\n"));
  EXPECT_THAT(pbs(), Not(HasSubstr("place")));
}

TEST_F(PbsDirectives, AQuantityPerNodeKeepsTheTasksTogether) {
  set("tasks", "8");
  set("memory", "4G");
  EXPECT_THAT(pbs(), HasSubstr("-l select=1:ncpus=8:mpiprocs=8:mem=4096mb\n"));
}

TEST_F(PbsDirectives, QueueAccountPriorityAndBegin) {
  set("queue", "batch");
  set("account", "acct1");
  set("priority", "-5");
  set("begin", "2026-11-21T05:06:07");
  set("licenses", "matlab:2,ansys:1");
  EXPECT_THAT(pbs(), HasSubstr("#PBS -q batch\n#PBS -A acct1\n#PBS -l matlab=2\n#PBS -l ansys=1\n#PBS -p -5\n"
                               "#PBS -a 202611210506.07\n"));
  Options project;
  project.project = true;
  EXPECT_THAT(lines(project), HasSubstr("#PBS -P acct1\n"));
}

TEST_F(PbsDirectives, AReservationIsAQueue) {
  set("reservation", "R7");
  EXPECT_THAT(pbs(), HasSubstr("#PBS -q R7\n"));
}

TEST_F(PbsDirectives, WhatIsWrittenIsReadBack) {
  set("nodes", "2");
  set("tasks", "8");
  set("tasks_per_node", "4");
  set("cpus_per_task", "2");
  set("memory", "8G");
  set("walltime", "90m");
  set("queue", "batch");
  set("account", "its");
  for (const auto& text : {pbs()}) {
    const auto header = read_header("#!/bin/bash\n" + text);
    EXPECT_THAT(header.problems, IsEmpty());
    EXPECT_EQ(header.resources, job_.resources);
    EXPECT_EQ(header.job_name, job_.name);
  }
}

// OpenPBS takes 230 characters, Torque 15: the token is found again in either.
TEST_F(PbsDirectives, TheTokenSurvivesTheCutOfNames) {
  EXPECT_EQ(native_name(job_, torque_), "scf..k3f9q2bbbb");
  EXPECT_EQ(token_of(native_name(job_, torque_)), job_.token);
  job_.name = std::string(300, 'a') + ".k3f9q2bbbb";
  EXPECT_EQ(native_name(job_, {}).size(), 230U);
  EXPECT_EQ(token_of(native_name(job_, {})), job_.token);
  EXPECT_EQ(native_name(job_, torque_), "aaaa.k3f9q2bbbb");
}

// Trap 6: a name that is a number is printed without quotes.
TEST_F(PbsDirectives, ANameBeginsWithALetterAndHoldsOnlyWhatQsubTakes) {
  job_.name = "1e5.k3f9q2bbbb";
  EXPECT_EQ(native_name(job_, {}), "n1e5.k3f9q2bbbb");
  job_.name = "a b/c.k3f9q2bbbb";
  EXPECT_EQ(native_name(job_, {}), "a_b_c.k3f9q2bbbb");
}

TEST_F(PbsDirectives, OwnOptionsStandAsTheyAre) {
  job_.options = {"-l select=1:ncpus=4+2:ncpus=1", "-m abe"};
  set("nodes", "3");
  EXPECT_THAT(pbs(), HasSubstr("#PBS -l select=1:ncpus=4+2:ncpus=1\n#PBS -m abe\nexec "));
  EXPECT_THAT(pbs(), Not(HasSubstr("select=3")));
}

TEST_F(PbsDirectives, ALineBreakCannotEndADirective) {
  job_.resources.queue = "a\n#PBS -q b";
  EXPECT_THROW(pbs(), Error);
}

TEST(PbsOptions, WhatCatenaSetsItselfIsRefused) {
  const auto problems = [](const std::string& option) {
    return check_options(std::vector<std::string>{option});
  };
  for (const auto* option :
       {"-N x", "-o x", "-e x", "-j oe", "-h", "-J 1-3", "-I", "-V", "-v A=1", "-S /bin/sh",
        "-W depend=afterok:1", "-W block=true", "-z", "-?", "", "x", "-m abe\n-N x", "-m 'a", "-m abe\\"})
    EXPECT_THAT(problems(option), Not(IsEmpty())) << option;
  EXPECT_THAT(problems("-l walltime=1:00:00"), ElementsAre(HasSubstr("use the resource 'walltime'")));
  EXPECT_THAT(problems("-q batch"), ElementsAre(HasSubstr("use the resource 'queue'")));
  for (const auto* option : {"-m abe", "-M a@b", "-r n", "-W group_list=x", "-l software=x", "-k oe",
                             "-l select=1:ncpus=4+2:ncpus=1"})
    EXPECT_THAT(problems(option), IsEmpty()) << option;
}

TEST(PbsSiteOptions, MistakesAreSaidWithASuggestion) {
  EXPECT_THAT(check_site_options(
                  {{"name_length", "15"}, {"charge", "project"}, {"listing", "text"}, {"accounting", "no"}}),
              IsEmpty());
  EXPECT_THAT(check_site_options({{"name_lenght", "15"}}),
              ElementsAre(HasSubstr("did you mean 'name_length'?")));
  EXPECT_THAT(check_site_options({{"name_length", "5"}}), SizeIs(1));
  EXPECT_THAT(check_site_options({{"charge", "both"}}), SizeIs(1));
  EXPECT_THAT(check_torque_options({{"listing", "json"}}), ElementsAre(HasSubstr("torque has no option")));
  Site site;
  site.scheduler = "torque";
  EXPECT_EQ(options_of(site).name_length, 15U);
  site.options["charge"] = "both";
  EXPECT_THROW(options_of(site), Error);
}

}  // namespace
}  // namespace catena::pbs
