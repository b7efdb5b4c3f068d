#include "adapters/store/examine.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>

#include "adapters/store/migrations.h"
#include "core/error.h"

namespace catena {
namespace {

using Level = Finding::Level;

constexpr const char* repair = "`catena db repair` mends it";
constexpr const char* keep_still =
    "keep a backup (`catena db backup`); what is true of these jobs is known to the scheduler alone: look "
    "there, and report this with the output of `catena db check`";
constexpr const char* adopt =
    "`catena db repair` leaves such a run out of the store; `catena adopt DIR` takes it in again from its "
    "directory";

// What holds for the rows of every store: a query whose rows are sentences about what does not.
struct Rule {
  const char* sql;
  const char* remedy;
  Level level = Level::problem;
};

// "attempts.state" may be at the scheduler
#define CATENA_OUT "(a.state = 'intended' OR a.state = 'staged' OR a.state = 'submitted')"
#define CATENA_AT_SCHEDULER \
  "(n.state = 'held' OR n.state = 'queued' OR n.state = 'running' OR n.state = 'unknown')"
#define CATENA_NODE "'run ' || r.id || ', node ' || n.name || ': '"

constexpr auto rules = std::to_array<Rule>({
    {R"(SELECT 'run ' || r.id || ': ' || sum(counted) || ' nodes are counted as ' || t.state || ', and there are '
               || sum(there)
        FROM (SELECT run, state, nodes AS counted, 0 AS there FROM run_counts
              UNION ALL SELECT run, state, 0, count(*) FROM nodes GROUP BY run, state) AS t
        JOIN runs AS r ON r.key = t.run GROUP BY t.run, t.state HAVING sum(counted) <> sum(there))",
     repair},
    {"SELECT " CATENA_NODE " || count(*) || ' attempts may be at the scheduler at a time' FROM attempts AS a "
     "JOIN nodes AS n ON n.run = a.run AND n.idx = a.node JOIN runs AS r ON r.key = a.run "
     "WHERE " CATENA_OUT " GROUP BY a.run, a.node HAVING count(*) > 1",
     keep_still},
    {"SELECT " CATENA_NODE
     " || 'attempt ' || a.number || ' may be at the scheduler, and is not the last one' "
     "FROM attempts AS a JOIN nodes AS n ON n.run = a.run AND n.idx = a.node JOIN runs AS r ON r.key = a.run "
     "WHERE " CATENA_OUT " AND a.number < n.attempts",
     keep_still},
    {"SELECT " CATENA_NODE
     " || n.attempts || ' attempts were made, and ' || count(a.number) || ' are recorded' "
     "FROM nodes AS n JOIN runs AS r ON r.key = n.run "
     "LEFT JOIN attempts AS a ON a.run = n.run AND a.node = n.idx "
     "GROUP BY n.run, n.idx HAVING n.attempts <> count(a.number) OR n.attempts <> coalesce(max(a.number), 0)",
     adopt},
    {"SELECT " CATENA_NODE " || 'it is ' || n.state || ', and no attempt of it is at the scheduler' "
     "FROM nodes AS n JOIN runs AS r ON r.key = n.run WHERE " CATENA_AT_SCHEDULER
     " AND NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.run = n.run AND a.node = n.idx AND " CATENA_OUT
     ")",
     keep_still},
    {"SELECT " CATENA_NODE " || 'it is ' || n.state || ', and attempt ' || a.number || ' is ' || a.state "
     "FROM nodes AS n JOIN runs AS r ON r.key = n.run "
     "JOIN attempts AS a ON a.run = n.run AND a.node = n.idx WHERE " CATENA_OUT
     " AND n.state IN ('completed', 'failed', 'timeout', 'skipped', 'cancelled')",
     keep_still},
    {"SELECT 'token ' || token || ': ' || count(*) || ' attempts have it' FROM attempts NOT INDEXED "
     "GROUP BY token HAVING count(*) > 1",
     keep_still},
    {"SELECT 'run ' || r.id || ': ' || count(*) || ' attempts that may be at the scheduler are all job ' || "
     "a.native_id "
     "FROM attempts AS a JOIN runs AS r ON r.key = a.run WHERE a.native_id IS NOT NULL AND " CATENA_OUT
     " GROUP BY a.run, a.native_id HAVING count(*) > 1",
     keep_still},
    {R"(SELECT CASE WHEN typeof(state) = 'text' THEN what || ': "' || state || '" is no state' ELSE what || ': no state' END
        FROM (SELECT 'run ' || id AS what, state, 'pending running paused completed failed cancelled recovering' AS legal
              FROM runs
              UNION ALL
              SELECT 'run ' || r.id || ', node ' || n.name, n.state,
                     'pending held queued running completed failed timeout retrying skipped cancelled unknown'
              FROM nodes AS n JOIN runs AS r ON r.key = n.run
              UNION ALL
              SELECT 'attempt ' || token, state, 'intended staged submitted ended dropped' FROM attempts)
        WHERE state IS NULL OR instr(' ' || legal || ' ', ' ' || state || ' ') = 0)",
     keep_still},
    {R"(SELECT 'run ' || id || ': it is ' || state || ', and ' || (SELECT count(*) FROM nodes WHERE run = key
               AND state NOT IN ('completed', 'failed', 'timeout', 'skipped', 'cancelled')) || ' of its nodes have not ended'
        FROM runs WHERE state IN ('completed', 'failed', 'cancelled') AND EXISTS (SELECT 1 FROM nodes WHERE run = key
               AND state NOT IN ('completed', 'failed', 'timeout', 'skipped', 'cancelled')))",
     keep_still},
    {R"(SELECT 'run ' || r.id || ': ' || count(n.idx) || ' of its ' || (coalesce(max(n.idx), 0) + 1) || ' nodes are recorded'
        FROM runs AS r LEFT JOIN nodes AS n ON n.run = r.key GROUP BY r.key HAVING count(n.idx) <> coalesce(max(n.idx), 0) + 1)",
     adopt},
    {R"(SELECT 'run ' || r.id || ': ' || count(*) || ' edges lead to nodes that are not recorded'
        FROM edges AS e JOIN runs AS r ON r.key = e.run
        WHERE NOT EXISTS (SELECT 1 FROM nodes WHERE run = e.run AND idx = e.child)
           OR NOT EXISTS (SELECT 1 FROM nodes WHERE run = e.run AND idx = e.parent) GROUP BY e.run)",
     adopt},
    {R"(SELECT 'run ' || id || ': its workflow is not recorded' FROM runs
        WHERE (SELECT count(*) FROM snapshots WHERE run = key AND kind = 'workflow') <> 1)",
     adopt},
    {R"(SELECT 'run ' || r.id || ', node ' || s.node || ': a result of attempt ' || s.attempt || ', which is not recorded'
        FROM results AS s JOIN runs AS r ON r.key = s.run
        WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE run = s.run AND node = s.node AND number = s.attempt))",
     keep_still},
    {R"(SELECT 'run ' || r.id || ': ' || (max(e.id) - count(*)) || ' of its events are lost'
        FROM events AS e JOIN runs AS r ON r.key = e.run GROUP BY e.run HAVING max(e.id) <> count(*))",
     "events tell what happened; nothing is decided by them", Level::note},
});

#undef CATENA_NODE
#undef CATENA_AT_SCHEDULER
#undef CATENA_OUT

class Examiner {
 public:
  Examiner(Database& db, Examination& found) : db_(db), found_(found) {}

  void structure() {
    guarded([&] {
      Statement q = db_.prepare("PRAGMA integrity_check");
      while (q.step()) {
        const std::string_view line = q.view(0);
        if (line == "ok") continue;
        // Of one page that is broken, SQLite may say a hundred lines.
        const bool of_index = line.find("from index") != line.npos || line.find("in index") != line.npos;
        const bool of_value = line.find("constraint failed") != line.npos ||
                              line.find("value in") != line.npos || line.find("NULL value") != line.npos;
        found_.indexes_differ = found_.indexes_differ || of_index;
        found_.damaged = found_.damaged || (!of_index && !of_value);
        add(Level::problem, fmt::format("SQLite: {}", line), of_value ? keep_still : repair);
      }
    });
    guarded([&] {
      std::map<std::pair<std::string, std::string>, int> orphans;
      Statement q = db_.prepare("PRAGMA foreign_key_check");
      while (q.step()) ++orphans[{q.text(0), q.text(2)}];
      for (const auto& [tables, count] : orphans) {
        add(Level::problem,
            fmt::format("{} rows of {} belong to no row of {}", count, tables.first, tables.second),
            keep_still);
      }
    });
  }

  // The schema's own words are the same in every store of one version.
  void schema() {
    guarded([&] {
      Database fresh(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, db_.file(), db_.busy_timeout());
      migrate(fresh);
      Statement q = fresh.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
      while (q.step()) {
        Statement mine = db_.prepare("SELECT sql FROM sqlite_schema WHERE type = ? AND name = ?");
        const bool there = mine.bind(q.view(0), q.view(1)).step();
        if (there && mine.view(0) == q.view(2)) continue;
        const bool mendable = !there && q.view(0) != "table";
        if (mendable) found_.missing_schema.push_back(q.text(2));
        add(Level::problem,
            fmt::format("{} {} {}", q.view(0), q.view(1), there ? "was changed" : "is missing"),
            mendable ? repair : keep_still);
      }
    });
  }

  void rows() {
    guarded([&] {
      found_.runs = db_.integer("SELECT count(*) FROM runs");
      found_.nodes = db_.integer("SELECT count(*) FROM nodes");
      found_.attempts = db_.integer("SELECT count(*) FROM attempts");
    });
    for (const auto& rule : rules) {
      guarded([&] {
        constexpr std::size_t shown = 5;
        std::size_t count = 0;
        Statement q = db_.prepare(rule.sql);
        while (q.step()) {
          if (++count <= shown) add(rule.level, q.text(0), rule.remedy);
        }
        if (count > shown)
          add(rule.level, fmt::format("… and {} more like that", count - shown), rule.remedy);
      });
    }
  }

  void leases(const std::function<bool(const Lease&)>& is_alive) {
    guarded([&] {
      Statement q = db_.prepare(
          "SELECT host, boot_id, pid, pid_start, since, id FROM leases JOIN runs ON key = run ORDER BY run");
      while (q.step()) {
        const Lease lease{.host = q.text(0),
                          .boot_id = q.text(1),
                          .pid = q.integer(2),
                          .pid_start = q.integer(3),
                          .since = q.time(4)};
        if (is_alive(lease)) continue;
        found_.dead.push_back(lease);
        add(Level::note,
            fmt::format("run {}: the process that drove it is gone: {} on {}", q.view(5), lease.pid,
                        lease.host),
            "the next call takes over; `catena db repair` forgets it now");
      }
    });
  }

  void file() {
    struct stat status {};
    if (::stat(db_.file().c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
      add(Level::note,
          fmt::format("{} is open to others: mode {:o}", db_.file().string(), status.st_mode & 0777),
          fmt::format("chmod 600 {}", db_.file().string()));
    }
  }

 private:
  // What cannot be read is a finding, and no reason not to look at the rest.
  template <typename Look>
  void guarded(Look&& look) {
    try {
      look();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::conflict) throw;
      found_.damaged = true;
      add(Level::problem, error.what(), error.remedy());
    }
  }
  void add(Level level, std::string text, std::string remedy) {
    const bool known =
        std::ranges::any_of(found_.findings, [&](const Finding& it) { return it.text == text; });
    if (!known) found_.findings.push_back({level, std::move(text), std::move(remedy)});
  }

  Database& db_;
  Examination& found_;
};

}  // namespace

bool Examination::sound() const {
  return std::ranges::none_of(findings, [](const Finding& it) { return it.level == Level::problem; });
}

Examination examine(Database& db, const std::function<bool(const Lease&)>& is_alive) {
  Transaction transaction(db, Transaction::read);
  return examine_in(db, is_alive);
}

Examination examine_in(Database& db, const std::function<bool(const Lease&)>& is_alive) {
  Examination found;
  Examiner examiner(db, found);
  examiner.structure();
  examiner.schema();
  examiner.rows();
  examiner.leases(is_alive);
  examiner.file();
  return found;
}

}  // namespace catena
