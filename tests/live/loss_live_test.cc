// What a run needs has gone: its site, its directory, its store's disk. One clear word of it, and nothing
// half done.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include "sandbox.h"

namespace catena {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* waits =
    "name: w\nnodes:\n  a:\n    run: |\n      for i in $(seq 600); do [ -e '{{ workflow.dir }}/go' ] && exit "
    "0; sleep "
    "0.1; done; exit 1\n  b:\n    after: [a]\n    run: 'true'\n";

class Loss : public testing::Test {
 protected:
  void SetUp() override {
    box.write("sites/box.ini",
              "[scheduler]\nkind = local\npoll = 1s\nsettle = 2s\n[limits]\nkill_grace = 1s\n");
  }
  void start() {
    ASSERT_EQ(box.run("w", waits).status, 0);
    ASSERT_TRUE(box.until([&] { return box.state("a") == "running"; }));
  }
  // One message on standard error, with a remedy; no more.
  static void one_error(const Said& said, int status, const std::string& words) {
    EXPECT_EQ(said.status, status) << said.out << said.err;
    EXPECT_THAT(said.err, HasSubstr(words));
    EXPECT_LE(std::ranges::count(said.err, '\n'), 3) << said.err;
    EXPECT_THAT(said.err, Not(HasSubstr("internal error")));
  }
  Sandbox box{"box"};
};

TEST_F(Loss, Scenario10SiteRemovedFromTheConfiguration) {
  start();
  std::filesystem::remove(box.dir / "sites/box.ini");
  const auto list = box.catena("list");
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("running"));
  const auto status = box.catena("status w");
  EXPECT_EQ(status.status, 0) << status.err;
  EXPECT_THAT(status.out, HasSubstr("running on box  as of"));
  EXPECT_THAT(status.err, HasSubstr("box"));
  const auto why = box.catena("why w b");
  EXPECT_EQ(why.status, 0) << why.err;
  EXPECT_THAT(why.out, HasSubstr("it waits for ok of a"));
  EXPECT_THAT(why.err, HasSubstr("box"));
  one_error(box.catena("sync w"), 4, "box");
  one_error(box.catena("watch w"), 4, "box");
  one_error(box.catena("wait w"), 4, "box");
  one_error(box.catena("cancel w"), 4, "box");
  EXPECT_EQ(box.status("w", "--offline").at("state").as_string(), "running") << "nothing was changed";
  // It comes back: the run goes on.
  SetUp();
  box.write("go", "");
  EXPECT_EQ(box.catena("wait w --timeout 60s").status, 0);
}

TEST_F(Loss, Scenario11DirectoryOfTheRunDeleted) {
  start();
  const std::string directory(box.status("w").at("directory").as_string());
  box.write("go", "");  // the body ends whatever becomes of it
  std::filesystem::remove_all(directory);
  for (const char* call : {"list", "status w", "why w a", "why w b"}) {
    const auto said = box.catena(call);
    EXPECT_EQ(said.status, 0) << call << said.err;
    EXPECT_THAT(said.out, Not(HasSubstr("completed"))) << call;
  }
  const auto sync = box.catena("sync w");
  EXPECT_THAT(sync.status, testing::AnyOf(0, 7)) << sync.err;
  EXPECT_THAT(sync.out + sync.err, Not(HasSubstr("internal error")));
  EXPECT_TRUE(box.until([&] { return box.state("a", "w") == "unknown"; })) << box.catena("status w").out;
  EXPECT_THAT(box.catena("why w a").out, HasSubstr("no record says how it ended"));
  EXPECT_EQ(box.catena("wait w --timeout 1s").status, 10);
  const auto cancel = box.catena("cancel w");
  EXPECT_EQ(cancel.status, 0) << cancel.err;
  EXPECT_EQ(box.catena("db check").status, 0) << box.catena("db check").out;
}

// The store on a file system of its own.
class StoreDisk : public Loss {
 protected:
  void SetUp() override {
    Loss::SetUp();
    std::filesystem::create_directories(box.dir / "home");
    if (mount("catena", (box.dir / "home").c_str(), "tmpfs", 0, "size=400k,mode=0700") != 0)
      GTEST_SKIP() << "this user cannot mount a tmpfs";
    mounted_ = true;
  }
  ~StoreDisk() override {
    if (mounted_) umount2((box.dir / "home").c_str(), MNT_DETACH);
  }
  bool mounted_ = false;
};

TEST_F(StoreDisk, Scenario13DiskFullSubmitsNothing) {
  ASSERT_EQ(box.run("small", "name: small\nnodes:\n  a:\n    run: 'true'\n", "--wait").status, 0);
  box.write("filler", std::string(600'000, '#'));
  const auto said =
      box.run("large", "name: large\nnodes:\n  a:\n    run: echo x >> '{{ workflow.dir }}/ran'\n# " +
                           std::string(600'000, '#') + "\n");
  one_error(said, 70, "catena.db");
  EXPECT_THAT(said.err, HasSubstr("make room"));
  EXPECT_EQ(box.read("ran"), "");
  EXPECT_THAT(box.catena("list").out, Not(HasSubstr("large")));
  EXPECT_EQ(box.catena("db check").status, 0) << box.catena("db check").out;
}

TEST_F(StoreDisk, Scenario13ReadOnlyFileSystemRunsNothingAndSaysSo) {
  ASSERT_EQ(box.run("small", "name: small\nnodes:\n  a:\n    run: 'true'\n", "--wait").status, 0);
  ASSERT_EQ(mount("catena", (box.dir / "home").c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=400k"), 0);
  const auto said =
      box.run("more", "name: more\nnodes:\n  a:\n    run: echo x >> '{{ workflow.dir }}/ran'\n");
  one_error(said, 70, "cannot be written");
  EXPECT_EQ(box.read("ran"), "");
  EXPECT_EQ(box.catena("db check").status, 0) << box.catena("db check").err;
  const auto backup = box.catena("db backup");
  EXPECT_EQ(backup.status, 70);
  EXPECT_EQ(box.catena("db backup " + (box.dir / "copy.db").string()).status, 0);
}

TEST_F(Loss, Scenario14EmptyHalfMadeForeignAndBrokenStores) {
  box.write("home/catena.db", "");
  EXPECT_EQ(box.catena("list").status, 0);
  EXPECT_EQ(box.catena("db check").status, 0);
  box.write("home/catena.db", std::string(9000, 'x'));
  for (const char* call : {"list", "status", "sync", "db check", "db backup", "db repair"}) {
    const auto said = box.catena(call);
    one_error(said, 70, "not a database");
  }
  EXPECT_EQ(box.read("home/catena.db"), std::string(9000, 'x'));
}

}  // namespace
}  // namespace catena
