// The store's file: made, opened, broken, full, locked, shared, and left behind by a process that was killed.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "adapters/store/sqlite_store.h"
#include "unit/store_support.h"

namespace catena {
namespace {

using testing::HasSubstr;
using enum NodeState;

int mode_of(const std::filesystem::path& path) {
  return static_cast<int>(std::filesystem::status(path).permissions() & std::filesystem::perms::all);
}

Changes event(const std::string& text) {
  Changes changes;
  changes.events.emplace_back().text = text;
  changes.events.back().kind = "note";
  return changes;
}

class StoreFileTest : public StoreTest {
 protected:
  SqliteStore open(std::chrono::milliseconds busy_timeout = std::chrono::seconds(30),
                   std::optional<Journal> journal = {}) {
    return SqliteStore(file(), OpenMode::read_write, {.busy_timeout = busy_timeout, .journal = journal});
  }
  SqliteStore open_read_only() { return SqliteStore(file(), OpenMode::read_only); }
  void create_run(const std::string& id = "a", NodeIndex size = 3) {
    open().create(run_row(id), {}, chain(size));
  }
};

TEST_F(StoreFileTest, FilesAndDirectoriesArePrivateWhateverTheUmask) {
  const int status = in_child([&] {
    umask(0);
    SqliteStore store = open();
    store.create(run_row("a"), {}, chain(1));
    const bool log_is_private =
        mode_of(file().string() + "-wal") == 0600 && mode_of(file().string() + "-shm") == 0600;
    return log_is_private ? 0 : 1;
  });
  EXPECT_TRUE(exited(status, 0)) << "beside the database lies a file that others can read";
  EXPECT_EQ(mode_of(file()), 0600);
  EXPECT_EQ(mode_of(file().parent_path()), 0700);
}

TEST_F(StoreFileTest, AnExistingFileKeepsItsMode) {
  create_run();
  std::filesystem::permissions(file(), std::filesystem::perms(0640));
  open();
  EXPECT_EQ(mode_of(file()), 0640);
}

TEST_F(StoreFileTest, TheJournalIsTheOneThatWasAskedFor) {
  const auto journal = [&] {
    return Database(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1))
        .text("PRAGMA journal_mode");
  };
  create_run();
  EXPECT_EQ(journal(), "wal");  // the machine's own disk
  open(std::chrono::seconds(1), Journal::rollback);
  EXPECT_NE(journal(), "wal");  // as after a move to a shared file system
  EXPECT_EQ(open_read_only().load("a").nodes.size(), 3U);
  open(std::chrono::seconds(1), Journal::write_ahead);
  EXPECT_EQ(journal(), "wal");
}

TEST_F(StoreFileTest, AJournalThatCannotBeSwitchedIsAConflict) {
  create_run();
  SqliteStore other = open();
  const Error error = error_of([&] { open(std::chrono::milliseconds(20), Journal::rollback); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict);
  EXPECT_THAT(error.what(), HasSubstr(file().string()));
}

TEST_F(StoreFileTest, ReadingAMissingStoreCreatesNothing) {
  SqliteStore store = open_read_only();
  EXPECT_TRUE(store.runs({}).empty());
  EXPECT_EQ(error_of([&] { store.load("a"); }).kind(), ErrorKind::not_found);
  EXPECT_THROW(store.create(run_row("a"), {}, chain(1)), Error);
  EXPECT_FALSE(std::filesystem::exists(file().parent_path()));
}

TEST_F(StoreFileTest, AReaderChangesNothingAndLeavesNothingBehind) {
  create_run();
  {
    SqliteStore store = open_read_only();
    EXPECT_EQ(store.runs({}).size(), 1U);
    EXPECT_THROW(store.apply("a", node_change(0, held), at(1)), Error);
    EXPECT_THROW(store.acquire("a", {}, {}), Error);
  }
  EXPECT_EQ(open_read_only().load("a").nodes[0].state, pending);
  EXPECT_FALSE(std::filesystem::exists(file().string() + "-wal"));
}

TEST_F(StoreFileTest, AReaderSeesWhatAWriterCommitsMeanwhile) {
  SqliteStore writer = open();
  writer.create(run_row("a"), {}, chain(3));
  SqliteStore reader = open_read_only();
  EXPECT_EQ(reader.load("a").nodes[0].state, pending);
  writer.apply("a", node_change(0, held), at(1));
  EXPECT_EQ(reader.load("a").nodes[0].state, held);
}

TEST_F(StoreFileTest, AnEmptyFileIsAnEmptyStore) {
  write_file(file(), "");
  EXPECT_TRUE(open_read_only().runs({}).empty());
  EXPECT_EQ(std::filesystem::file_size(file()), 0U);
  create_run();
  EXPECT_EQ(open_read_only().runs({}).size(), 1U);
}

TEST_F(StoreFileTest, AFileWhoseCreatorWasKilledIsCreatedAgain) {
  for (const std::string journal : {"wal", "truncate"}) {
    std::filesystem::remove_all(file().parent_path());
    std::filesystem::create_directories(file().parent_path());
    const int status = in_child([&] {
      Database db(file().string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, file(),
                  std::chrono::seconds(1));
      db.text("PRAGMA journal_mode = " + journal);
      db.execute("PRAGMA cache_size = 1");  // half of it reaches the disk
      db.execute("BEGIN IMMEDIATE");
      db.execute("CREATE TABLE runs (key INTEGER PRIMARY KEY) STRICT; CREATE TABLE x (y)");
      db.execute(
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) "
          "INSERT INTO x SELECT zeroblob(1000) FROM n");
      return raise(SIGKILL);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_TRUE(open_read_only().runs({}).empty()) << journal;
    create_run();
    EXPECT_EQ(open_read_only().load("a").nodes.size(), 3U) << journal;
  }
}

TEST_F(StoreFileTest, AWriterKilledInATransactionLeavesTheLastCommittedState) {
  for (const Journal journal : {Journal::write_ahead, Journal::rollback}) {
    std::filesystem::remove_all(file().parent_path());
    open(std::chrono::seconds(30), journal).create(run_row("a"), {}, chain(5000));
    const int status = in_child([&] {
      Database db(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
      db.execute("PRAGMA cache_size = 1");
      db.execute("BEGIN IMMEDIATE; UPDATE nodes SET state = 'held', reason = printf('%.200c', 'x')");
      return raise(SIGKILL);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    // A reader comes first: it has to be able to roll back what the dead writer left.
    const RunRecord record = open_read_only().load("a");
    EXPECT_EQ(record.nodes.size(), 5000U);
    EXPECT_EQ(record.nodes[17].state, pending);
    EXPECT_EQ(record.run.counts, (std::map<NodeState, std::uint64_t>{{pending, 5000}}));
    open(std::chrono::seconds(30), journal).apply("a", node_change(17, held), at(1));
    EXPECT_EQ(open_read_only().load("a").nodes[17].state, held);
  }
}

TEST_F(StoreFileTest, WhatWasAnsweredBeforeAKillIsThere) {
  for (const Journal journal : {Journal::write_ahead, Journal::rollback}) {
    std::filesystem::remove_all(file().parent_path());
    create_run("a", 500);
    for (int round = 0; round < 4; ++round) {
      int answers[2];
      ASSERT_EQ(pipe(answers), 0);
      const pid_t child = fork();
      if (child == 0) {
        SqliteStore store = open(std::chrono::seconds(30), journal);
        for (char number = 0; number < 100; ++number) {
          Changes changes = event(std::to_string(round) + "/" + std::to_string(number));
          changes.nodes.push_back(
              {static_cast<NodeIndex>(round * 100 + number), {.state = held, .attempts = 1, .reason = {}}});
          store.apply("a", changes, at(1));
          if (write(answers[1], &number, 1) != 1) {
            break;
          }
        }
        pause();
      }
      close(answers[1]);
      char last = 0;
      for (int i = 0; i < 10 + round * 7; ++i) {
        ASSERT_EQ(read(answers[0], &last, 1), 1);
      }
      kill(child, SIGKILL);  // wherever it is by now
      waitpid(child, nullptr, 0);
      while (read(answers[0], &last, 1) == 1) {
      }
      close(answers[0]);
      SqliteStore store = open_read_only();
      const auto events = store.events("a", 0, no_node);
      const std::string text = std::to_string(round) + "/" + std::to_string(last);
      EXPECT_TRUE(std::ranges::any_of(events, [&](const Event& it) { return it.text == text; })) << text;
      const RunRecord record = store.load("a");
      const auto is_held = std::ranges::count(record.nodes, held, &NodeRow::state);
      EXPECT_EQ(is_held, static_cast<std::ptrdiff_t>(events.size()));  // both or neither
      EXPECT_EQ(record.run.counts.at(held), static_cast<std::uint64_t>(is_held));
    }
  }
}

TEST_F(StoreFileTest, ProcessesThatStartTogetherLoseNothing) {
  for (const Journal journal : {Journal::write_ahead, Journal::rollback}) {
    std::filesystem::remove_all(file().parent_path());
    constexpr int writers = 6, each = 40;
    int gate[2];
    ASSERT_EQ(pipe(gate), 0);
    std::vector<pid_t> children;
    for (int writer = 0; writer < writers; ++writer) {
      const pid_t child = fork();
      if (child == 0) {
        close(gate[1]);
        char none = 0;
        if (read(gate[0], &none, 1) != 0) {  // all go when the parent closes its end
          _exit(1);
        }
        int code = 0;
        try {
          SqliteStore store = open(std::chrono::seconds(60), journal);  // the file does not exist yet
          const std::string mine = "run" + std::to_string(writer);
          store.create(run_row(mine), {}, chain(each));
          try {
            store.create(run_row("shared"), {}, chain(1));
          } catch (const Error& error) {
            code = error.kind() == ErrorKind::conflict ? 0 : 2;
          }
          for (NodeIndex i = 0; i < each; ++i) {
            store.apply(mine, node_change(i, completed), at(i));
            store.apply("shared", event(mine), at(i));
          }
        } catch (const std::exception& error) {
          std::fprintf(stderr, "writer %d: %s\n", writer, error.what());
          code = 3;
        }
        _exit(code);
      }
      children.push_back(child);
    }
    close(gate[0]);
    close(gate[1]);
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      EXPECT_TRUE(exited(status, 0));
    }
    SqliteStore store = open_read_only();
    EXPECT_EQ(store.runs({}).size(), writers + 1U);
    for (int writer = 0; writer < writers; ++writer) {
      EXPECT_EQ(store.load("run" + std::to_string(writer)).run.counts,
                (std::map<NodeState, std::uint64_t>{{completed, each}}));
    }
    const auto events = store.events("shared", 0, no_node);
    EXPECT_EQ(events.size(), static_cast<std::size_t>(writers * each));
    EXPECT_EQ(events.back().id, writers * each);
  }
}

// Closing any descriptor of a file drops all of the process's locks on it (fcntl(2)).
TEST_F(StoreFileTest, OpeningTheStoreTwiceInOneProcessDropsNoLocks) {
  open(std::chrono::seconds(1), Journal::rollback).create(run_row("a"), {}, chain(3));
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  // Before this process opens the file: a forked SQLite believes what its parent knew of the locks.
  const pid_t child = fork();
  if (child == 0) {
    close(gate[1]);
    char none = 0;
    int code = read(gate[0], &none, 1) == 0 ? 2 : 3;
    try {
      open(std::chrono::milliseconds(1), Journal::rollback).apply("a", event("y"), at(1));
    } catch (const Error& refused) {
      code = refused.kind() == ErrorKind::conflict ? 0 : 1;
    }
    _exit(code);
  }
  close(gate[0]);
  SqliteStore first = open(std::chrono::seconds(1), Journal::rollback);
  first.acquire("a", {.host = "h", .boot_id = "b"}, {});
  first.acquire("a", {}, [&](const Lease&) {  // called with the database locked
    const Error error = error_of(
        [&] { open(std::chrono::milliseconds(1), Journal::rollback).apply("a", event("x"), at(1)); });
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    close(gate[1]);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(exited(status, 0)) << "another process wrote through the lock";
    return true;
  });
}

TEST_F(StoreFileTest, ALockThatIsNotGivenUpIsAConflictThatNamesTheFile) {
  create_run();
  SqliteStore store = open(std::chrono::milliseconds(20));
  Database other(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
  Transaction lock(other, Transaction::write);
  const Error error = error_of([&] { store.apply("a", node_change(0, held), at(1)); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict);
  EXPECT_THAT(error.what(), HasSubstr(file().string()));
  EXPECT_THAT(error.what(), HasSubstr("0.02 s"));
  EXPECT_FALSE(error.remedy().empty());
  EXPECT_EQ(store.load("a").nodes[0].state, pending);  // a write-ahead log lets readers go on
}

TEST_F(StoreFileTest, ANewerStoreIsRefusedAndItsWriterNamed) {
  create_run();
  Database(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1))
      .execute("PRAGMA user_version = 99; INSERT INTO schema_history VALUES (99, '7.5.3', 0)");
  for (const OpenMode mode : {OpenMode::read_write, OpenMode::read_only}) {
    const Error error = error_of([&] { SqliteStore(file(), mode); });
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    EXPECT_THAT(error.what(), HasSubstr("catena 7.5.3 (schema 99)"));
    EXPECT_THAT(error.what(), HasSubstr(file().string()));
  }
}

TEST_F(StoreFileTest, AnotherProgramsDatabaseIsLeftAlone) {
  for (const std::string version : {"0", "1"}) {
    std::filesystem::remove_all(file().parent_path());
    std::filesystem::create_directories(file().parent_path());
    Database(file().string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, file(), std::chrono::seconds(1))
        .execute("CREATE TABLE bookmarks (url); PRAGMA user_version = " + version);
    for (const OpenMode mode : {OpenMode::read_write, OpenMode::read_only}) {
      const Error error = error_of([&] { SqliteStore(file(), mode); });
      EXPECT_THAT(error.what(), HasSubstr("another program's"));
    }
    Database db(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
    EXPECT_EQ(db.integer("SELECT count(*) FROM sqlite_schema"), 1);
  }
}

TEST_F(StoreFileTest, AFileThatIsNoDatabaseIsNamedWithARemedy) {
  const std::string text(5000, 'x');
  write_file(file(), text);
  for (const OpenMode mode : {OpenMode::read_write, OpenMode::read_only}) {
    const Error error = error_of([&] { SqliteStore(file(), mode); });
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), HasSubstr(file().string()));
    EXPECT_THAT(error.remedy(), HasSubstr("not a database"));
  }
  std::ifstream content(file());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(content), {}), text);
}

TEST_F(StoreFileTest, ABrokenFileIsNamedWithARemedy) {
  create_run("a", 3000);
  {
    std::fstream broken(file(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(file()));
    broken.seekp(4096 * 20);
    broken << std::string(static_cast<std::size_t>(size - 4096 * 20), '\xee');
  }
  const Error error = error_of([&] { open_read_only().load("a"); });
  EXPECT_EQ(error.kind(), ErrorKind::internal);
  EXPECT_THAT(error.what(), HasSubstr(file().string()));
  EXPECT_THAT(error.remedy(), HasSubstr("recover"));
}

TEST_F(StoreFileTest, AFullDatabaseSaysSoAndStaysWhole) {
  create_run();
  Database db(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
  db.execute("PRAGMA max_page_count = 1");  // not below what there is: full from now on
  Error error(ErrorKind::usage, "");
  {
    Transaction transaction(db, Transaction::write);
    Statement insert = db.prepare("INSERT INTO snapshots VALUES (1, 'file', ?, ?)");
    error = error_of([&] {
      for (int i = 0; i < 100; ++i) {
        insert.run(std::to_string(i), std::string(4000, 'x'));
      }
    });
  }
  EXPECT_EQ(error.kind(), ErrorKind::internal);
  EXPECT_THAT(error.what(), HasSubstr("full"));
  EXPECT_THAT(error.remedy(), HasSubstr("make room"));
  EXPECT_FALSE(db.in_transaction());
  EXPECT_TRUE(open_read_only().load("a").snapshot.files.empty());
}

TEST_F(StoreFileTest, ADiskThatTakesNoMoreBytesTakesBackTheStepAndTheNextOneWorks) {
  for (const Journal journal : {Journal::write_ahead, Journal::rollback}) {
    std::filesystem::remove_all(file().parent_path());
    open(std::chrono::seconds(30), journal).create(run_row("a"), {}, chain(4000));
    const int status = in_child([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      SqliteStore store = open(std::chrono::seconds(30), journal);
      Changes changes;
      for (NodeIndex node = 0; node < 4000; ++node) {
        changes.nodes.push_back({node, {.state = held, .attempts = 1, .reason = std::string(200, 'x')}});
      }
      rlimit limit{.rlim_cur = 200'000, .rlim_max = RLIM_INFINITY};
      setrlimit(RLIMIT_FSIZE, &limit);
      const std::string name = file().string();
      try {
        store.apply("a", changes, at(1));
        return 1;
      } catch (const Error& error) {
        if (std::string(error.what()).find(name) == std::string::npos || error.remedy().empty()) {
          return 2;
        }
      }
      limit.rlim_cur = RLIM_INFINITY;
      setrlimit(RLIMIT_FSIZE, &limit);
      if (store.load("a").run.counts[pending] != 4000) {
        return 3;
      }
      store.apply("a", changes, at(1));
      return store.load("a").run.counts[held] == 4000 ? 0 : 4;
    });
    EXPECT_TRUE(exited(status, 0)) << "code " << WEXITSTATUS(status);
    EXPECT_EQ(open_read_only().load("a").run.counts.at(held), 4000U);
  }
}

TEST_F(StoreFileTest, ADirectoryThatCannotBeWrittenIsNamedWithARemedy) {
  const int status = in_child([&] {
    std::filesystem::permissions(folder(), std::filesystem::perms(0555));
    become_ordinary_user();
    try {
      open();
    } catch (const Error& error) {
      const bool named = std::string(error.what()).find(folder().string()) != std::string::npos;
      return named && error.remedy().find("CATENA_HOME") != std::string::npos ? 0 : 1;
    }
    return 2;
  });
  EXPECT_TRUE(exited(status, 0));
  std::filesystem::permissions(folder(), std::filesystem::perms(0755));
}

TEST_F(StoreFileTest, AStoreThatCannotBeWrittenCanBeRead) {
  create_run();
  std::filesystem::permissions(file(), std::filesystem::perms(0444));
  std::filesystem::permissions(file().parent_path(), std::filesystem::perms(0555));
  const int status = in_child([&] {
    become_ordinary_user();
    if (open_read_only().load("a").nodes.size() != 3) {
      return 1;
    }
    try {
      open();
    } catch (const Error& error) {
      return std::string(error.what()).find("cannot be written") != std::string::npos ? 0 : 2;
    }
    return 3;
  });
  EXPECT_TRUE(exited(status, 0)) << "code " << WEXITSTATUS(status);
  std::filesystem::permissions(file().parent_path(), std::filesystem::perms(0700));
}

TEST_F(StoreFileTest, AStoreThatCannotBeReadIsAnErrorAndNotEmpty) {
  create_run();
  std::filesystem::permissions(file(), std::filesystem::perms(0));
  std::filesystem::permissions(file().parent_path(), std::filesystem::perms(0755));
  const auto refused = [&] {
    try {
      open_read_only();
    } catch (const Error& error) {
      return error.remedy().find("readable") != std::string::npos ? 0 : 1;
    }
    return 2;
  };
  EXPECT_TRUE(exited(in_child([&] { return become_ordinary_user(), refused(); }), 0));
  std::filesystem::permissions(file().parent_path(), std::filesystem::perms(0700));
  if (geteuid() == 0) {  // the whole directory is another user's
    EXPECT_TRUE(exited(in_child([&] { return become_ordinary_user(), refused(); }), 0));
  }
}

TEST_F(StoreFileTest, APathWithTheSignsOfAnUriIsAPath) {
  const auto strange = folder() / "a b?immutable=1#x%41" / "catena.db";
  SqliteStore(strange, OpenMode::read_write).create(run_row("a"), {}, chain(1));
  EXPECT_TRUE(std::filesystem::exists(strange));
  std::filesystem::permissions(strange, std::filesystem::perms(0444));
  std::filesystem::permissions(strange.parent_path(), std::filesystem::perms(0555));
  const int status = in_child([&] {
    become_ordinary_user();
    return SqliteStore(strange, OpenMode::read_only).runs({}).size() == 1 ? 0 : 1;
  });
  EXPECT_TRUE(exited(status, 0));
  std::filesystem::permissions(strange.parent_path(), std::filesystem::perms(0700));
}

}  // namespace
}  // namespace catena
