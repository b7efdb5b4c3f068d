// What a site file means: every key, and every mistake with its line and a suggestion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "adapters/site_file/site_file.h"

namespace catena {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const std::string slurm = "[scheduler]\nkind = slurm\n";  // lines 1 and 2
const std::string local = "[scheduler]\nkind = local\n";

Site good(const std::string& text, const OptionCheck& check = {}) {
  Diagnostics diagnostics;
  Site site = parse_site(text, "/etc/catena/sites/hpc.ini", check, diagnostics);
  for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << format(d);
  return site;
}

std::vector<std::string> mistakes(const std::string& text, const OptionCheck& check = {},
                                  const std::string& file = "hpc.ini") {
  Diagnostics diagnostics;
  parse_site(text, file, check, diagnostics);
  std::vector<std::string> all;
  for (const Diagnostic& d : diagnostics.list()) all.push_back(format(d));
  return all;
}

TEST(SiteFile, EveryKeyArrives) {
  const Site site = good(R"([site]
name = big-cluster
description = The big one
[transport]
kind = local
scratch = $SCRATCH/catena
[scheduler]
kind = slurm
user = alice
poll = 5s
timeout = 2m
settle = 00:01:30
kill_on_invalid_dep = yes
[limits]
submit_batch = 500
argument_bytes = 50000
[defaults]
account = phys-42
walltime = 01:00:00
memory = 2G
[environment]
OMP_NUM_THREADS = 1
EMPTY =
modules = gcc/12.2 openmpi
modules = quantum-espresso/7.2
prologue = ulimit -s unlimited
prologue = export TMPDIR="/tmp/$USER"
)");
  EXPECT_EQ(site.file, "/etc/catena/sites/hpc.ini");
  EXPECT_EQ(site.name, "big-cluster");
  EXPECT_EQ(site.description, "The big one");
  EXPECT_EQ(site.transport, "local");
  EXPECT_EQ(site.scratch, "$SCRATCH/catena");
  EXPECT_EQ(site.scheduler, "slurm");
  EXPECT_EQ(site.user, "alice");
  EXPECT_EQ(site.poll, Seconds{5});
  EXPECT_EQ(site.timeout, Seconds{120});
  EXPECT_EQ(site.settle, Seconds{90});
  EXPECT_THAT(site.options, ElementsAre(Pair("kill_on_invalid_dep", "yes")));
  EXPECT_EQ(site.submit_batch, 500u);
  EXPECT_EQ(site.argument_bytes, 50'000u);
  EXPECT_EQ(site.defaults.account, "phys-42");
  EXPECT_EQ(site.defaults.walltime, Seconds{3600});
  EXPECT_EQ(site.defaults.memory, Bytes{2} << 30);
  EXPECT_THAT(site.environment, ElementsAre(Pair("OMP_NUM_THREADS", "1"), Pair("EMPTY", "")));
  EXPECT_THAT(site.modules, ElementsAre("gcc/12.2", "openmpi", "quantum-espresso/7.2"));
  EXPECT_EQ(site.prologue, "ulimit -s unlimited\nexport TMPDIR=\"/tmp/$USER\"\n");
}

TEST(SiteFile, LocalLimitsArrive) {
  const Site site = good(local + "[limits]\ncpus = 8\nmemory = 12G\nkill_grace = 3s\n");
  EXPECT_EQ(site.cpus, 8);
  EXPECT_EQ(site.memory, Bytes{12} << 30);
  EXPECT_EQ(site.kill_grace, Seconds{3});
}

TEST(SiteFile, TheNameIsTheFilesUnlessSaid) {
  EXPECT_EQ(good(slurm).name, "hpc");
}

TEST(SiteFile, AFileNameThatIsNoSiteNameIsAMistake) {
  EXPECT_THAT(mistakes(slurm, {}, "my cluster.ini"),
              ElementsAre(HasSubstr("'my cluster' is no site's name")));
  EXPECT_THAT(mistakes(slurm + "[site]\nname = ok\n", {}, "my cluster.ini"), IsEmpty());
  EXPECT_THAT(mistakes(slurm + "[site]\nname = ../x\n"), ElementsAre(HasSubstr("hpc.ini:4: name: '../x'")));
}

TEST(SiteFile, TheSchedulerMustBeSaid) {
  // A forgotten line must not run a cluster's jobs on its login node.
  EXPECT_THAT(mistakes("[site]\nname = a\n"), ElementsAre(HasSubstr("[scheduler] kind is missing")));
}

TEST(SiteFile, UnknownKeysAndSectionsHaveLineAndSuggestion) {
  EXPECT_THAT(mistakes(slurm + "[limit]\nx = 1\n"),
              ElementsAre("hpc.ini:3: unknown section [limit] (did you mean 'limits'?)"));
  EXPECT_THAT(
      mistakes(slurm + "[limits]\nsubmit_bacth = 1\n"),
      ElementsAre("hpc.ini:4: unknown key 'submit_bacth' in [limits] (did you mean 'submit_batch'?)"));
  EXPECT_THAT(mistakes(slurm + "[defaults]\nwaltime = 1h\n"),
              ElementsAre("hpc.ini:4: unknown resource 'waltime' in [defaults] (did you mean 'walltime'?)"));
  EXPECT_THAT(mistakes("name = a\n" + slurm),
              ElementsAre(HasSubstr("hpc.ini:1: 'name' stands before the first")));
}

TEST(SiteFile, ASecondKeyIsAMistake) {
  EXPECT_THAT(mistakes(slurm + "poll = 5s\npoll = 6s\n"),
              ElementsAre("hpc.ini:4: 'poll' a second time in [scheduler] (first in line 3)"));
  EXPECT_THAT(mistakes(slurm + "[environment]\nA = 1\nA = 1\n"),
              ElementsAre(HasSubstr("hpc.ini:5: 'A' a second")));
}

TEST(SiteFile, NumbersAreReadWholeAndDecimal) {
  const std::string limits = local + "[limits]\n";
  EXPECT_EQ(good(limits + "cpus = 010\n").cpus, 10);
  for (const char* bad : {"22abc", "0x10", "-1", "1.5", "+3", "99999999999", "1 2"}) {
    EXPECT_THAT(mistakes(limits + "cpus = " + bad), ElementsAre(HasSubstr("hpc.ini:4: cpus: '"))) << bad;
  }
  EXPECT_THAT(mistakes(limits + "submit_batch = 0"), ElementsAre(HasSubstr("at least 1")));
  EXPECT_THAT(mistakes(limits + "argument_bytes = 200000"), ElementsAre(HasSubstr("from 1000 to 131071")));
}

TEST(SiteFile, ABareNumberIsNoTime) {
  EXPECT_THAT(mistakes(slurm + "poll = 10\n"),
              ElementsAre("hpc.ini:3: poll: '10' has no unit (write '10s' or '10m')"));
  EXPECT_THAT(mistakes(slurm + "timeout = 0s\n"), ElementsAre(HasSubstr("timeout: '0s' is less than 1s")));
  EXPECT_THAT(mistakes(slurm + "settle = soon\n"), ElementsAre(HasSubstr("settle: 'soon' is not a time")));
}

TEST(SiteFile, EverySchedulerIsServed) {
  for (const std::string kind : {"local", "slurm", "pbs", "torque"})
    EXPECT_EQ(good("[scheduler]\nkind = " + kind + "\n").scheduler, kind);
  EXPECT_THAT(mistakes("[scheduler]\nkind = slrum\n"), ElementsAre(HasSubstr("did you mean 'slurm'?")));
}

TEST(SiteFile, AHostIsReachedBySshUnlessAnotherKindIsSaid) {
  const Site site = good(slurm +
                         "[transport]\nhost = login1, login2.example.org\nuser = alice\nport = 2222\n"
                         "host_key = SHA256:abc+/=\nconnect_timeout = 5s\ncleanup = on_success\n");
  EXPECT_EQ(site.transport, "auto");
  EXPECT_TRUE(site.remote());
  EXPECT_THAT(site.hosts, ElementsAre("login1", "login2.example.org"));
  EXPECT_EQ(site.login, "alice");
  EXPECT_EQ(site.port, 2222);
  EXPECT_EQ(site.host_key, "SHA256:abc+/=");
  EXPECT_EQ(site.connect_timeout, Seconds{5});
  EXPECT_EQ(site.cleanup, Cleanup::on_success);
  EXPECT_EQ(good(slurm + "[transport]\nkind = openssh\nhost = login1\n").transport, "openssh");
  EXPECT_FALSE(good(slurm).remote());
}

TEST(SiteFile, TransportsThatCannotBeMeant) {
  EXPECT_THAT(mistakes(slurm + "[transport]\nkind = ssh\nhost = a\n"), ElementsAre(HasSubstr("libssh2")));
  EXPECT_THAT(mistakes(slurm + "[transport]\nkind = auto\n"), ElementsAre(HasSubstr("needs a host")));
  EXPECT_THAT(mistakes(slurm + "[transport]\nkind = local\nhost = login1\n"),
              ElementsAre(HasSubstr("'host' has no meaning with the transport 'local'")));
  EXPECT_THAT(mistakes(slurm + "[transport]\nport = 22\n"), ElementsAre(HasSubstr("'port' has no meaning")));
  EXPECT_THAT(mistakes(slurm + "[transport]\nhost = alice@login1\n"), ElementsAre(HasSubstr("is no host")));
  EXPECT_THAT(mistakes(slurm + "[transport]\nhost = -oProxyCommand=evil\n"),
              ElementsAre(HasSubstr("is no host")));
  EXPECT_THAT(mistakes(slurm + "[transport]\nhost = a\nhost_key = yes\n"),
              ElementsAre(HasSubstr("is no host key")));
  EXPECT_THAT(mistakes("[scheduler]\nkind = local\n[transport]\nhost = a\n"),
              ElementsAre(HasSubstr("the local scheduler runs jobs on this machine")));
}

TEST(SiteFile, LimitsOfTheLocalSchedulerAreNotSilentlyWithoutEffect) {
  EXPECT_THAT(mistakes("[limits]\ncpus = 4\n" + slurm),
              ElementsAre(HasSubstr("hpc.ini:2: 'cpus' has a meaning for")));
}

TEST(SiteFile, OptionsAreTheDialectsToJudge) {
  const OptionCheck check = [](std::string_view scheduler,
                               const std::map<std::string, std::string>& options) {
    std::vector<std::string> problems;
    EXPECT_EQ(scheduler, "slurm");
    for (const auto& [name, value] : options) {
      if (name != "export" && name != "clusters") problems.push_back("unknown option '" + name + "'");
    }
    if (options.contains("export") && options.contains("clusters"))
      problems.push_back("export with clusters");
    return problems;
  };
  EXPECT_THAT(good(slurm + "export = none\n", check).options, ElementsAre(Pair("export", "none")));
  EXPECT_THAT(mistakes(slurm + "export = none\npol = 5s\n", check),
              ElementsAre("hpc.ini:4: unknown option 'pol' (did you mean 'poll'?)"));
  EXPECT_THAT(mistakes(slurm + "export = none\nclusters = a\n", check),
              ElementsAre("hpc.ini:1: export with clusters"));
  // The kind may come after its options.
  EXPECT_THAT(mistakes("[scheduler]\nfoo = 1\nkind = slurm\n", check),
              ElementsAre(HasSubstr("hpc.ini:2: unknown option")));
}

TEST(SiteFile, TheLocalSchedulerHasNoOptions) {
  EXPECT_THAT(mistakes(local + "export = none\n"),
              ElementsAre(HasSubstr("hpc.ini:3: the local scheduler has no option")));
}

TEST(SiteFile, DefaultsAreCheckedAsResources) {
  EXPECT_THAT(mistakes(slurm + "[defaults]\nwalltime = tomorrow\n"),
              ElementsAre(HasSubstr("hpc.ini:4: walltime: ")));
  EXPECT_THAT(mistakes(slurm + "[defaults]\nmemory = 1G\nmemory_per_cpu = 1G\n"),
              ElementsAre(HasSubstr("hpc.ini:3: in [defaults]: ")));
}

TEST(SiteFile, EmptyValuesAreMistakesWhereTheyMeanNothing) {
  EXPECT_THAT(mistakes(slurm + "user =\n"), ElementsAre(HasSubstr("hpc.ini:3: 'user' has no value")));
  EXPECT_THAT(mistakes(slurm + "[site]\ndescription =\n"), IsEmpty());
}

TEST(SiteFile, QuotesAroundAValueAreNotPartOfIt) {
  const Site site =
      good(slurm + "[transport]\nscratch = \"/big disk\"\n[environment]\nA = ' x '\nB = \"a\":\"b\"\n");
  EXPECT_EQ(site.scratch, "/big disk");
  EXPECT_THAT(site.environment, ElementsAre(Pair("A", " x "), Pair("B", "\"a\":\"b\"")));
}

TEST(SiteFile, AMisspeltModulesIsNoVariable) {
  EXPECT_THAT(mistakes(slurm + "[environment]\nmodule = gcc\n"),
              ElementsAre(HasSubstr("did you mean 'modules'?")));
  EXPECT_THAT(good(slurm + "[environment]\nhttp_proxy = p:80\n").environment,
              ElementsAre(Pair("http_proxy", "p:80")));
}

TEST(SiteFile, NodeScratchIsFilledInByTheJobAndHoldsNothingElseThatAShellReads) {
  EXPECT_EQ(good(slurm).node_scratch, "${TMPDIR:-/tmp}");
  for (const std::string text :
       {"/local/disk-1", "$SLURM_TMPDIR", "/local/$USER/x", "${A:-/tmp}", "$A/${B}"}) {
    const auto site = good(slurm + "[environment]\nnode_scratch = " + text + "\n");
    EXPECT_EQ(site.node_scratch, text);
    EXPECT_THAT(site.environment, IsEmpty());
  }
  for (const std::string text : {"tmp", "~/x", "/a b", "$(reboot)", "/x`reboot`", "${A", "$", "/a$",
                                 "${A:-$B}", "${A@P}", "/a\\", "${}", "/a}", "$A:-/b"})
    EXPECT_THAT(mistakes(slurm + "[environment]\nnode_scratch = " + text + "\n"),
                ElementsAre(HasSubstr("is no directory of compute nodes")))
        << text;
  EXPECT_THAT(mistakes(slurm + "[environment]\nnodescratch = /x\n"),
              ElementsAre(HasSubstr("did you mean 'node_scratch'?")));
}

TEST(SiteFile, EnvironmentNamesAndValuesAreChecked) {
  EXPECT_THAT(mistakes(slurm + "[environment]\n1A = 1\n"), ElementsAre(HasSubstr("'1A' is no name")));
  EXPECT_THAT(mistakes(slurm + "[environment]\nA B = 1\n"), ElementsAre(HasSubstr("'A B' is no name")));
  EXPECT_THAT(mistakes(slurm + "[environment]\nCATENA_TOKEN = 1\n"), ElementsAre(HasSubstr("catena's own")));
  EXPECT_THAT(mistakes(slurm + "[environment]\nPATH = /opt/bin:$PATH\n"),
              ElementsAre("hpc.ini:4: PATH: values are exported as they stand, '$' is not filled in "
                          "(write 'prologue = export PATH=...')"));
  EXPECT_THAT(good(slurm + "[environment]\nPRICE = 5$\n").environment, ElementsAre(Pair("PRICE", "5$")));
  EXPECT_THAT(mistakes(slurm + "[environment]\nmodules = gcc;reboot\n"),
              ElementsAre(HasSubstr("'gcc;reboot' is no module")));
  EXPECT_THAT(mistakes(slurm + "user = a,b\n"), ElementsAre(HasSubstr("'a,b' is no login name")));
}

TEST(SiteFile, AllMistakesComeAtOnce) {
  EXPECT_EQ(mistakes("[sites]\n[scheduler]\nkind = slurm\npoll = x\njunk\n[defaults]\ntasks = many\n").size(),
            4u);
}

class SiteFileOnDisk : public testing::Test {
 protected:
  SiteFileOnDisk() {
    char name[] = "/tmp/site_file_test.XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~SiteFileOnDisk() override { std::filesystem::remove_all(folder_); }
  std::vector<std::string> mistakes_of(const std::string& file) {
    Diagnostics diagnostics;
    EXPECT_EQ(read_site_file(file, {}, diagnostics).file, file);
    std::vector<std::string> all;
    for (const Diagnostic& d : diagnostics.list()) all.push_back(format(d));
    return all;
  }
  std::string folder_;
};

TEST_F(SiteFileOnDisk, AFolderIsNoSiteFile) {
  EXPECT_THAT(mistakes_of(folder_), ElementsAre(folder_ + ": is not a regular file"));
}

TEST_F(SiteFileOnDisk, ANamedPipeDoesNotBlock) {
  const std::string pipe = folder_ + "/a.ini";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(mistakes_of(pipe), ElementsAre(HasSubstr("is not a regular file")));
}

TEST_F(SiteFileOnDisk, AHugeFileIsRefused) {
  const std::string file = folder_ + "/a.ini";
  std::ofstream(file) << std::string((1 << 20) + 1, '\n');
  EXPECT_THAT(mistakes_of(file), ElementsAre(HasSubstr("larger than 1 MiB")));
}

TEST_F(SiteFileOnDisk, AMissingFileIsNamed) {
  EXPECT_THAT(mistakes_of(folder_ + "/no.ini"),
              ElementsAre(HasSubstr("/no.ini: cannot be read: No such file")));
}

TEST(SiteExamples, AreReadWithoutMistakes) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CATENA_SOURCE_DIR "/site-config")) {
    if (entry.path().extension() != ".ini") continue;
    Diagnostics diagnostics;
    read_site_file(entry.path().string(), {}, diagnostics);
    for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << format(d);
    ++count;
  }
  EXPECT_GE(count, 5u);
}

}  // namespace
}  // namespace catena
