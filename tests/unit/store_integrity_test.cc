// What is wrong with a store is found and named; a backup is whole; a repair mends, and invents nothing.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <csignal>
#include <random>
#include <thread>

#include "adapters/store/backup.h"
#include "adapters/store/examine.h"
#include "adapters/store/open.h"
#include "adapters/store/repair.h"
#include "unit/store_support.h"

namespace catena {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using enum NodeState;

constexpr std::chrono::seconds patience{5};

bool lives(const Lease&) {
  return true;
}
bool is_dead(const Lease&) {
  return false;
}

class Integrity : public StoreTest {
 protected:
  // A chain of ten: one completed, one running, one waits, the rest not submitted.
  void create_run(const std::string& id = "a", NodeIndex size = 10) {
    SqliteStore store(file(), OpenMode::read_write);
    Snapshot snapshot;
    snapshot.file = "/home/ada/flow.yaml";
    snapshot.text = "name: flow\n";
    store.create(run_row(id), snapshot, chain(size));
    Changes changes;
    const NodeState states[] = {completed, running, held};
    for (NodeIndex node = 0; node < 3; ++node) {
      changes.nodes.push_back({node, {.state = states[node], .attempts = 1, .reason = {}}});
      auto attempt = attempt_of(node, "t" + id + std::to_string(node));
      attempt.native_id = std::to_string(node + 1);
      attempt.state = states[node] == completed ? AttemptState::ended : AttemptState::submitted;
      changes.attempts.push_back(attempt);
      changes.events.emplace_back().kind = "submitted";
    }
    changes.run = {RunState::running, ""};
    store.apply(id, changes, at(1));
  }
  std::unique_ptr<Database> raw() {
    return std::make_unique<Database>(file().string(), SQLITE_OPEN_READWRITE, file(), patience);
  }
  void change(const std::string& sql) {
    raw()->execute("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; " + sql);
  }
  Examination look(const std::function<bool(const Lease&)>& alive = lives) {
    return examine(*open_for_reading(file(), patience), alive);
  }
  Repair mend(const std::function<bool(const Lease&)>& alive = lives) {
    return repair_store(file(), backup_name(file(), at(0)), patience, alive);
  }
  static std::string all(const Examination& found) {
    std::string text;
    for (const auto& finding : found.findings) text += finding.text + "\n";
    return text;
  }
  static std::string all(const std::vector<std::string>& sentences) {
    std::string text;
    for (const auto& sentence : sentences) text += sentence + "\n";
    return text;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(file().parent_path()),
                                                  std::filesystem::directory_iterator()));
  }
  // Overwrites pages of the file, which must have no log beside it.
  void spoil(std::int64_t page, char with) {
    std::fstream broken(file(), std::ios::in | std::ios::out | std::ios::binary);
    broken.seekp((page - 1) * 4096);
    broken << std::string(4096, with);
  }
  // The pages of the leaves of a table's rows: none of them holds what makes the tree.
  std::vector<std::int64_t> leaves(const std::string& table) {
    std::vector<std::int64_t> pages;
    auto db = raw();
    Statement q = db->prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path");
    q.bind(table);
    while (q.step()) pages.push_back(q.integer(0));
    return pages;
  }
};

TEST_F(Integrity, ASoundStoreHasNothingToSay) {
  create_run();
  const auto found = look();
  EXPECT_TRUE(found.sound()) << all(found);
  EXPECT_THAT(found.findings, IsEmpty());
  EXPECT_EQ(found.runs, 1);
  EXPECT_EQ(found.nodes, 10);
  EXPECT_EQ(found.attempts, 3);
}

TEST_F(Integrity, WhatTheRowsPromiseIsChecked) {
  const std::pair<const char*, const char*> cases[] = {
      {"UPDATE run_counts SET nodes = 3 WHERE state = 'completed'",
       "run a: 3 nodes are counted as completed, and there are 1"},
      {"INSERT INTO attempts (run, node, number, token, state, intended) VALUES (1, 1, 2, 'other', "
       "'intended', 0);"
       "UPDATE nodes SET attempts = 2 WHERE idx = 1",
       "node n1: 2 attempts may be at the scheduler at a time"},
      {"UPDATE nodes SET attempts = 4 WHERE idx = 1", "node n1: 4 attempts were made, and 1 are recorded"},
      {"DELETE FROM attempts WHERE node = 1",
       "node n1: it is running, and no attempt of it is at the scheduler"},
      {"DROP TRIGGER attempts_ended; UPDATE attempts SET state = 'submitted' WHERE node = 0",
       "node n0: it is completed, and attempt 1 is submitted"},
      {"UPDATE attempts SET native_id = '2' WHERE node = 2",
       "2 attempts that may be at the scheduler are all job 2"},
      {"UPDATE nodes SET state = 'sleeping' WHERE idx = 4", "\"sleeping\" is no state"},
      {"UPDATE attempts SET state = 'lost' WHERE node = 1", "\"lost\" is no state"},
      {"UPDATE runs SET state = 'completed'", "run a: it is completed, and 9 of its nodes have not ended"},
      {"DELETE FROM nodes WHERE idx = 5", "run a: 9 of its 10 nodes are recorded"},
      {"INSERT INTO edges VALUES (1, 77, 0, 'ok')", "1 edges lead to nodes that are not recorded"},
      {"DELETE FROM snapshots", "run a: its workflow is not recorded"},
      {"INSERT INTO results VALUES (1, 0, 9, 'energy', '1')", "a result of attempt 9, which is not recorded"},
      {"INSERT INTO attempts (run, node, number, token, state, intended) VALUES (1, 99, 1, 'x', 'dropped', "
       "0)",
       "1 rows of attempts belong to no row of nodes"},
      {"DROP TRIGGER nodes_counted", "trigger nodes_counted is missing"},
      {"DROP INDEX runs_by_name", "index runs_by_name is missing"},
  };
  for (const auto& [sql, expected] : cases) {
    std::filesystem::remove_all(file().parent_path());
    create_run();
    change(sql);
    const auto found = look();
    EXPECT_FALSE(found.sound()) << sql;
    EXPECT_FALSE(found.damaged) << sql;
    EXPECT_THAT(all(found), HasSubstr(expected)) << sql;
    for (const auto& finding : found.findings) EXPECT_NE(finding.remedy, "") << finding.text;
  }
}

TEST_F(Integrity, ALeaseOfADeadOwnerIsNamedAndForgottenAndOfALiveOneKept) {
  create_run();
  SqliteStore(file(), OpenMode::read_write)
      .acquire("a", {.host = "login7", .boot_id = "b", .pid = 4711, .pid_start = 1}, {});
  EXPECT_THAT(look(lives).findings, IsEmpty());
  EXPECT_THAT(mend(lives).done, IsEmpty());
  const auto found = look(is_dead);
  EXPECT_TRUE(found.sound());
  EXPECT_THAT(all(found), AllOf(HasSubstr("run a"), HasSubstr("4711 on login7")));
  EXPECT_THAT(mend(is_dead).done, ElementsAre(HasSubstr("4711 on login7")));
  EXPECT_THAT(look(is_dead).findings, IsEmpty());
}

TEST_F(Integrity, AStoreThatOthersCanReadIsNoted) {
  create_run();
  std::filesystem::permissions(file(), std::filesystem::perms(0644));
  EXPECT_THAT(look().findings, ElementsAre(Field(&Finding::remedy, HasSubstr("chmod 600"))));
}

TEST_F(Integrity, ABackupIsOneWholePrivateFileAndReplacesNothingUnasked) {
  create_run();
  SqliteStore driver(file(), OpenMode::read_write);  // others go on meanwhile
  const auto target = folder() / "copy.db";
  auto db = open_for_reading(file(), patience);
  umask(0);
  back_up(*db, target, false);
  driver.apply("a", node_change(3, skipped, "", 0), at(2));
  EXPECT_EQ(static_cast<int>(std::filesystem::status(target).permissions()), 0600);
  const Error error = error_of([&] { back_up(*db, target, false); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict);
  EXPECT_THAT(error.what(), HasSubstr(target.string()));
  const auto state = [&] { return SqliteStore(target, OpenMode::read_only).load("a").nodes[3].state; };
  EXPECT_EQ(state(), pending);
  back_up(*db, target, true);
  EXPECT_EQ(state(), skipped);
  EXPECT_TRUE(examine(*open_for_reading(target, patience), lives).sound());
  std::size_t beside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    beside += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(beside, 1U) << "something temporary was left";
}

TEST_F(Integrity, ABackupThatCannotBeWrittenLeavesNothing) {
  create_run();
  auto db = open_for_reading(file(), patience);
  const Error error = error_of([&] { back_up(*db, folder() / "none" / "copy.db", false); });
  EXPECT_THAT(error.what(), HasSubstr("none/copy.db"));
  EXPECT_EQ(error_of([&] { back_up(*db, folder(), true); }).kind(), ErrorKind::conflict);
}

TEST_F(Integrity, NamesOfBackupsAreInOrderAndNotUsedTwice) {
  create_run();
  const auto first = backup_name(file(), at(0));
  EXPECT_EQ(first.filename(), "catena.db.20231114T221320Z");
  write_file(first, "");
  EXPECT_EQ(backup_name(file(), at(0)).filename(), "catena.db.20231114T221320Z-2");
}

TEST_F(Integrity, ARepairOfASoundStoreDoesNothing) {
  create_run();
  const auto before = files();
  const auto repair = mend();
  EXPECT_TRUE(repair.backup.empty());
  EXPECT_TRUE(repair.after.sound());
  EXPECT_EQ(files(), before);
}

TEST_F(Integrity, WrongSumsMissingTriggersAndIndexesAreMendedAndSaid) {
  create_run();
  change(
      "UPDATE run_counts SET nodes = 70 WHERE state = 'pending'; DROP TRIGGER nodes_counted; DROP INDEX "
      "events_by_node");
  const auto repair = mend();
  EXPECT_TRUE(repair.after.sound()) << all(repair.after);
  EXPECT_THAT(all(repair.done), AllOf(HasSubstr("sums of states"), HasSubstr("CREATE TRIGGER nodes_counted"),
                                      HasSubstr("CREATE INDEX events_by_node")));
  EXPECT_FALSE(SqliteStore(repair.backup, OpenMode::read_only).runs({}).empty()) << "no backup";
  SqliteStore store(file(), OpenMode::read_write);
  store.apply("a", node_change(3, held), at(1));
  EXPECT_EQ(store.load("a").run.counts,
            (std::map<NodeState, std::uint64_t>{{completed, 1}, {running, 1}, {held, 2}, {pending, 6}}));
}

TEST_F(Integrity, AnIndexThatDiffersFromItsRowsIsMadeAnew) {
  create_run();
  change(
      "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX runs_by_name ON runs "
      "(site)' WHERE "
      "name = 'runs_by_name'; PRAGMA writable_schema = RESET; REINDEX runs_by_name; PRAGMA writable_schema = "
      "ON; "
      "UPDATE sqlite_schema SET sql = 'CREATE INDEX runs_by_name ON runs (name)' WHERE name = "
      "'runs_by_name'");
  ASSERT_TRUE(look().indexes_differ) << all(look());
  const auto repair = mend();
  EXPECT_TRUE(repair.after.sound()) << all(repair.after);
  EXPECT_THAT(all(repair.done), HasSubstr("indexes"));
  EXPECT_EQ(SqliteStore(file(), OpenMode::read_only).runs({"flow", false, 0}).size(), 1U);
}

// Which of two attempts is the true one, only the scheduler knows.
TEST_F(Integrity, StatesAreNeverInvented) {
  create_run();
  change(
      "INSERT INTO attempts (run, node, number, token, state, intended) VALUES (1, 1, 2, 'other', "
      "'intended', 0);"
      "UPDATE nodes SET attempts = 2 WHERE idx = 1; UPDATE runs SET state = 'completed'");
  const auto before = look();
  const auto repair = mend();
  EXPECT_FALSE(repair.after.sound());
  EXPECT_EQ(all(repair.after), all(before));
  EXPECT_THAT(repair.done, IsEmpty());
}

TEST_F(Integrity, ADamagedFileKeepsEveryRunThatIsWhole) {
  create_run("a", 10);
  create_run("big", 4000);
  create_run("c", 10);
  const auto pages = leaves("nodes");
  ASSERT_GT(pages.size(), 10U);
  spoil(pages[pages.size() / 2], '\xee');  // in the middle of big
  const auto found = look();
  EXPECT_TRUE(found.damaged);
  const auto repair = mend();
  EXPECT_TRUE(repair.after.sound()) << all(repair.after);
  EXPECT_THAT(all(repair.done), AllOf(HasSubstr("run big of flow is left out"),
                                      HasSubstr("catena adopt /scratch/ada/big --site local")));
  SqliteStore store(file(), OpenMode::read_write);
  EXPECT_THAT(store.runs({}), SizeIs(2));
  for (const std::string id : {"a", "c"}) {
    const auto record = store.load(id);
    EXPECT_EQ(record.nodes.size(), 10U);
    EXPECT_EQ(record.nodes[1].state, running);
    EXPECT_EQ(record.attempts.size(), 3U);
    EXPECT_EQ(record.run.counts.at(pending), 7U);
    EXPECT_EQ(record.snapshot.text, "name: flow\n");
    EXPECT_EQ(store.events(id, 0, no_node).size(), 3U);
    store.apply(id, node_change(5, held), at(9));
  }
  EXPECT_EQ(static_cast<int>(std::filesystem::status(file()).permissions()), 0600);
}

TEST_F(Integrity, WhatIsLostOfTheEventsCostsNoRun) {
  create_run("a", 10);
  {
    SqliteStore store(file(), OpenMode::read_write);
    for (int i = 0; i < 20; ++i) {
      Changes changes;
      for (int k = 0; k < 200; ++k) changes.events.emplace_back().kind = "note";
      store.apply("a", changes, at(i));
    }
  }
  const auto pages = leaves("events");
  ASSERT_GT(pages.size(), 8U);
  // Two places: what lies between them is found as well.
  spoil(pages[2], '\0');
  spoil(pages[pages.size() - 3], '\0');
  const auto repair = mend();
  EXPECT_TRUE(repair.after.sound()) << all(repair.after);
  EXPECT_THAT(all(repair.done), HasSubstr("some rows could not be read: of events"));
  const auto events = SqliteStore(file(), OpenMode::read_only).events("a", 0, no_node);
  EXPECT_LT(events.size(), 4003U);
  const auto per_page = 4003 / pages.size();
  EXPECT_GT(events.size(), 4003U - 5 * per_page);
}

TEST_F(Integrity, ALogBesideADamagedFileIsNotAppliedToTheNewOne) {
  create_run("a", 10);
  create_run("big", 4000);
  const auto pages = leaves("edges");
  const int status = in_child([&] {  // leaves its log behind
    Database db(file().string(), SQLITE_OPEN_READWRITE, file(), patience);
    db.execute("UPDATE runs SET reason = 'from the log'");
    return raise(SIGKILL);
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_TRUE(std::filesystem::exists(file().string() + "-wal"));
  spoil(pages[pages.size() / 2], '\xee');
  const auto repair = mend();
  EXPECT_TRUE(repair.after.sound()) << all(repair.after);
  for (const auto& run : SqliteStore(file(), OpenMode::read_only).runs({}))
    EXPECT_EQ(run.reason, "from the log");
}

TEST_F(Integrity, ADamagedFileThatIsInUseIsNotReplaced) {
  create_run("a", 10);
  create_run("big", 4000);
  const auto pages = leaves("edges");
  spoil(pages[pages.size() / 2], '\xee');
  int gate[2], ready[2];
  ASSERT_EQ(pipe(gate), 0);
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(gate[1]);
    Database db(file().string(), SQLITE_OPEN_READWRITE, file(), patience);
    db.integer("SELECT count(*) FROM runs");
    char none = 'x';
    _exit(write(ready[1], &none, 1) == 1 && read(gate[0], &none, 1) == 0 ? 0 : 1);
  }
  close(gate[0]);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const Error error = error_of(
      [&] { repair_store(file(), backup_name(file(), at(0)), std::chrono::milliseconds(50), lives); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict) << error.what();
  close(gate[1]);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(mend().after.sound());
}

TEST_F(Integrity, WhatIsNotOursIsLeftAloneByARepair) {
  write_file(file(), std::string(5000, 'x'));
  const Error text = error_of([&] { mend(); });
  EXPECT_THAT(text.what(), HasSubstr("not a database"));
  EXPECT_THAT(text.remedy(), HasSubstr("catena adopt"));
  std::filesystem::remove(file());
  Database(file().string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, file(), patience)
      .execute("CREATE TABLE bookmarks (url)");
  EXPECT_THAT(error_of([&] { mend(); }).what(), HasSubstr("another program's"));
  EXPECT_EQ(files(), 1U);
  std::filesystem::remove(file());
  create_run();
  change("PRAGMA user_version = 99; INSERT INTO schema_history VALUES (99, '7.5.3', 0)");
  EXPECT_EQ(error_of([&] { mend(); }).kind(), ErrorKind::conflict);
  EXPECT_EQ(files(), 1U);
}

TEST_F(Integrity, NothingThatCanBeReadIsAnErrorAndTheFileStays) {
  create_run("a", 4000);
  for (const auto page : leaves("runs")) spoil(page, '\xee');
  const auto size = std::filesystem::file_size(file());
  const Error error = error_of([&] { mend(); });
  EXPECT_THAT(error.what(), HasSubstr("no run can be read"));
  EXPECT_EQ(std::filesystem::file_size(file()), size);
}

// --- scenarios ---------------------------------------------------------------------------------------------

TEST_F(Integrity, Scenario13DatabaseLockedSaysWhoHoldsIt) {
  create_run();
  for (const Journal journal : {Journal::write_ahead, Journal::rollback}) {
    SqliteStore(file(), OpenMode::read_write, {.busy_timeout = patience, .journal = journal});
    int gate[2], ready[2];
    ASSERT_EQ(pipe(gate), 0);
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(gate[1]);
      auto db = raw();
      Transaction lock(*db, Transaction::write);
      char none = 'x';
      _exit(write(ready[1], &none, 1) == 1 && read(gate[0], &none, 1) == 0 ? 0 : 1);
    }
    close(gate[0]);
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    const Error error = error_of([&] {
      SqliteStore store(file(), OpenMode::read_write,
                        {.busy_timeout = std::chrono::milliseconds(50), .journal = journal});
      store.apply("a", node_change(3, held), at(1));
    });
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    EXPECT_THAT(error.what(), HasSubstr("(process " + std::to_string(child) + ")"));
    EXPECT_THAT(error.remedy(), HasSubstr("try again"));
    close(gate[1]);
    waitpid(child, nullptr, 0);
    EXPECT_EQ(SqliteStore(file(), OpenMode::read_only).load("a").nodes[3].state, pending);
  }
}

// A file system of a few hundred kilobytes.
class SmallDisk : public Integrity {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(file().parent_path());
    if (mount("catena", file().parent_path().c_str(), "tmpfs", 0, "size=400k,mode=0700") != 0)
      GTEST_SKIP() << "this user cannot mount a tmpfs";
    mounted_ = true;
  }
  ~SmallDisk() override {
    if (mounted_) umount2(file().parent_path().c_str(), MNT_DETACH);
  }
  bool mounted_ = false;
};

TEST_F(SmallDisk, Scenario13DiskFullTakesBackTheStepAndTheNextOneWorks) {
  for (const Journal journal : {Journal::write_ahead, Journal::rollback}) {
    std::filesystem::remove(file());
    {
      SqliteStore store(file(), OpenMode::read_write, {.busy_timeout = patience, .journal = journal});
      store.create(run_row("a"), {.file = "f", .text = "t", .files = {}}, chain(50));
      Snapshot large{.file = "f", .text = std::string(600'000, 'x'), .files = {}};
      const Error error = error_of([&] { store.create(run_row("b"), large, chain(1)); });
      EXPECT_EQ(error.kind(), ErrorKind::internal);
      EXPECT_THAT(error.what(), HasSubstr(file().string()));
      EXPECT_THAT(error.remedy(), HasSubstr("nothing was half-written"));
      EXPECT_THAT(store.runs({}), SizeIs(1));
      store.apply("a", node_change(3, skipped, "", 0), at(1));
    }
    const auto found = look();
    EXPECT_TRUE(found.sound()) << all(found);
  }
}

TEST_F(SmallDisk, Scenario13NoRoomForABackupLeavesNothingOfIt) {
  {
    SqliteStore(file(), OpenMode::read_write)
        .create(run_row("a"), {.file = "f", .text = std::string(150'000, 'x'), .files = {}}, chain(50));
  }
  const auto before = files();
  auto db = open_for_reading(file(), patience);
  const Error error = error_of([&] { back_up(*db, backup_name(file(), at(0)), false); });
  EXPECT_THAT(error.what(), HasSubstr("catena.db.2023"));
  EXPECT_THAT(error.remedy(), HasSubstr("make room"));
  db.reset();
  EXPECT_EQ(files(), before);
}

TEST_F(SmallDisk, Scenario13AReadOnlyFileSystemIsNamedAndCanBeRead) {
  create_run();
  ASSERT_EQ(mount("catena", file().parent_path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=400k"), 0);
  EXPECT_EQ(SqliteStore(file(), OpenMode::read_only).load("a").nodes.size(), 10U);
  EXPECT_TRUE(look().sound());
  const Error error = error_of([&] { SqliteStore(file(), OpenMode::read_write); });
  EXPECT_EQ(error.kind(), ErrorKind::internal);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(file().string()), HasSubstr("cannot be written")));
  EXPECT_THAT(error.remedy(), HasSubstr("CATENA_HOME"));
}

TEST_F(Integrity, Scenario14AnEmptyFileIsSoundAndIsFilled) {
  write_file(file(), "");
  EXPECT_TRUE(look().sound());
  EXPECT_TRUE(mend().done.empty());
  create_run();
  EXPECT_TRUE(look().sound());
}

// The schema is made in one transaction: killed at any moment in it, the next call makes it.
TEST_F(Integrity, Scenario14AStoreWhoseCreatorIsKilledAtAnyMomentIsCreatedAgain) {
  std::mt19937 random(20261121);
  for (int round = 0; round < 25; ++round) {
    std::filesystem::remove_all(file().parent_path());
    const pid_t child = fork();
    if (child == 0) {
      try {
        SqliteStore(file(), OpenMode::read_write);
      } catch (const std::exception&) {
      }
      pause();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(!std::filesystem::exists(file()) || look().sound()) << round;
    create_run();
    const auto found = look();
    EXPECT_TRUE(found.sound()) << round << ": " << all(found);
  }
}

TEST_F(Integrity, Scenario14AWriterKilledAtAnyMomentLeavesASoundStore) {
  std::mt19937 random(5);
  for (int round = 0; round < 30; ++round) {
    const Journal journal = round % 2 == 0 ? Journal::write_ahead : Journal::rollback;
    const pid_t child = fork();
    if (child == 0) {
      try {
        SqliteStore store(file(), OpenMode::read_write, {.busy_timeout = patience, .journal = journal});
        for (int i = 0;; ++i) {
          const auto id = std::to_string(round) + "-" + std::to_string(i);
          store.create(run_row(id), {.file = "f", .text = "t", .files = {}}, chain(60));
          Changes changes = node_change(0, running);
          changes.attempts.push_back(attempt_of(0, "token" + id));
          changes.events.emplace_back().kind = "note";
          store.apply(id, changes, at(1));
          store.acquire(id, {.host = "h", .boot_id = "b"}, is_dead);
        }
      } catch (const std::exception& error) {
        std::fprintf(stderr, "writer: %s\n", error.what());
      }
      _exit(1);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(3000 + random() % 30000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    if (!std::filesystem::exists(file())) continue;
    const auto found = look();
    EXPECT_TRUE(found.sound()) << round << ": " << all(found);
  }
  EXPECT_GT(look().runs, 10);
}

}  // namespace
}  // namespace catena
