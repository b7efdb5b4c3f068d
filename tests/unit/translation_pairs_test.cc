// Every directive of sbatch(1) and qsub(1B) that has a counterpart in the other, and every one that has none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "slurm/options.h"
#include "translation_support.h"

namespace catena {
namespace {

using testing::HasSubstr;

struct Pair {
  const char* slurm;
  const char* pbs;
};

// In both directions; several lines where one option of one is several of the other.
constexpr Pair both_ways[] = {
    {"--job-name=relax", "-N relax"},
    {"--time=01:30:00", "-l walltime=01:30:00"},
    {"--time=1-02:00:00", "-l walltime=26:00:00"},
    {"--time-min=30", "-l min_walltime=00:30:00"},
    {"--nodes=1\n--ntasks=1\n--ntasks-per-node=1\n--cpus-per-task=8", "-l select=1:ncpus=8:mpiprocs=1"},
    {"--nodes=2\n--ntasks=8\n--ntasks-per-node=4\n--cpus-per-task=2\n--gres=gpu:1\n--mem=16384M",
     "-l select=2:ncpus=8:mpiprocs=4:mem=16384mb:ngpus=1\n-l place=scatter"},
    {"--nodes=1\n--ntasks=1\n--ntasks-per-node=1\n--cpus-per-task=1\n--exclusive",
     "-l select=1:ncpus=1:mpiprocs=1\n-l place=excl"},
    {"--partition=short", "-q short"},
    {"--account=phys", "-A phys"},
    {"--account=phys\n--wckey=climate", "-A phys\n-P climate"},
    {"--mail-type=BEGIN,END", "-m be"},
    {"--mail-type=FAIL", "-m a"},
    {"--mail-type=NONE", "-m n"},
    {"--mail-type=ARRAY_TASKS,END", "-m je"},
    {"--mail-user=ann@lab.org,bob", "-M ann@lab.org,bob"},
    {"--array=1-10", "-J 1-10"},
    {"--array=0-9:3%2", "-J 0-9:3%2"},
    {"--hold", "-h"},
    {"--requeue", "-r y"},
    {"--no-requeue", "-r n"},
    {"--export=ALL", "-V"},
    {"--export=A,B=1", "-v A,B=1"},
    {"--begin=2027-01-02T03:04:05", "-a 202701020304.05"},
    {"--begin=16:30", "-a 1630"},
    {"--begin=12/24-18:00", "-a 12241800"},
    {"--nice=50", "-p -50"},
    {"--wait", "-W block=true"},
    {"--quiet", "-z"},
};

TEST(TranslationPairs, BothWays) {
  for (const auto& pair : both_ways) {
    EXPECT_EQ(become(pair.slurm, "pbs"), pair.pbs);
    EXPECT_EQ(become(pair.pbs, "slurm"), pair.slurm);
  }
}

constexpr Pair to_pbs[] = {
    {"-J relax -t 90", "-N relax\n-l walltime=01:30:00"},
    {"--ntasks=16", "-l select=16:ncpus=1:mpiprocs=1"},
    {"--ntasks=5 --nodes=2", "-l select=1:ncpus=3:mpiprocs=3+1:ncpus=2:mpiprocs=2\n-l place=scatter"},
    {"--ntasks-per-node=4 --mem-per-cpu=1G --cpus-per-task=2", "-l select=1:ncpus=8:mpiprocs=4:mem=8192mb"},
    {"--nodes=2 --gpus=4", "-l select=2:ncpus=1:mpiprocs=1:ngpus=2\n-l place=scatter"},
    {"--gpus-per-node=2", "-l select=1:ncpus=1:mpiprocs=1:ngpus=2"},
    {"--gpus-per-task=1 --ntasks-per-node=4", "-l select=1:ncpus=4:mpiprocs=4:ngpus=4"},
    {"--mail-type=ALL", "-m bea"},
    {"--export=NONE", ""},
    {"--export=ALL,A=1", "-V\n-v A=1"},
    {"--export=\"A='x,y',B=1\"", "-v \"A='x,y',B=1\""},
    {"--begin=teatime", "-a 1600"},
    {"--output=out.%%.txt", "-o out.%.txt"},
    {"--job-name=a\n--output=%x.log", "-N a\n-o a.log"},
    {"--array=1-4\n--output=log.%a", "-J 1-4\n-o 'log.^array_index^'"},
    {"--output=o\n--error=e", "-o o\n-e e"},
    {"--output=o\n--error=o", "-o o"},
    // With a warning: the site decides, or it is said less exactly.
    {"--qos=high", "-l qos=high ?"},
    {"--licenses=matlab:2,ansys", "-l matlab=2\n-l ansys=1 ?"},
    {"--constraint=ib&ssd", "-l select=1:ncpus=1:mpiprocs=1:ib=True:ssd=True ?"},
    {"--gres=gpu:a100:2", "-l select=1:ncpus=1:mpiprocs=1:ngpus=2:gpu_type=a100 ?"},
    {"--tmp=10G", "-l select=1:ncpus=1:mpiprocs=1:scratch=10240mb ?"},
    {"--reservation=school", "-q school"},
    {"--reservation=school --partition=short", "-q school ?"},
    {"--nodes=2-4", "-l select=2:ncpus=1:mpiprocs=1\n-l place=scatter ?"},
    {"--job-name='two words'", "-N two_words ?"},
    {"--output=logs/%j.out", "-o logs/ ?"},
    {"--output=%j.out", " ?"},
    {"--mail-type=END,TIME_LIMIT", "-m e ?"},
    {"--dependency=afterok:1:2,afterany:3", "-W depend=afterok:1:2,afterany:3 ?"},
    {"--dependency=afterok:1,singleton", "-W depend=afterok:1 ?"},
};

TEST(TranslationPairs, FromSlurmToPbs) {
  for (const auto& pair : to_pbs) EXPECT_EQ(become(pair.slurm, "pbs"), pair.pbs) << pair.slurm;
}

constexpr Pair to_slurm[] = {
    {"--nodes=2\n--ntasks=16\n--ntasks-per-node=8\n--cpus-per-task=1\n--mem=16384M",
     "-l nodes=2:ppn=8,mem=32gb"},
    {"--nodes=2\n--ntasks=8\n--ntasks-per-node=4\n--cpus-per-task=1\n--constraint=ib", "-l nodes=2:ppn=4:ib"},
    {"--ntasks=6\n--mem-per-cpu=1024M", "-l procs=6 -l pmem=1gb"},
    {"--qos=high\n--reservation=school\n--exclusive\n--tmp=2048M",
     "-l qos=high\n-l advres=school\n-l naccesspolicy=singlejob\n-l file=2gb"},
    {"--nodes=1\n--ntasks=1\n--ntasks-per-node=1\n--cpus-per-task=2\n--constraint=ib",
     "-l select=1:ncpus=2:ib=true"},
    {"--nodelist=node7\n--nodes=1\n--ntasks=4\n--ntasks-per-node=4\n--cpus-per-task=1",
     "-l nodes=node7:ppn=4"},
    {"--time=02:00:00", "-l max_walltime=2:00:00"},
    {"--account=climate", "-P climate"},
    {"--array=1,3,5-7%2", "-t 1,3,5-7%2"},
    {"--mail-type=FAIL,BEGIN,END", "-m abe"},
    {"--mail-type=FAIL", "-m af"},
    {"--chdir=/scratch/ann", "-d /scratch/ann"},
    {"--output=a%%b", "-j oe -o a%b"},
    {"--output=e.log", "-j eo -o o.log -e e.log"},
    {"--output=o\n--error=e", "-o o -e e"},
    {"--array=1-4\n--output=log.%a", "-J 1-4\n-j oe -o log.^array_index^"},
    {"--output=logs/%j.OU", "-j oe -o logs/"},
    {"--begin=2027-01-02T03:04:00", "-a 2701020304"},
    {"--export=ALL,A=1", "-v A=1 -V"},
    {"--partition=q", "-q q"},
    {"", "-S /bin/bash"},
    {"", "-c n"},
    // With a warning.
    {"--nodes=1\n--ntasks=1\n--ntasks-per-node=1\n--cpus-per-task=1 ?", "-l nodes=1:ppn=1:ib#1"},
    {"--partition=q ?", "-q q@server"},
    {"--wckey=\"my project\"", "-P 'my project'"},
    {"--output=/a ?", "-j oe -o host:/a"},
    {"--dependency=afterok:1 ?", "-W depend=afterok:1,before:2"},
    {"--nodelist=n1\n--nodes=1\n--ntasks=1\n--ntasks-per-node=1\n--cpus-per-task=1",
     "-l select=1:ncpus=1:host=n1"},
};

TEST(TranslationPairs, FromPbsToSlurm) {
  for (const auto& pair : to_slurm) EXPECT_EQ(become(pair.pbs, "slurm"), pair.slurm) << pair.pbs;
}

constexpr Pair to_torque[] = {
    {"--nodes=2 --ntasks-per-node=4 --mem=16G", "-l nodes=2:ppn=4\n-l mem=32768mb"},
    {"--constraint=ib", "-l nodes=1:ppn=1:ib"},
    {"--array=1,3,5-7%2", "-t 1,3,5-7%2"},
    {"--chdir=/scratch", "-d /scratch"},
    {"--reservation=school", "-l advres=school"},
    {"--exclusive", "-l naccesspolicy=singlejob"},
    {"--job-name=a_rather_long_name", "-N a_rather_long_n ?"},
    {"--array=0-9:3", " ?"},
    {"--wckey=w", " ?"},
    {"--wait", " ?"},
    {"--time-min=30", " ?"},
};

TEST(TranslationPairs, FromSlurmToTorque) {
  for (const auto& pair : to_torque) EXPECT_EQ(become(pair.slurm, "torque"), pair.pbs) << pair.slurm;
}

TEST(TranslationPairs, WhatPbsCannotSayIsWarnedOfAndLeftOut) {
  for (const auto* option : {"--comment=c",
                             "--signal=USR1@60",
                             "--exclude=n1",
                             "--nodelist=n1",
                             "--chdir=/a",
                             "--array=1,3,5",
                             "--array=7",
                             "--begin=now+1hour",
                             "--begin=tomorrow",
                             "--nice=100000",
                             "--mem=0",
                             "--time=UNLIMITED",
                             "--exclusive=user",
                             "--constraint=a|b",
                             "--gres=lustre:1",
                             "--dependency=singleton",
                             "--dependency=afterok:1?afterok:2",
                             "--gpus=3 --nodes=2 -N2",
                             "--deadline=now",
                             "--uid=ann",
                             "--clusters=lab",
                             "--no-kill",
                             "--plugin-option=7",
                             "--contiguous"}) {
    const auto made = become(option, "pbs");
    EXPECT_TRUE(made == " ?" || std::string_view(option).find("--nodes") != std::string_view::npos)
        << option << " became " << made;
    EXPECT_TRUE(made.ends_with(" ?")) << option;
  }
}

// An option that is added to sbatch's table has to be translated or warned of.
TEST(TranslationPairs, NoOptionOfSbatchIsPassedOverInSilence) {
  for (const auto& spec : slurm::option_table()) {
    if (spec.use != slurm::Use::verbatim) continue;
    const auto option =
        "--" + std::string(spec.name) + (spec.argument == slurm::Argument::required ? "=1" : "");
    const auto made = become(option, "pbs");
    EXPECT_FALSE(made.empty()) << option;
  }
}

TEST(TranslationPairs, WhatSlurmCannotSayIsWarnedOfAndLeftOut) {
  for (const auto* option : {"-W umask=022",
                             "-W stagein=a@b:c",
                             "-W sandbox=PRIVATE",
                             "-W group_list=g",
                             "-I",
                             "-X",
                             "-f",
                             "-k oe",
                             "-R oe",
                             "-u ann",
                             "-C '#X'",
                             "-c s",
                             "-p 100",
                             "-a 051200",
                             "-l foo=3",
                             "-l cput=10:00",
                             "-l place=pack",
                             "-l place=group=rack",
                             "-l select=1:ncpus=1+2:ncpus=2",
                             "-W depend=on:2",
                             "-P p -A a -l x=1"}) {
    const auto made = become(option, "slurm");
    EXPECT_TRUE(made.ends_with(" ?")) << option << " became " << made;
    if (std::string_view(option).starts_with("-P")) continue;
    EXPECT_EQ(made, " ?") << option;
  }
}

}  // namespace
}  // namespace catena
