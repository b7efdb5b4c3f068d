#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "slurm/directives.h"
#include "slurm/text.h"

namespace catena::slurm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Job job() {
  Job result;
  result.name = "scf.k3f9q2bbbb";
  result.workdir = "/scratch/run/scf";
  result.log_out = "/scratch/run/logs/scf.1.out";
  result.log_err = "/scratch/run/logs/scf.1.err";
  return result;
}

std::vector<std::string> lines(const Job& each) {
  return directives(each, {});
}

TEST(SlurmDirectives, AJobWithoutResources) {
  EXPECT_THAT(lines(job()),
              ElementsAre("#SBATCH --job-name=scf.k3f9q2bbbb", "#SBATCH --chdir=/scratch/run/scf",
                          "#SBATCH --output=/scratch/run/logs/scf.1.out",
                          "#SBATCH --error=/scratch/run/logs/scf.1.err", "#SBATCH --export=ALL"));
}

TEST(SlurmDirectives, EveryResourceInItsPlace) {
  auto full = job();
  auto& r = full.resources;
  r.nodes = 2;
  r.tasks = 8;
  r.tasks_per_node = 4;
  r.cpus_per_task = 3;
  r.gpus = 2;
  r.gpu_type = "a100";
  r.memory = Bytes{4} << 30;
  r.walltime = Seconds(90 * 60);
  r.queue = "long";
  r.account = "phys";
  r.qos = "high";
  r.reservation = "maint";
  r.constraint = "ib&[rack1|rack2]";
  r.exclusive = true;
  r.licenses = "matlab:2,ansys:1";
  r.scratch = Bytes{10} << 30;
  r.begin = "+3600";
  r.priority = -100;
  full.options = {"--mail-type=END", "-x node7"};
  const auto all = lines(full);
  EXPECT_THAT(
      std::vector(all.begin() + 5, all.end()),
      ElementsAre("#SBATCH --nodes=2", "#SBATCH --ntasks=8", "#SBATCH --ntasks-per-node=4",
                  "#SBATCH --cpus-per-task=3", "#SBATCH --gres=gpu:a100:2", "#SBATCH --mem=4096M",
                  "#SBATCH --time=01:30:00", "#SBATCH --partition=long", "#SBATCH --account=phys",
                  "#SBATCH --qos=high", "#SBATCH --reservation=maint",
                  "#SBATCH --constraint=ib&[rack1|rack2]", "#SBATCH --exclusive",
                  "#SBATCH --licenses=matlab:2,ansys:1", "#SBATCH --tmp=10240M", "#SBATCH --begin=now+3600",
                  "#SBATCH --nice=100", "#SBATCH --mail-type=END", "#SBATCH -x node7"));
}

TEST(SlurmDirectives, TimesAreRoundedUpToMinutesAndNeverToNoLimit) {
  const auto time = [](int seconds) {
    auto each = job();
    each.resources.walltime = Seconds(seconds);
    return lines(each).back();
  };
  EXPECT_EQ(time(1), "#SBATCH --time=00:01:00");
  EXPECT_EQ(time(0), "#SBATCH --time=00:01:00") << "0 would be no limit at all";
  EXPECT_EQ(time(61), "#SBATCH --time=00:02:00");
  EXPECT_EQ(time(86400 * 2 + 3601), "#SBATCH --time=2-01:01:00");
}

TEST(SlurmDirectives, MemoryIsExact) {
  const auto memory = [](Bytes bytes) {
    auto each = job();
    each.resources.memory_per_cpu = bytes;
    return lines(each).back();
  };
  EXPECT_EQ(memory(Bytes{1536} << 20), "#SBATCH --mem-per-cpu=1536M");
  EXPECT_EQ(memory(Bytes{100} << 10), "#SBATCH --mem-per-cpu=100K");
  EXPECT_EQ(memory(1025), "#SBATCH --mem-per-cpu=2K");
  EXPECT_EQ(memory(0), "#SBATCH --mem-per-cpu=1K") << "0 would be all memory";
}

TEST(SlurmDirectives, PercentSignsInPathsAreNoReplacements) {
  auto each = job();
  each.log_out = "/scratch/100%j/out";
  EXPECT_THAT(lines(each), Contains("#SBATCH --output=/scratch/100%%j/out"));
}

TEST(SlurmDirectives, LogsOfAnArraysElementsAreCalledByTheirIndex) {
  auto each = job();
  each.array = ArrayPlace{"k3f9q2bbbb", 7};
  each.attempt = 2;
  each.log_out = "/scratch/100%/logs/scf.7.2.out";
  each.log_err = "/scratch/100%/logs/scf.7.2.err";
  EXPECT_THAT(lines(each), Contains("#SBATCH --output=/scratch/100%%/logs/scf.%a.2.out"));
  EXPECT_THAT(lines(each), Contains("#SBATCH --error=/scratch/100%%/logs/scf.%a.2.err"));
}

TEST(SlurmDirectives, ABackslashInAPathTurnsReplacementsOff) {
  EXPECT_EQ(file_pattern("/a\\b%j"), "/a\\\\b%j");
}

TEST(SlurmDirectives, OneFileForBothStreamsIsSaidOnce) {
  auto each = job();
  each.log_err = each.log_out;
  for (const auto& line : lines(each)) EXPECT_THAT(line, Not(HasSubstr("--error")));
}

TEST(SlurmDirectives, BlanksQuotesAndCommentSignsSurviveSbatchsParser) {
  for (const std::string path :
       {"/a b", "/a#b", "/a \"b\" c", "/it's", "/tab\there", "/back\\slash", "/plain"}) {
    auto each = job();
    each.workdir = path;
    const auto line = lines(each)[1];
    EXPECT_THAT(directive_words(line.substr(8)), ElementsAre("--chdir=" + path)) << line;
  }
}

TEST(SlurmDirectives, APathWithALineBreakIsRefused) {
  auto each = job();
  each.workdir = "/a\n#SBATCH --uid=0";
  EXPECT_THROW(lines(each), Error);
}

TEST(SlurmDirectives, UsersGresIsJoinedWithTheGpusSinceASecondOneReplacesTheFirst) {
  auto each = job();
  each.resources.gpus = 1;
  each.options = {"--gres=lustre:1", "--mail-type=END"};
  const auto all = lines(each);
  EXPECT_THAT(all, Contains("#SBATCH --gres=gpu:1,lustre:1"));
  EXPECT_THAT(all, Not(Contains("#SBATCH --gres=lustre:1")));
  EXPECT_THAT(all, Contains("#SBATCH --mail-type=END"));
}

TEST(SlurmDirectives, ALoginEnvironmentIfTheSiteSaysSo) {
  Options options;
  options.export_all = false;
  EXPECT_THAT(directives(job(), options), Contains("#SBATCH --export=NONE"));
}

}  // namespace
}  // namespace catena::slurm
