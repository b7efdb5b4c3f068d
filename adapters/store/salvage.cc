#include "adapters/store/salvage.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "adapters/store/backup.h"
#include "adapters/store/migrations.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;

// A table and the integer that its rows lie in order of: of the whole table, or of one run's rows.
struct Table {
  std::string_view name, key;
  bool of_run;
};

// Copies rows from both ends until a page cannot be read, then looks for more between.
class Copier {
 public:
  Copier(Database& from, Database& to, const Table& table, std::int64_t run)
      : from_(from), to_(to), run_(run) {
    std::string names, places;
    Statement q = to_.prepare(fmt::format("SELECT name FROM pragma_table_info('{}')", table.name));
    for (; q.step(); ++columns_) {
      names += fmt::format("{}{}", columns_ == 0 ? "" : ", ", q.view(0));
      places += columns_ == 0 ? "?" : ", ?";
    }
    insert_ = fmt::format("INSERT OR IGNORE INTO {} ({}) VALUES ({})", table.name, names, places);
    select_ = fmt::format("SELECT {}, {} FROM {} NOT INDEXED WHERE {} >= ?1 AND {} <= ?2{}", names, table.key,
                          table.name, table.key, table.key, table.of_run ? " AND run = ?3" : "");
    order_ = table.key;
    of_run_ = table.of_run;
  }

  // False: something between could not be read.
  bool copy() {
    constexpr auto last = std::numeric_limits<std::int64_t>::max() / 2;
    const bool whole = copy(0, last);
    return whole && !refused_;
  }

 private:
  bool copy(std::int64_t low, std::int64_t high) {
    if (low > high || --budget_ < 0) return low > high;
    const auto up = walk(low, high, "ASC");
    if (!up) return true;
    const auto down = walk(std::max(low, *up), high, "DESC");
    if (!down) return true;
    const auto from = std::max(low, *up + 1), to = std::min(high, *down - 1);
    if (from < to || (from == to && low < high)) {
      const auto middle = from + (to - from + 1) / 2;
      copy(middle, to);
      copy(from, middle - 1);
    }
    return false;
  }
  // The last key that was read before trouble; nullopt: it came to the end.
  std::optional<std::int64_t> walk(std::int64_t low, std::int64_t high, const char* direction) {
    std::int64_t at = direction[0] == 'A' ? low - 1 : high + 1;
    try {
      Statement q = from_.prepare(fmt::format("{} ORDER BY {} {}", select_, order_, direction));
      of_run_ ? q.bind(low, high, run_) : q.bind(low, high);
      while (q.step()) {
        at = q.integer(columns_);
        try {
          to_.prepare(insert_).run_with(q, columns_);
        } catch (const Error&) {
          refused_ = true;
        }
      }
      return std::nullopt;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::conflict) throw;
      return at;
    }
  }

  Database &from_, &to_;
  std::int64_t run_;
  std::string insert_, select_;
  std::string order_;
  bool of_run_ = false;
  bool refused_ = false;  // a row that the schema does not allow
  int columns_ = 0;
  int budget_ = 2000;
};

class Salvage {
 public:
  Salvage(Database& from, Database& to) : from_(from), to_(to) {}

  void rows() {
    for (const Table& table : {Table{"runs", "key", false}, Table{"snapshots", "rowid", false}}) {
      if (!Copier(from_, to_, table, 0).copy()) lost_.emplace_back(table.name);
    }
    // A file of an earlier version has none.
    if (from_.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'hook_cursors'") == 1 &&
        !Copier(from_, to_, {"hook_cursors", "run", false}, 0).copy())
      lost_.emplace_back("hook_cursors");
    if (to_.integer("SELECT count(*) FROM runs") == 0) {
      throw Error(
          ErrorKind::internal, fmt::format("{}: no run can be read from it", from_.file().string()),
          "move it away, then put a backup in its place, or take runs in again with `catena adopt DIR`");
    }
    std::vector<std::int64_t> runs;
    for (Statement q = to_.prepare("SELECT key FROM runs ORDER BY key"); q.step();)
      runs.push_back(q.integer(0));
    for (const Table& table :
         {Table{"nodes", "idx", true}, Table{"edges", "child", true}, Table{"attempts", "node", true},
          Table{"events", "id", true}, Table{"results", "node", true}}) {
      bool whole = true;
      for (const auto run : runs) whole = Copier(from_, to_, table, run).copy() && whole;
      if (!whole) lost_.emplace_back(table.name);
    }
    lost_runs();
  }

  // What is only useful whole is left out; returns what was done and what is lost.
  std::vector<std::string> tidy() {
    leave_out();
    drop_strangers();
    recount(to_);
    said_.insert(
        said_.begin(),
        fmt::format("{} runs with {} nodes, {} attempts and {} events are copied to a new file",
                    to_.integer("SELECT count(*) FROM runs"), to_.integer("SELECT count(*) FROM nodes"),
                    to_.integer("SELECT count(*) FROM attempts"),
                    to_.integer("SELECT count(*) FROM events")));
    if (!lost_.empty())
      said_.push_back(fmt::format("some rows could not be read: of {}", fmt::join(lost_, ", ")));
    said_.emplace_back("all leases are forgotten");
    return std::move(said_);
  }

 private:
  // Runs whose own row is gone, as far as their nodes speak of them.
  void lost_runs() {
    try {
      Statement q = from_.prepare("SELECT DISTINCT run FROM nodes");
      std::size_t count = 0;
      while (q.step()) {
        Statement known = to_.prepare("SELECT 1 FROM runs WHERE key = ?");
        if (!known.bind(q.integer(0)).step()) ++count;
      }
      if (count > 0) {
        said_.push_back(
            fmt::format("{} runs are lost whole; `catena adopt DIR` takes them in again from their "
                        "directories",
                        count));
      }
    } catch (const Error&) {
      lost_.emplace_back("nodes");
    }
  }

  // With a node or its current attempt missing, a job could be submitted again.
  void leave_out() {
    Statement q = to_.prepare(R"(
        SELECT id, name, directory, site, key FROM runs WHERE
          (SELECT count(*) FROM snapshots WHERE run = key AND kind = 'workflow') <> 1
          OR (SELECT count(*) <> coalesce(max(idx), 0) + 1 FROM nodes WHERE run = key)
          OR EXISTS (SELECT 1 FROM edges WHERE run = key
                     AND (NOT EXISTS (SELECT 1 FROM nodes WHERE run = key AND idx = child)
                          OR NOT EXISTS (SELECT 1 FROM nodes WHERE run = key AND idx = parent)))
          OR EXISTS (SELECT 1 FROM nodes AS n WHERE n.run = key AND n.attempts <>
                     (SELECT coalesce(max(number), 0) FROM attempts WHERE run = key AND node = n.idx)))");
    std::vector<std::int64_t> keys;
    while (q.step()) {
      said_.push_back(
          fmt::format("run {} of {} is left out: a part of it cannot be read; `catena adopt {} --site {}` "
                      "takes it in again",
                      q.view(0), q.view(1), q.view(2), q.view(3)));
      keys.push_back(q.integer(4));
    }
    for (const auto key : keys) to_.prepare("DELETE FROM runs WHERE key = ?").run(key);
  }

  void drop_strangers() {
    to_.execute("DELETE FROM snapshots WHERE run NOT IN (SELECT key FROM runs)");
    to_.execute(
        "DELETE FROM results WHERE NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.run = results.run AND "
        "a.node = "
        "results.node AND a.number = results.attempt)");
  }

  Database &from_, &to_;
  std::vector<std::string> said_, lost_;
};

}  // namespace

void recount(Database& db) {
  db.execute(
      "DELETE FROM run_counts; "
      "INSERT INTO run_counts (run, state, nodes) SELECT run, state, count(*) FROM nodes GROUP BY run, "
      "state");
}

std::vector<std::string> salvage(const fs::path& file, std::chrono::milliseconds busy_timeout) {
  Database from(file.string(), SQLITE_OPEN_READWRITE, file, busy_timeout);
  // Nobody may write to the file from here on: it would be lost with it. Without a write-ahead log there is
  // nothing beside the file whose name the new one would inherit. Who waits for the lock is refused by SQLite
  // when it finds the file moved.
  from.text("PRAGMA journal_mode = DELETE");
  from.execute("BEGIN EXCLUSIVE");
  if (from.text("PRAGMA journal_mode") != "delete") {
    throw Error(ErrorKind::conflict, fmt::format("{}: another process uses it", file.string()),
                "end every other catena of yours on all hosts, then try again");
  }
  std::vector<std::string> said;
  const auto mode = fs::status(file).permissions();
  replace_whole(file, true, [&](const fs::path& part) {
    Database to(part.string(), SQLITE_OPEN_READWRITE, file, busy_timeout);
    to.execute("PRAGMA foreign_keys = OFF");  // until all tables are there
    migrate(to);
    to.execute("PRAGMA synchronous = OFF");  // the whole file is synced before it takes the old one's place
    to.execute("BEGIN");
    Salvage work(from, to);
    work.rows();
    to.execute("COMMIT");
    to.execute("PRAGMA foreign_keys = ON");
    said = work.tidy();
    fs::permissions(part, mode);
  });
  return said;
}

}  // namespace catena
