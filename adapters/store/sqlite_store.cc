#include "adapters/store/sqlite_store.h"

#include <fmt/format.h>

#include <array>

#include "adapters/store/open.h"
#include "adapters/store/value_json.h"
#include "core/error.h"

namespace catena {
namespace {

AttemptState attempt_state_from(std::string_view text) {
  using enum AttemptState;
  for (const AttemptState state : {intended, staged, submitted, ended}) {
    if (text == to_string(state)) {
      return state;
    }
  }
  return dropped;  // the table holds no other
}

// The columns that read_run takes, in its order.
constexpr std::string_view run_columns =
    "key, id, name, file, site, directory, state, reason, stop_requested, created, updated, observed, "
    "revision, recoveries, most_jobs";

// The columns that read_attempt takes, in its order.
constexpr std::array<std::string_view, 16> attempt_columns = {
    "attempts.node",      "attempts.number",    "attempts.token",       "attempts.state",
    "attempts.native_id", "attempts.intended",  "attempts.submitted",   "attempts.started",
    "attempts.ended",     "attempts.exit_code", "attempts.signal",      "attempts.host",
    "attempts.native",    "attempts.reason",    "attempts.stdout_file", "attempts.stderr_file"};

Attempt read_attempt(const Statement& row) {
  return {.node = static_cast<NodeIndex>(row.integer(0)),
          .number = static_cast<int>(row.integer(1)),
          .token = row.text(2),
          .state = attempt_state_from(row.view(3)),
          .native_id = row.text(4),
          .intended = row.time(5),
          .submitted = row.maybe_time(6),
          .started = row.maybe_time(7),
          .ended = row.maybe_time(8),
          .exit_code = row.maybe_int(9),
          .signal = row.maybe_int(10),
          .host = row.text(11),
          .native = row.text(12),
          .reason = row.text(13),
          .stdout_file = row.text(14),
          .stderr_file = row.text(15)};
}

}  // namespace

SqliteStore::SqliteStore(const std::filesystem::path& file, OpenMode mode, const StoreOptions& options)
    : db_(mode == OpenMode::read_write ? open_for_writing(file, options.journal, options.busy_timeout)
                                       : open_for_reading(file, options.busy_timeout)) {}

std::int64_t SqliteStore::key_of(const std::string& run_id) {
  Statement q = db_->prepare("SELECT key FROM runs WHERE id = ?");
  if (!q.bind(run_id).step()) {
    throw Error(ErrorKind::not_found, fmt::format("no run \"{}\" in {}", run_id, db_->file().string()),
                "`catena list` shows the runs");
  }
  return q.integer(0);
}

void SqliteStore::create(const RunRow& run, const Snapshot& snapshot, const Graph& graph) {
  Transaction transaction(*db_, Transaction::write);
  if (db_->prepare("SELECT 1 FROM runs WHERE id = ?").bind(run.id).step()) {
    throw Error(ErrorKind::conflict,
                fmt::format("a run \"{}\" is recorded already in {}", run.id, db_->file().string()),
                "choose another id, or leave it to catena");
  }
  db_->prepare(R"(
         INSERT INTO runs (id, name, file, site, directory, state, reason, stop_requested, created, updated, observed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))")
      .run(run.id, run.name, run.file, run.site, run.directory, to_string(run.state), or_null(run.reason),
           run.stop_requested, run.created, run.updated, run.observed);
  const std::int64_t key = db_->last_insert_rowid();

  put_snapshot(*db_, key, snapshot);

  put_graph(*db_, key, graph, 0);
  db_->prepare("INSERT INTO run_counts (run, state, nodes) VALUES (?, ?, ?)")
      .run(key, to_string(NodeState::pending), graph.size());
  transaction.commit();
}

RunRow SqliteStore::read_run(const Statement& row) {
  RunRow run{.id = row.text(1),
             .name = row.text(2),
             .file = row.text(3),
             .site = row.text(4),
             .directory = row.text(5),
             .state = run_state_from(row.view(6)).value(),
             .reason = row.text(7),
             .stop_requested = row.integer(8) != 0,
             .created = row.time(9),
             .updated = row.time(10),
             .observed = row.maybe_time(11),
             .counts = {},
             .revision = row.integer(12),
             .recoveries = static_cast<int>(row.integer(13)),
             .most_jobs = static_cast<std::size_t>(row.integer(14))};
  Statement counts = db_->prepare("SELECT state, nodes FROM run_counts WHERE run = ? AND nodes > 0");
  counts.bind(row.integer(0));
  while (counts.step()) {
    run.counts[node_state_from(counts.view(0)).value()] = static_cast<std::uint64_t>(counts.integer(1));
  }
  return run;
}

std::vector<RunRow> SqliteStore::runs(const RunFilter& filter) {
  Transaction transaction(*db_, Transaction::read);
  std::string sql = fmt::format("SELECT {} FROM runs WHERE true", run_columns);
  if (!filter.id_or_name.empty()) {
    const bool is_id = db_->prepare("SELECT 1 FROM runs WHERE id = ?").bind(filter.id_or_name).step();
    sql += is_id ? " AND id = ?1" : " AND name = ?1";
  }
  if (filter.only_active) {
    sql += " AND state NOT IN ('completed', 'failed', 'cancelled')";
  }
  sql += " ORDER BY key DESC";
  if (filter.limit != 0) {
    sql += fmt::format(" LIMIT {}", filter.limit);
  }
  Statement q = db_->prepare(sql);
  if (!filter.id_or_name.empty()) {
    q.bind(filter.id_or_name);
  }
  std::vector<RunRow> found;
  while (q.step()) {
    found.push_back(read_run(q));
  }
  return found;
}

RunRecord SqliteStore::load(const std::string& run_id) {
  Transaction transaction(*db_, Transaction::read);
  const std::int64_t key = key_of(run_id);
  RunRecord record;
  Statement run = db_->prepare(fmt::format("SELECT {} FROM runs WHERE key = ?", run_columns));
  run.bind(key).step();
  record.run = read_run(run);

  Statement file = db_->prepare("SELECT kind, name, content FROM snapshots WHERE run = ?");
  file.bind(key);
  while (file.step()) {
    if (file.view(0) == "workflow") {
      record.snapshot.file = file.text(1);
      record.snapshot.text = file.text(2);
    } else {
      record.snapshot.files[file.text(1)] = file.text(2);
    }
  }

  Statement node = db_->prepare(
      "SELECT state, attempts, failures, reason, fetched, round FROM nodes WHERE run = ? ORDER BY idx");
  node.bind(key);
  while (node.step()) {
    record.nodes.push_back({.state = node_state_from(node.view(0)).value(),
                            .attempts = static_cast<int>(node.integer(1)),
                            .failures = static_cast<int>(node.integer(2)),
                            .reason = node.text(3),
                            .fetched = node.integer(4) != 0,
                            .round = static_cast<int>(node.integer(5))});
  }

  Statement attempt = db_->prepare(fmt::format("SELECT {} FROM attempts WHERE run = ? ORDER BY node, number",
                                               fmt::join(attempt_columns, ", ")));
  attempt.bind(key);
  while (attempt.step()) {
    Attempt next = read_attempt(attempt);
    if (!record.attempts.empty() && record.attempts.back().node == next.node) {
      record.attempts.back() = std::move(next);
    } else {
      record.attempts.push_back(std::move(next));
    }
  }
  return record;
}

std::vector<NodeStatus> SqliteStore::nodes(const std::string& run_id, Which which, std::size_t limit) {
  Transaction transaction(*db_, Transaction::read);
  Statement q = db_->prepare(fmt::format(
      R"(SELECT {}, idx, name, nodes.state, attempts, failures, nodes.reason, fetched, round
         FROM nodes LEFT JOIN attempts ON attempts.run = nodes.run AND node = idx AND number = attempts
         WHERE nodes.run = ?{} ORDER BY idx LIMIT ?)",
      fmt::join(attempt_columns, ", "),
      which == Which::all ? "" : " AND nodes.state NOT IN ('completed', 'held', 'pending')"));
  q.bind(key_of(run_id), limit == 0 ? -1 : static_cast<std::int64_t>(limit));
  std::vector<NodeStatus> found;
  constexpr int after = attempt_columns.size();
  while (q.step()) {
    auto& node = found.emplace_back();
    node.node = static_cast<NodeIndex>(q.integer(after));
    node.name = q.text(after + 1);
    node.row = {.state = node_state_from(q.view(after + 2)).value(),
                .attempts = static_cast<int>(q.integer(after + 3)),
                .failures = static_cast<int>(q.integer(after + 4)),
                .reason = q.text(after + 5),
                .fetched = q.integer(after + 6) != 0,
                .round = static_cast<int>(q.integer(after + 7))};
    if (!q.null(2)) node.attempt = read_attempt(q);
  }
  return found;
}

std::vector<Event> SqliteStore::events(const std::string& run_id, std::int64_t after_id, NodeIndex node) {
  Transaction transaction(*db_, Transaction::read);
  const std::int64_t key = key_of(run_id);
  // Without ANALYZE's statistics SQLite would walk through all events of the run for those of one node.
  Statement q = db_->prepare(
      node == no_node ? "SELECT id, time, node, attempt, kind, from_state, to_state, text FROM events "
                        "WHERE run = ?1 AND id > ?2 ORDER BY id"
                      : "SELECT id, time, node, attempt, kind, from_state, to_state, text FROM events "
                        "INDEXED BY events_by_node WHERE run = ?1 AND id > ?2 AND node = ?3 ORDER BY id");
  node == no_node ? q.bind(key, after_id) : q.bind(key, after_id, node);
  std::vector<Event> found;
  while (q.step()) {
    found.push_back({.id = q.integer(0),
                     .time = q.time(1),
                     .node = q.null(2) ? no_node : static_cast<NodeIndex>(q.integer(2)),
                     .attempt = static_cast<int>(q.integer(3)),
                     .kind = q.text(4),
                     .from = q.text(5),
                     .to = q.text(6),
                     .text = q.text(7)});
  }
  return found;
}

std::vector<ResultRow> SqliteStore::results(const std::string& run_id) {
  Transaction transaction(*db_, Transaction::read);
  Statement q = db_->prepare(
      "SELECT node, attempt, name, value FROM results WHERE run = ? ORDER BY node, attempt, name");
  q.bind(key_of(run_id));
  std::vector<ResultRow> found;
  while (q.step()) {
    found.push_back({.node = static_cast<NodeIndex>(q.integer(0)),
                     .attempt = static_cast<int>(q.integer(1)),
                     .name = q.text(2),
                     .value = value_from_json(q.view(3))});
  }
  return found;
}

std::vector<Attempt> SqliteStore::attempts(const std::string& run_id, NodeIndex node) {
  Transaction transaction(*db_, Transaction::read);
  Statement q = db_->prepare(fmt::format("SELECT {} FROM attempts WHERE run = ? AND node = ? ORDER BY number",
                                         fmt::join(attempt_columns, ", ")));
  q.bind(key_of(run_id), node);
  std::vector<Attempt> found;
  while (q.step()) {
    found.push_back(read_attempt(q));
  }
  return found;
}

std::optional<Lease> SqliteStore::acquire(const std::string& run_id, const Lease& mine,
                                          const std::function<bool(const Lease&)>& is_alive) {
  Transaction transaction(*db_, Transaction::write);
  const std::int64_t key = key_of(run_id);
  Statement q = db_->prepare("SELECT host, boot_id, pid, pid_start, since FROM leases WHERE run = ?");
  if (q.bind(key).step()) {
    const Lease holder{.host = q.text(0),
                       .boot_id = q.text(1),
                       .pid = q.integer(2),
                       .pid_start = q.integer(3),
                       .since = q.time(4)};
    const bool is_mine = holder.host == mine.host && holder.boot_id == mine.boot_id &&
                         holder.pid == mine.pid && holder.pid_start == mine.pid_start;
    if (!is_mine && is_alive(holder)) {
      return holder;
    }
  }
  db_->prepare(R"(
         INSERT OR REPLACE INTO leases (run, host, boot_id, pid, pid_start, since) VALUES (?, ?, ?, ?, ?, ?))")
      .run(key, mine.host, mine.boot_id, mine.pid, mine.pid_start, mine.since);
  transaction.commit();
  return std::nullopt;
}

void SqliteStore::release(const std::string& run_id, const Lease& mine) {
  Transaction transaction(*db_, Transaction::write);
  db_->prepare(R"(
         DELETE FROM leases
         WHERE run = (SELECT key FROM runs WHERE id = ?) AND host = ? AND boot_id = ? AND pid = ? AND pid_start = ?)")
      .run(run_id, mine.host, mine.boot_id, mine.pid, mine.pid_start);
  transaction.commit();
}

std::optional<std::int64_t> SqliteStore::cursor(const std::string& run_id) {
  Transaction transaction(*db_, Transaction::read);
  Statement q = db_->prepare("SELECT event FROM hook_cursors WHERE run = ?");
  if (!q.bind(key_of(run_id)).step()) return std::nullopt;
  return q.integer(0);
}

void SqliteStore::move_cursor(const std::string& run_id, std::int64_t event) {
  Transaction transaction(*db_, Transaction::write);
  db_->prepare("INSERT OR REPLACE INTO hook_cursors (run, event) VALUES (?, ?)").run(key_of(run_id), event);
  transaction.commit();
}

std::vector<std::string> SqliteStore::behind() {
  Transaction transaction(*db_, Transaction::read);
  Statement q = db_->prepare(R"(
      SELECT r.id FROM hook_cursors AS c JOIN runs AS r ON r.key = c.run
      WHERE (r.state = 'completed' OR r.state = 'failed' OR r.state = 'cancelled')
        AND c.event < (SELECT max(id) FROM events WHERE run = c.run)
      ORDER BY r.key)");
  std::vector<std::string> runs;
  while (q.step()) runs.push_back(q.text(0));
  return runs;
}

}  // namespace catena
