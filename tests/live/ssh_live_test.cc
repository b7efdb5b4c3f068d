// A laptop, an SSH server, and the real SLURM behind it, from the command line.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "cut_proxy.h"
#include "sandbox.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string variable(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

const std::vector<std::string> once{"a.1", "a.2", "a.3", "a.4", "b"};

class Ssh : public testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("CATENA_TEST_SSH") || !getenv("CATENA_TEST_SLURM"))
      GTEST_SKIP() << "no private SSH servers: scripts/test starts them";
    scratch_ = fs::path("/tmp") / ("catena-ssh-scratch." + std::to_string(getpid()) + " it's");
    fs::create_directories(scratch_);
    fs::permissions(scratch_, fs::perms::all);
    site("ssh", "catena-default");
  }
  void TearDown() override {
    if (!scratch_.empty()) fs::remove_all(scratch_);
  }
  void site(const std::string& name, const std::string& host, const std::string& more = "",
            const std::string& kind = "libssh2") const {
    box.write("sites/" + name + ".ini",
              "[scheduler]\nkind = slurm\npoll = 1s\nsettle = 5s\n[transport]\nkind = " + kind + "\nhost = " +
                  host + "\nssh_config = " + config_ + "\nscratch = " + scratch_.string() + "\n" + more);
  }
  // A chain and a fan-in with inputs and outputs; each body notes that it ran.
  std::string workflow(const std::string& name) const {
    return "name: " + name +
           "\nnodes:\n"
           "  a:\n    foreach: {i: 1..4}\n    inputs: [in.txt, data]\n    outputs: [out.txt, 'more/*']\n    "
           "run: |\n"
           "      mkdir more; cat in.txt data/*/f > out.txt; echo {{ i }} > more/number\n" +
           note() +
           "  b:\n    after: [a]\n    outputs: ['*.sum']\n    run: |\n"
           "      cat \"$CATENA_RUN_DIR\"/a.*/more/number > all.sum\n" +
           note();
  }
  static std::string note() {
    return "      echo \"$CATENA_NODE\" >> \"$CATENA_RUN_DIR/../ran.$CATENA_WORKFLOW\"\n";
  }
  void inputs() const {
    box.write("in.txt", "some text\n");
    for (int i = 0; i < 50; ++i) box.write("data/" + std::to_string(i) + "/f", std::string(2000, 'x') + "\n");
  }
  // The site "ssh" is reached through the proxy. The user's configuration has no entry for that: its key is
  // named.
  void through(const CutProxy& proxy) {
    const auto pin = lines_of(
        shell_output("ssh-keygen -l -f " + variable("CATENA_TEST_SSH_DIR") + "/keys/host_ed25519.pub"));
    ASSERT_THAT(pin, SizeIs(1));
    const auto key = pin[0].substr(pin[0].find("SHA256:"));
    box.write("config", "Host *\n  IdentityFile " + variable("CATENA_TEST_SSH_DIR") +
                            "/laptop/id_ed25519\n  IdentitiesOnly yes\n  IdentityAgent none\n");
    config_ = (box.dir / "config").string();
    site("ssh", "127.0.0.1",
         "port = " + std::to_string(proxy.port()) + "\nuser = " + variable("CATENA_TEST_SSH_USER") +
             "\nhost_key = " + key.substr(0, key.find(' ')) + "\nconnect_timeout = 5s\n");
  }
  std::vector<std::string> ran(const std::string& name) const {
    auto lines = lines_of(read_text(scratch_ / ("ran." + name)));
    std::ranges::sort(lines);
    return lines;
  }

  Sandbox box{"ssh"};
  fs::path scratch_;
  std::string config_ = variable("CATENA_TEST_SSH_CONFIG");
};

class SshKind : public Ssh, public testing::WithParamInterface<const char*> {};

TEST_P(SshKind, InputsGoOutOutputsComeBackAndLogsAreRead) {
  site("ssh", "catena-default", "", GetParam());
  inputs();
  const auto said = box.run("there", workflow("there"), "--id r1 --wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(ran("there"), once);
  EXPECT_EQ(box.read("catena-results/there-r1/b/all.sum"), "1\n2\n3\n4\n");
  EXPECT_EQ(box.read("catena-results/there-r1/a.3/more/number"), "3\n");
  EXPECT_EQ(box.read("catena-results/there-r1/a.2/out.txt").size(), 10 + 50 * 2001U);
  EXPECT_EQ(box.catena("logs there b").status, 0);
  EXPECT_THAT(box.catena("fetch there a.1 --to here").out, HasSubstr("here/a.1/out.txt"));
  EXPECT_THAT(box.catena("fetch there a.1 --to here").out, HasSubstr("0 files fetched"));
  EXPECT_THAT(box.catena("gc r1").out, HasSubstr("add --yes"));
  EXPECT_TRUE(fs::exists(scratch_ / "there-r1"));
  EXPECT_THAT(box.catena("gc r1 --yes").out, HasSubstr("1 directory"));
  EXPECT_FALSE(fs::exists(scratch_ / "there-r1"));
  EXPECT_TRUE(fs::exists(scratch_ / "ran.there")) << "nothing beside the run's directory is touched";
}

INSTANTIATE_TEST_SUITE_P(Both, SshKind, testing::Values("libssh2", "openssh"),
                         [](const auto& each) { return std::string(each.param); });

TEST_F(Ssh, ADirectoryIsCleanedAwayByPolicyAfterItsOutputsAndLogsAreHere) {
  site("ssh", "catena-default", "cleanup = on_success\n");
  inputs();
  ASSERT_EQ(box.run("good", workflow("good"), "--id g1 --wait").status, 0);
  EXPECT_FALSE(fs::exists(scratch_ / "good-g1"));
  EXPECT_EQ(box.read("catena-results/good-g1/b/all.sum"), "1\n2\n3\n4\n");
  EXPECT_TRUE(fs::exists(box.dir / "catena-results/good-g1/b/logs/b.1.out"));
  ASSERT_EQ(box.run("bad", "name: bad\nnodes:\n  a:\n    run: exit 3\n", "--id b1 --wait").status, 1);
  EXPECT_TRUE(fs::exists(scratch_ / "bad-b1"));
}

TEST_F(Ssh, TwentyThousandSmallFilesGoOutAndComeBack) {
  fs::create_directories(box.dir / "many");
  for (int i = 0; i < 20'000; ++i) {
    const auto folder = box.dir / "many" / std::to_string(i % 100);
    if (i < 100) fs::create_directories(folder);
    std::ofstream(folder / std::to_string(i)) << i;
  }
  const auto said = box.run("many",
                            "name: many\nnodes:\n  a:\n    inputs: [many]\n    outputs: [copy]\n"
                            "    run: cp -R many copy\n",
                            "--id m1 --wait");
  ASSERT_EQ(said.status, 0) << said.out << said.err;
  EXPECT_EQ(box.read("catena-results/many-m1/a/copy/99/19999"), "19999");
  EXPECT_THAT(shell_output("find '" + box.dir.string() + "/catena-results' -type f | wc -l"),
              HasSubstr("20000"));
}

// A small file system of its own for as long as it lives.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path path) : path_(std::move(path)) {
    fs::create_directories(path_);
    mounted_ = mount("none", path_.c_str(), "tmpfs", 0, "size=1m,mode=0777") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    fs::remove(path_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  bool grow() const { return mount("none", path_.c_str(), "tmpfs", MS_REMOUNT, "size=64m,mode=0777") == 0; }

 private:
  fs::path path_;
  bool mounted_ = false;
};

TEST_F(Ssh, AFullDiskIsNamedAndTheRunGoesOnWhenThereIsRoom) {
  const SmallDisk disk(scratch_.string() + ".disk");
  if (!disk.mounted()) GTEST_SKIP() << "no tmpfs can be mounted here";
  box.write("sites/full.ini",
            "[scheduler]\nkind = slurm\npoll = 1s\n[transport]\nhost = catena-default\nssh_config = " +
                config_ + "\nscratch = " + scratch_.string() + ".disk\n");
  box.write("big", std::string(8 << 20, 'b'));
  box.write("w.yaml", "name: w\nnodes:\n  a:\n    inputs: [big]\n    run: wc -c big\n");
  const auto said = box.catena("run w.yaml --site full --id w1");
  EXPECT_EQ(said.status, 5);
  EXPECT_THAT(said.err, HasSubstr("no space left there"));
  EXPECT_THAT(said.err, HasSubstr(scratch_.string() + ".disk"));
  EXPECT_THAT(said.err, HasSubstr("catena-default"));
  EXPECT_THAT(said.err, HasSubstr("free some space"));
  EXPECT_FALSE(fs::exists(scratch_.string() + ".disk/w-w1/a/big"));
  ASSERT_TRUE(disk.grow());
  EXPECT_EQ(box.catena("sync w1").status, 0);
  EXPECT_EQ(box.catena("wait w1 --timeout 60s").status, 0) << box.catena("status w1").out;
}

TEST_F(Ssh, AHomeThatCannotBeWrittenIsNoTrouble) {
  const auto home = shell_output("printf %s ~catena-bob");
  ASSERT_THAT(home, Not(HasSubstr("~")));
  fs::permissions(home, fs::perms(0500));
  site("ssh", "catena-default", "user = catena-bob\n");
  const auto said = box.run("home", "name: home\nnodes:\n  a:\n    run: 'true'\n", "--wait");
  fs::permissions(home, fs::perms(0700));
  EXPECT_EQ(said.status, 0) << said.out << said.err;
}

TEST_F(Ssh, AnUnknownHostKeyIsRefusedWithItsFingerprintAndNothingIsRecorded) {
  box.write("config", "Host stranger\n  HostName 127.0.0.1\n  Port " +
                          variable("CATENA_TEST_SSH_PORT_DEFAULT") + "\n  UserKnownHostsFile " +
                          (box.dir / "none").string() + "\n  GlobalKnownHostsFile none\n");
  config_ = (box.dir / "config").string();
  site("ssh", "stranger");
  const auto said = box.run("x", "name: x\nnodes:\n  a:\n    run: 'true'\n");
  EXPECT_EQ(said.status, 5) << said.err;
  EXPECT_THAT(said.err, HasSubstr("SHA256:"));
  EXPECT_THAT(box.catena("list").out, Not(HasSubstr(" x ")));
  EXPECT_FALSE(fs::exists(box.dir / "none"));
  EXPECT_EQ(box.catena("doctor ssh").status, 7);
  EXPECT_THAT(box.catena("doctor ssh").out, HasSubstr("PROBLEM"));
}

TEST_F(Ssh, ASlowWireOnlyTakesLonger) {
  CutProxy proxy(static_cast<std::uint16_t>(std::stoi(variable("CATENA_TEST_SSH_PORT_DEFAULT"))));
  through(proxy);
  proxy.delay(std::chrono::milliseconds(20));
  inputs();
  ASSERT_EQ(box.run("slow", workflow("slow"), "--wait").status, 0);
  EXPECT_EQ(ran("slow"), once);
}

TEST_F(Ssh, RemovingADirectoryNeverLeavesTheScratchBase) {
  box.write("w.yaml", "name: w\nnodes:\n  a:\n    run: ln -s \"$CATENA_RUN_DIR/../kept\" link\n");
  fs::create_directories(scratch_ / "kept");
  std::ofstream(scratch_ / "kept/file") << "not ours";
  fs::create_directories(scratch_ / "other/.catena");
  ASSERT_EQ(box.catena("run w.yaml --site ssh --id w1 --wait").status, 0);
  ASSERT_EQ(box.catena("run w.yaml --site ssh --id w2 --wait").status, 0);
  fs::remove_all(scratch_ / "w-w2");
  fs::create_directory_symlink(scratch_ / "other", scratch_ / "w-w2");
  ASSERT_EQ(box.catena("gc w1 w2 --yes").status, 0);
  EXPECT_FALSE(fs::exists(scratch_ / "w-w1"));
  EXPECT_TRUE(fs::exists(scratch_ / "kept/file")) << "a link in the run's directory";
  EXPECT_TRUE(fs::exists(scratch_ / "other/.catena")) << "a link in the place of a run's directory";
}

TEST_F(Ssh, TheRemedyForAServerThatLibssh2CannotServeNamesASettingThatThereIs) {
  site("ssh", "catena-rsa");
  EXPECT_THAT(box.catena("doctor ssh").out, HasSubstr("kind = openssh"));
  site("ssh", "catena-rsa", "", "openssh");
  EXPECT_EQ(box.catena("doctor ssh").status, 0);
}

TEST_F(Ssh, Scenario22TheNextLoginHostIsTakenWhenOneIsDown) {
  site("ssh", "127.0.0.9, catena-default", "connect_timeout = 2s\n");
  EXPECT_EQ(box.run("next", "name: next\nnodes:\n  a:\n    run: 'true'\n", "--wait").status, 0);
}

constexpr int points = 16;  // where the wire is cut, evenly over all that goes over it

// A wire that breaks: whatever was on its way, each job is submitted exactly once.
class SshCut : public Ssh, public testing::WithParamInterface<int> {};

TEST_P(SshCut, TheRunEndsRightAndEachJobWasSubmittedOnce) {
  CutProxy proxy(static_cast<std::uint16_t>(std::stoi(variable("CATENA_TEST_SSH_PORT_DEFAULT"))));
  through(proxy);
  inputs();

  const auto name = "cut" + std::to_string(GetParam());
  const auto way = GetParam() % 2 == 0 ? CutProxy::Way::up : CutProxy::Way::down;
  ASSERT_EQ(box.run("whole" + name, workflow("whole" + name), "--wait").status, 0);
  const auto all = proxy.passed(way);
  ASSERT_GT(all, 1000U);
  proxy.cut(way, all * static_cast<std::uint64_t>(GetParam() + 1) / (points + 1));
  const auto said = box.run(name, workflow(name), "--id " + name);
  std::string trouble = said.err;
  const bool recorded = box.status(name, "--offline").contains("nodes");
  if (!recorded) {  // cut before anything was on record: the user starts it again
    ASSERT_NE(said.status, 0);
    ASSERT_THAT(ran(name), IsEmpty());
    ASSERT_EQ(box.run(name, workflow(name), "--id " + name).status, 0);
  }
  EXPECT_TRUE(box.until(
      [&] {
        trouble += box.catena("sync " + name).err;
        return std::string(box.status(name, "--offline").at("state").as_string()) == "completed";
      },
      90))
      << trouble << box.catena("status " + name).out;
  EXPECT_TRUE(proxy.was_cut());
  EXPECT_EQ(ran(name), once);
  EXPECT_EQ(box.read("catena-results/" + name + "-" + name + "/b/all.sum"), "1\n2\n3\n4\n");
  // As SLURM saw it: one job a name, and names hold the token; of the array one an index. Its accounting
  // comes a second or two later.
  std::map<std::string, int> jobs;
  box.until(
      [&] {
        jobs.clear();
        for (const auto& line :
             lines_of(shell_output("sacct -X -n -P -u " + variable("CATENA_TEST_SSH_USER") +
                                   " -S now-1hour -o JobID,JobName,WorkDir%200"))) {
          if (line.find((scratch_ / (name + "-" + name)).string()) == std::string::npos) continue;
          const auto id = line.substr(0, line.find('|'));
          const auto index = id.find('_');
          ++jobs[line.substr(id.size()) + (index == id.npos ? "" : id.substr(index))];
        }
        return jobs.size() >= once.size();
      },
      20);
  EXPECT_THAT(jobs, SizeIs(once.size()));
  for (const auto& [job, count] : jobs) EXPECT_EQ(count, 1) << job;
  EXPECT_THAT(shell_output("squeue -h -u " + variable("CATENA_TEST_SSH_USER") + " -o '%j %Z' | grep " + name +
                           "-" + name),
              IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Points, SshCut, testing::Range(0, points));

}  // namespace
}  // namespace catena
