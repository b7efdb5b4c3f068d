#include "adapters/store/sqlite_store.h"

#include <fmt/format.h>

#include "adapters/store/file_system.h"
#include "adapters/store/value_json.h"
#include "core/error.h"

namespace catena {
namespace {

std::string_view to_text(AttemptState state) {
  switch (state) {
    case AttemptState::intended:
      return "intended";
    case AttemptState::staged:
      return "staged";
    case AttemptState::submitted:
      return "submitted";
    case AttemptState::ended:
      return "ended";
    case AttemptState::dropped:
      return "dropped";
  }
  return "";
}

AttemptState attempt_state_from(std::string_view text) {
  using enum AttemptState;
  for (const AttemptState state : {intended, staged, submitted, ended}) {
    if (text == to_text(state)) {
      return state;
    }
  }
  return dropped;  // the table holds no other
}

// The columns that read_attempt takes, in its order.
constexpr std::string_view attempt_columns =
    "node, number, token, state, native_id, intended, submitted, started, ended, exit_code, signal, host, "
    "native, reason, "
    "stdout_file, stderr_file";

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

std::unique_ptr<Database> empty_database(const std::filesystem::path& file,
                                         std::chrono::milliseconds timeout) {
  auto db = std::make_unique<Database>(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, file, timeout);
  migrate(*db);
  return db;
}

// Not SQLITE_OPEN_READONLY where it can be avoided: after a crash of a writer, its journal has to be rolled
// back before anything can be read.
std::unique_ptr<Database> open_for_reading(const std::filesystem::path& file,
                                           std::chrono::milliseconds timeout) {
  if (!std::filesystem::exists(file)) {
    return empty_database(file, timeout);
  }
  auto db = std::make_unique<Database>(file.string(), SQLITE_OPEN_READWRITE, file, timeout);
  try {
    return has_schema(*db) ? std::move(db) : empty_database(file, timeout);
  } catch (const Error&) {
    // A write-ahead log needs files beside the database, which a directory that cannot be written refuses.
    // Without a log there is nothing that these files could add.
    if (!db->read_only() || std::filesystem::exists(file.string() + "-wal")) {
      throw;
    }
  }
  std::string uri = "file:";
  for (const char c : file.string()) {
    uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", c) : std::string(1, c);
  }
  db =
      std::make_unique<Database>(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, file, timeout);
  return has_schema(*db) ? std::move(db) : empty_database(file, timeout);
}

std::unique_ptr<Database> open_for_writing(const std::filesystem::path& file, const StoreOptions& options) {
  const auto directory = std::filesystem::absolute(file).parent_path();
  make_private_directory(directory);
  make_private_file(file);
  auto db = std::make_unique<Database>(file.string(), SQLITE_OPEN_READWRITE, file, options.busy_timeout);
  if (db->read_only()) {
    throw Error(ErrorKind::internal, fmt::format("{}: cannot be written", file.string()),
                "make the file writable for yourself, or set CATENA_HOME to another directory");
  }
  const Journal fitting = is_local(directory) ? Journal::write_ahead : Journal::rollback;
  configure(*db, options.journal.value_or(fitting));
  migrate(*db);
  return db;
}

}  // namespace

SqliteStore::SqliteStore(const std::filesystem::path& file, OpenMode mode, const StoreOptions& options) {
  if (mode == OpenMode::read_write) {
    db_ = open_for_writing(file, options);
  } else {
    db_ = open_for_reading(file, options.busy_timeout);
    db_->execute("PRAGMA query_only = ON");
  }
}

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
  db_->prepare(
         "INSERT INTO runs (id, name, file, site, directory, state, reason, stop_requested, created, "
         "updated, observed) "
         "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(run.id, run.name, run.file, run.site, run.directory, to_string(run.state), or_null(run.reason),
           run.stop_requested, run.created, run.updated, run.observed);
  const std::int64_t key = db_->last_insert_rowid();

  Statement file = db_->prepare("INSERT INTO snapshots (run, kind, name, content) VALUES (?, ?, ?, ?)");
  file.run(key, "workflow", snapshot.file, snapshot.text);
  for (const auto& [name, content] : snapshot.files) {
    file.run(key, "file", name, content);
  }

  Statement node = db_->prepare("INSERT INTO nodes (run, idx, name, spec, element) VALUES (?, ?, ?, ?, ?)");
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    const Node& it = graph.node(index);
    node.run(key, index, it.name, it.spec, it.element);
  }
  db_->prepare("INSERT INTO run_counts (run, state, nodes) VALUES (?, ?, ?)")
      .run(key, to_string(NodeState::pending), graph.size());

  Statement edge = db_->prepare("INSERT INTO edges (run, child, parent, condition) VALUES (?, ?, ?, ?)");
  for (NodeIndex child = 0; child < graph.size(); ++child) {
    for (const Edge& parent : graph.parents(child)) {
      edge.run(key, child, parent.node, to_string(parent.on));
    }
  }
  transaction.commit();
}

// The columns: key, id, name, file, site, directory, state, reason, stop_requested, created, updated,
// observed.
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
             .counts = {}};
  Statement counts = db_->prepare("SELECT state, nodes FROM run_counts WHERE run = ? AND nodes > 0");
  counts.bind(row.integer(0));
  while (counts.step()) {
    run.counts[node_state_from(counts.view(0)).value()] = static_cast<std::uint64_t>(counts.integer(1));
  }
  return run;
}

std::vector<RunRow> SqliteStore::runs(const RunFilter& filter) {
  Transaction transaction(*db_, Transaction::read);
  std::string sql =
      "SELECT key, id, name, file, site, directory, state, reason, stop_requested, created, updated, "
      "observed FROM runs "
      "WHERE true";
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
  Statement run = db_->prepare(
      "SELECT key, id, name, file, site, directory, state, reason, stop_requested, created, updated, "
      "observed FROM runs "
      "WHERE key = ?");
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

  Statement node = db_->prepare("SELECT state, attempts, reason FROM nodes WHERE run = ? ORDER BY idx");
  node.bind(key);
  while (node.step()) {
    record.nodes.push_back({.state = node_state_from(node.view(0)).value(),
                            .attempts = static_cast<int>(node.integer(1)),
                            .reason = node.text(2)});
  }

  Statement attempt = db_->prepare(
      fmt::format("SELECT {} FROM attempts WHERE run = ? ORDER BY node, number", attempt_columns));
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

void SqliteStore::put_nodes(std::int64_t run, const Changes& changes) {
  Statement q =
      db_->prepare("UPDATE nodes SET state = ?, attempts = ?, reason = ? WHERE run = ? AND idx = ?");
  for (const auto& [index, node] : changes.nodes) {
    try {
      q.run(to_string(node.state), node.attempts, or_null(node.reason), run, index);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("node {} to {}: {}", index, to_string(node.state), error.what()),
                  error.remedy());
    }
    if (db_->changes() != 1) {
      throw Error(ErrorKind::internal,
                  fmt::format("{}: the run has no node {}", db_->file().string(), index));
    }
  }
}

void SqliteStore::put_attempts(std::int64_t run, const Changes& changes) {
  Statement put = db_->prepare(
      "INSERT INTO attempts (run, node, number, token, state, native_id, intended, submitted, started, "
      "ended, exit_code, "
      "signal, host, native, reason, stdout_file, stderr_file) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) "
      "ON CONFLICT (token) DO UPDATE SET state = ?5, native_id = ?6, intended = ?7, submitted = ?8, started "
      "= ?9, "
      "ended = ?10, exit_code = ?11, signal = ?12, host = ?13, native = ?14, reason = ?15, stdout_file = "
      "?16, "
      "stderr_file = ?17 "
      "WHERE run = ?1 AND node = ?2 AND number = ?3 AND state <> 'ended'");
  for (const Attempt& it : changes.attempts) {
    const auto with_values = [&](Statement& q) {
      q.run(run, it.node, it.number, it.token, to_text(it.state), or_null(it.native_id), it.intended,
            it.submitted, it.started, it.ended, it.exit_code, it.signal, or_null(it.host), or_null(it.native),
            or_null(it.reason), or_null(it.stdout_file), or_null(it.stderr_file));
    };
    try {
      with_values(put);
      if (db_->changes() == 0) {
        // It has ended (or is another's): what is known stays, what is missing may come late, from
        // accounting.
        Statement fill = db_->prepare(
            "UPDATE attempts SET state = ?5, native_id = coalesce(native_id, ?6), intended = "
            "coalesce(intended, ?7), "
            "submitted = coalesce(submitted, ?8), started = coalesce(started, ?9), ended = coalesce(ended, "
            "?10), "
            "exit_code = coalesce(exit_code, ?11), signal = coalesce(signal, ?12), host = coalesce(host, "
            "?13), "
            "native = coalesce(native, ?14), reason = coalesce(reason, ?15), stdout_file = "
            "coalesce(stdout_file, ?16), "
            "stderr_file = coalesce(stderr_file, ?17) WHERE token = ?4 AND run = ?1 AND node = ?2 AND number "
            "= ?3");
        with_values(fill);
        if (db_->changes() == 0) {
          throw Error(ErrorKind::internal,
                      fmt::format("{}: the token belongs to another attempt", db_->file().string()));
        }
      }
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("node {}, attempt {} ({}): {}", it.node, it.number, it.token, error.what()),
                  error.remedy());
    }
  }
}

void SqliteStore::put_events(std::int64_t run, const Changes& changes) {
  std::int64_t id = 0;
  if (Statement last = db_->prepare("SELECT id FROM events WHERE run = ? ORDER BY id DESC LIMIT 1");
      last.bind(run).step()) {
    id = last.integer(0);
  }
  Statement q = db_->prepare(
      "INSERT INTO events (run, id, time, node, attempt, kind, from_state, to_state, text) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const Event& it : changes.events) {
    q.run(run, ++id, it.time, it.node == no_node ? std::nullopt : std::optional(it.node), it.attempt, it.kind,
          or_null(it.from), or_null(it.to), or_null(it.text));
  }
}

void SqliteStore::apply(const std::string& run_id, const Changes& changes, Time now) {
  Transaction transaction(*db_, Transaction::write);
  const std::int64_t key = key_of(run_id);
  if (!changes.nodes.empty()) {
    put_nodes(key, changes);
  }
  if (!changes.attempts.empty()) {
    put_attempts(key, changes);
  }
  if (!changes.events.empty()) {
    put_events(key, changes);
  }
  for (const ResultRow& it : changes.results) {
    db_->prepare(
           "INSERT INTO results (run, node, attempt, name, value) VALUES (?, ?, ?, ?, ?) "
           "ON CONFLICT DO UPDATE SET value = excluded.value")
        .run(key, it.node, it.attempt, it.name, value_to_json(it.value));
  }
  if (changes.run) {
    db_->prepare("UPDATE runs SET state = ?, reason = ? WHERE key = ?")
        .run(to_string(changes.run->first), or_null(changes.run->second), key);
  }
  db_->prepare(
         "UPDATE runs SET stop_requested = coalesce(?, stop_requested), observed = coalesce(?, observed), "
         "updated = ? "
         "WHERE key = ?")
      .run(changes.stop_requested, changes.observed, now, key);
  transaction.commit();
}

std::vector<Event> SqliteStore::events(const std::string& run_id, std::int64_t after_id, NodeIndex node) {
  Transaction transaction(*db_, Transaction::read);
  const std::int64_t key = key_of(run_id);
  std::string sql =
      "SELECT id, time, node, attempt, kind, from_state, to_state, text FROM events WHERE run = ?1 AND id > "
      "?2";
  sql += node == no_node ? " ORDER BY id" : " AND node = ?3 ORDER BY id";
  Statement q = db_->prepare(sql);
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
  Statement q = db_->prepare(
      fmt::format("SELECT {} FROM attempts WHERE run = ? AND node = ? ORDER BY number", attempt_columns));
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
  db_->prepare(
         "INSERT OR REPLACE INTO leases (run, host, boot_id, pid, pid_start, since) VALUES (?, ?, ?, ?, ?, "
         "?)")
      .run(key, mine.host, mine.boot_id, mine.pid, mine.pid_start, mine.since);
  transaction.commit();
  return std::nullopt;
}

void SqliteStore::release(const std::string& run_id, const Lease& mine) {
  Transaction transaction(*db_, Transaction::write);
  db_->prepare(
         "DELETE FROM leases WHERE run = (SELECT key FROM runs WHERE id = ?) AND host = ? AND boot_id = ? "
         "AND pid = ? "
         "AND pid_start = ?")
      .run(run_id, mine.host, mine.boot_id, mine.pid, mine.pid_start);
  transaction.commit();
}

}  // namespace catena
