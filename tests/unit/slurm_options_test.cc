#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "slurm/dialect.h"
#include "slurm/options.h"

namespace catena::slurm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> check(const std::string& option) {
  return check_options(std::vector{option});
}

TEST(SlurmOptions, WhatCatenaSetsItselfIsRefusedInEveryForm) {
  for (const auto* option : {"--job-name=x",
                             "--job-name x",
                             "-J x",
                             "-Jx",
                             "--output=x",
                             "-ox",
                             "-e x",
                             "--error x",
                             "--dependency=afterok:1",
                             "-d afterok:1",
                             "--depend=afterok:1",
                             "-a 1-3",
                             "--array=1-3",
                             "-H",
                             "--hold",
                             "--parsable",
                             "-D /tmp",
                             "--chdir=/tmp",
                             "--wrap=true",
                             "-W",
                             "--wait",
                             "--test-only",
                             "-Q",
                             "--quiet",
                             "--kill-on-invalid-dep=yes",
                             "--export=NONE",
                             "-M lab",
                             "--uid=0",
                             "-sH"}) {
    EXPECT_THAT(check(option), SizeIs(1)) << option;
  }
}

TEST(SlurmOptions, APortableFieldIsNamedInstead) {
  EXPECT_THAT(check("--time=5"), ElementsAre(HasSubstr("'walltime'")));
  EXPECT_THAT(check("-t5"), ElementsAre(HasSubstr("'walltime'")));
  EXPECT_THAT(check("-p gpu"), ElementsAre(HasSubstr("'queue'")));
  EXPECT_THAT(check("--mem=4G"), ElementsAre(HasSubstr("'memory'")));
  EXPECT_THAT(check("--gres=gpu:2"), ElementsAre(HasSubstr("'gpus'")));
  EXPECT_THAT(check("--exclusive"), ElementsAre(HasSubstr("'exclusive'")));
}

TEST(SlurmOptions, WhatAFieldCannotSayIsAllowed) {
  for (const auto* option : {"--nodes=2-4", "--mem=0", "--exclusive=user", "--gres=lustre:1", "--begin=16:00",
                             "--time=UNLIMITED"}) {
    EXPECT_THAT(check(option), IsEmpty()) << option;
  }
}

TEST(SlurmOptions, AllElseIsTheUsersOwn) {
  for (const auto* option : {"--mail-type=END", "--mail-type END", "-x node[1-3]", "--comment=\"two words\"",
                             "--requeue", "--no-requeue", "-k", "--signal=B:USR1@60"}) {
    EXPECT_THAT(check(option), IsEmpty()) << option;
  }
}

TEST(SlurmOptions, OptionsThatASpankPluginAddsAreAllowed) {
  EXPECT_THAT(check("--bb-scratch=1T"), IsEmpty());
}

TEST(SlurmOptions, WhatIsNoOptionIsRefused) {
  for (const auto* option :
       {"mail-type=END", "", " ", "-", "--", "--mail-type=END stray", "--mail-type=END\n#SBATCH -H",
        "--comment=\"open", "--mail-type", "-j5", "--requ-x y z", "--overcommit=5", "# --hold"}) {
    EXPECT_THAT(check(option), Not(IsEmpty())) << option;
  }
}

TEST(SlurmOptions, AnAmbiguousAbbreviationIsRefusedAsSbatchDoes) {
  EXPECT_THAT(check("--mem-=5"), ElementsAre(HasSubstr("ambiguous")));
}

TEST(SlurmOptions, SeveralInOneTextAreAllChecked) {
  EXPECT_THAT(check("--mail-type=END -H -J x"), SizeIs(2));
}

TEST(SlurmSiteOptions, ValuesAreChecked) {
  EXPECT_THAT(check_site_options({{"kill_on_invalid_dep", "yes"}, {"export", "none"}}), IsEmpty());
  EXPECT_THAT(check_site_options({{"kill_on_invalid_dep", "maybe"}}), ElementsAre(HasSubstr("yes or no")));
  EXPECT_THAT(check_site_options({{"export", "some"}}), ElementsAre(HasSubstr("all or none")));
}

TEST(SlurmSiteOptions, AnUnknownNameGetsASuggestion) {
  EXPECT_THAT(check_site_options({{"exprot", "all"}}), ElementsAre(HasSubstr("did you mean 'export'?")));
}

TEST(SlurmSiteOptions, TheSiteDecides) {
  Site site;
  EXPECT_FALSE(options_of(site).kill_on_invalid_dep) << "off by default";
  EXPECT_TRUE(options_of(site).export_all);
  site.options = {{"kill_on_invalid_dep", "yes"}, {"export", "none"}};
  site.argument_bytes = 77;
  EXPECT_TRUE(options_of(site).kill_on_invalid_dep);
  EXPECT_FALSE(options_of(site).export_all);
  EXPECT_EQ(options_of(site).argument_bytes, 77U);
}

TEST(SlurmDialect, TheParentsAreOneWord) {
  const std::pair<On, std::string> parents[] = {{On::ok, "$J1"}, {On::ok, "$J2"}};
  EXPECT_EQ(make_dialect({})->submit_words({}, parents, {}), "\"--dependency=afterok:$J1:$J2\"");
}

}  // namespace
}  // namespace catena::slurm
