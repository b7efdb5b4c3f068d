#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "captured_file.h"
#include "core/quote.h"
#include "slurm/dialect.h"
#include "slurm/submit.h"

namespace catena::slurm {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string versions[] = {"slurm-22.05.8/", "slurm-24.11.5/", "slurm-26.05.5/"};

std::string shell(const std::string& program) {
  const auto command = "sh -c " + shell_quote(program) + " 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  std::array<char, 4096> buffer{};
  while (const auto count = fread(buffer.data(), 1, buffer.size(), pipe.get()))
    out.append(buffer.data(), count);
  return out;
}

bool holds_any(const std::string& text, const std::vector<std::string>& parts) {
  return std::ranges::any_of(parts, [&](const auto& part) { return text.find(part) != text.npos; });
}

// The id that the submission program would take from a capture's standard output.
std::string id_from(const CommandResult& result) {
  const auto text = submit_text({});
  const auto out = result.out.substr(0, result.out.find('\n'));
  return shell("out=" + shell_quote(out) + "\ncase $out in " + text.id_filter + ") printf %s \"" +
               text.id_from_output + "\";; esac");
}

TEST(SlurmSubmit, IdsAreJoinedByColonsAndKindsByCommas) {
  const std::pair<On, std::string> parents[] = {
      {On::ok, "$J1"}, {On::any, "$J3"}, {On::ok, "$J2"}, {On::notok, "77"}, {On::start, "78"}};
  EXPECT_EQ(dependency_list(parents), "afterok:$J1:$J2,afterany:$J3,afternotok:77,after:78");
}

TEST(SlurmSubmit, NoParentsNoList) {
  EXPECT_EQ(dependency_list({}), "");
}

TEST(SlurmSubmit, Scenario30IdsWithAndWithoutACluster) {
  EXPECT_EQ(id_from(captured("slurm-22.05.8/a1_parsable.txt")), "2289");
  EXPECT_EQ(id_from(captured("slurm-22.05.8/a1_clusters_parsable.txt")), "2297") << "2297;lab";
  EXPECT_EQ(id_from(captured("slurm-26.05.5/a1_parsable.txt")), "1");
  EXPECT_EQ(id_from(captured("slurm-24.11.5/a1_clusters_parsable.txt")), "") << "no cluster of this name";
}

TEST(SlurmSubmit, AHungControllerMayHaveQueuedTheJob) {
  const auto text = submit_text({});
  for (const auto& version : versions) {
    EXPECT_TRUE(holds_any(captured(version + "a3_ctld_stopped_sbatch.txt").err, text.unsure)) << version;
  }
}

TEST(SlurmSubmit, AnAbsentControllerHasQueuedNothing) {
  const auto text = submit_text({});
  for (const auto& version : versions) {
    const auto err = captured(version + "a3_ctld_down_sbatch.txt").err;
    EXPECT_TRUE(holds_any(err, text.unavailable)) << version;
    EXPECT_FALSE(holds_any(err, text.unsure)) << version;
  }
  const auto munge = captured("slurm-22.05.8/a3b_munge_down_sbatch.txt").err;
  EXPECT_TRUE(holds_any(munge, text.unavailable));
  EXPECT_FALSE(holds_any(munge, text.unsure)) << "the credential was never made: nothing was sent";
}

TEST(SlurmSubmit, AReplyThatCannotBeVerifiedIsUnsure) {
  EXPECT_TRUE(
      holds_any("sbatch: error: slurm_unpack_received_msg: auth_g_verify: RESPONSE_SUBMIT_BATCH_JOB has "
                "authentication error: Socket communication error",
                submit_text({}).unsure));
}

TEST(SlurmSubmit, ARefusalIsNeitherUnsureNorUnavailable) {
  const auto text = submit_text({});
  for (const auto& version : versions) {
    const auto err = captured(version + "a2_bad_partition.txt").err;
    EXPECT_THAT(err, HasSubstr("Invalid partition name specified"));
    EXPECT_FALSE(holds_any(err, text.unsure) || holds_any(err, text.unavailable)) << version;
    EXPECT_TRUE(holds_any(err, text.refused)) << version;
  }
}

TEST(SlurmSubmit, Scenario23VariablesThatWouldOverrideTheScriptAreUnset) {
  EXPECT_THAT(captured("slurm-22.05.8/a2_env_conflict.txt").err,
              HasSubstr("invalid partition specified: nope"))
      << "SBATCH_PARTITION in the environment wins over the script";
  const auto left = shell(
      "export SBATCH_PARTITION=nope SBATCH_JOB_NAME=x SBATCH_OUTPUT=x SBATCH_ARRAY_INX=1-3 SBATCH_WAIT=1 "
      "SBATCH_EXPORT=NONE"
      " SBATCH_CLUSTERS=zz SLURM_MEM_PER_NODE=5\n" +
      submit_text({}).preamble + "env | grep -E '^(SBATCH|SLURM_MEM)'; :");
  EXPECT_EQ(left, "");
}

TEST(SlurmSubmit, TheAccountOfALoginShellSurvives) {
  const auto left = shell("export SBATCH_ACCOUNT=phys SBATCH_WCKEY=w\n" + submit_text({}).preamble +
                          "env | grep ^SBATCH | sort");
  EXPECT_EQ(left, "SBATCH_ACCOUNT=phys\nSBATCH_WCKEY=w\n");
}

TEST(SlurmSubmit, MessagesAreInEnglish) {
  EXPECT_EQ(shell("LC_ALL=de_DE.UTF-8 SLURM_TIME_FORMAT=relative\n" + submit_text({}).preamble +
                  "echo $LC_ALL $SLURM_TIME_FORMAT"),
            "C standard\n");
}

TEST(SlurmSubmit, KillOnInvalidDependencyIsAlwaysSaid) {
  EXPECT_THAT(submit_text({}).command, HasSubstr("--kill-on-invalid-dep=no"));
  Options options;
  options.kill_on_invalid_dep = true;
  EXPECT_THAT(submit_text(options).command, HasSubstr("--kill-on-invalid-dep=yes"));
}

// A job that is removed lets its `any` child start, though it comes back when its own parent is tried again.
TEST(SlurmSubmit, AJobThatAnAnyChildWaitsForIsNotRemovedBySlurm) {
  Options options;
  options.kill_on_invalid_dep = true;
  const auto dialect = make_dialect(options);
  const std::vector<std::pair<On, std::string>> parents = {{On::ok, "7"}};
  Job job;
  EXPECT_THAT(dialect->submit_words(job, parents, {}), Not(HasSubstr("kill-on-invalid-dep")));
  job.other_than_ok_follows = true;
  EXPECT_THAT(dialect->submit_words(job, parents, {}), HasSubstr("--kill-on-invalid-dep=no "));
}

TEST(SlurmSubmit, ElementsWaitForTheArrayOfTheirParents) {
  const std::pair<On, std::string> parents[] = {{On::ok, "$J1"}};
  const std::string each[] = {"$J2", "77_4"};
  EXPECT_EQ(make_dialect({})->submit_words({}, parents, each),
            "\"--dependency=afterok:$J1,aftercorr:$J2,aftercorr:77\"");
  EXPECT_EQ(make_dialect({})->submit_words({}, {}, std::span(each).first(1)),
            "\"--dependency=aftercorr:$J2\"");
}

TEST(SlurmSubmit, PbsLinesOfABodyAreIgnored) {
  // sbatch reads "#PBS -N name" even after the first command.
  EXPECT_THAT(submit_text({}).command, HasSubstr("--ignore-pbs"));
}

TEST(SlurmSubmit, AJobKnowsItsIdAndItsStepsItsEnvironment) {
  const auto out = shell("SLURM_JOB_ID=77 SLURM_EXPORT_ENV=NONE\nexport SLURM_EXPORT_ENV\n" +
                         submit_text({}).job_setup + "env | grep -E 'CATENA_JOB_ID|EXPORT_ENV'");
  EXPECT_EQ(out, "CATENA_JOB_ID=77\n");
  EXPECT_EQ(shell("SLURM_JOB_ID=81 SLURM_ARRAY_JOB_ID=77 SLURM_ARRAY_TASK_ID=3\n" +
                  submit_text({}).job_setup + "env | grep CATENA_JOB_ID"),
            "CATENA_JOB_ID=77_3\n");
}

}  // namespace
}  // namespace catena::slurm
