// How a set of changes is written.
#include <fmt/format.h>

#include "adapters/store/sqlite_store.h"
#include "adapters/store/value_json.h"
#include "core/error.h"

namespace catena {
namespace {

void put_nodes(Database& db, std::int64_t run, const Changes& changes) {
  Statement q = db.prepare(
      "UPDATE nodes SET state = ?, attempts = ?, failures = ?, reason = ?, fetched = ?, round = ? "
      "WHERE run = ? AND idx = ?");
  for (const auto& [index, node] : changes.nodes) {
    try {
      q.run(to_string(node.state), node.attempts, node.failures, or_null(node.reason), node.fetched,
            node.round, run, index);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("node {} to {}: {}", index, to_string(node.state), error.what()),
                  error.remedy());
    }
    if (db.changes() != 1) {
      throw Error(ErrorKind::internal, fmt::format("{}: the run has no node {}", db.file().string(), index));
    }
  }
}

// An attempt that is there is found by its place: the index of the tokens is in no order, and costs more.
void put_attempts(Database& db, std::int64_t run, const Changes& changes) {
  Statement put = db.prepare(R"(
      INSERT INTO attempts (run, node, number, token, state, native_id, intended, submitted, started, ended,
                            exit_code, signal, host, native, reason, stdout_file, stderr_file)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
      ON CONFLICT DO NOTHING)");
  Statement renew = db.prepare(R"(
      UPDATE attempts
      SET state = ?5, native_id = ?6, intended = ?7, submitted = ?8, started = ?9, ended = ?10, exit_code = ?11,
          signal = ?12, host = ?13, native = ?14, reason = ?15, stdout_file = ?16, stderr_file = ?17
      WHERE run = ?1 AND node = ?2 AND number = ?3 AND token = ?4 AND state <> 'ended')");
  // It has ended: what is known stays, what is missing may come late.
  Statement fill = db.prepare(R"(
      UPDATE attempts
      SET state = ?5, native_id = coalesce(native_id, ?6), intended = coalesce(intended, ?7),
          submitted = coalesce(submitted, ?8), started = coalesce(started, ?9), ended = coalesce(ended, ?10),
          exit_code = coalesce(exit_code, ?11), signal = coalesce(signal, ?12), host = coalesce(host, ?13),
          native = coalesce(native, ?14), reason = coalesce(reason, ?15),
          stdout_file = coalesce(stdout_file, ?16), stderr_file = coalesce(stderr_file, ?17)
      WHERE run = ?1 AND node = ?2 AND number = ?3 AND token = ?4)");
  for (const Attempt& it : changes.attempts) {
    const auto takes = [&](Statement& q) {
      q.run(run, it.node, it.number, it.token, to_string(it.state), or_null(it.native_id), it.intended,
            it.submitted, it.started, it.ended, it.exit_code, it.signal, or_null(it.host), or_null(it.native),
            or_null(it.reason), or_null(it.stdout_file), or_null(it.stderr_file));
      return db.changes() == 1;
    };
    try {
      const bool is_new = it.state == AttemptState::intended;
      if ((is_new && takes(put)) || takes(renew) || takes(fill) || (!is_new && takes(put))) continue;
      throw Error(ErrorKind::internal,
                  fmt::format("{}: the token belongs to another attempt", db.file().string()));
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("node {}, attempt {} ({}): {}", it.node, it.number, it.token, error.what()),
                  error.remedy());
    }
  }
}

void put_events(Database& db, std::int64_t run, const Changes& changes) {
  std::int64_t id = 0;
  if (Statement last = db.prepare("SELECT id FROM events WHERE run = ? ORDER BY id DESC LIMIT 1");
      last.bind(run).step()) {
    id = last.integer(0);
  }
  Statement q = db.prepare(
      "INSERT INTO events (run, id, time, node, attempt, kind, from_state, to_state, text) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const Event& it : changes.events) {
    q.run(run, ++id, it.time, it.node == no_node ? std::nullopt : std::optional(it.node), it.attempt, it.kind,
          or_null(it.from), or_null(it.to), or_null(it.text));
  }
}

// The nodes that the run has beyond those on record.
void put_more(Database& db, std::int64_t run, const Graph& graph) {
  Statement count = db.prepare("SELECT count(*) FROM nodes WHERE run = ?");
  count.bind(run).step();
  const auto first = static_cast<NodeIndex>(count.integer(0));
  put_graph(db, run, graph, first);
  db.prepare(
        "INSERT INTO run_counts (run, state, nodes) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET nodes = nodes + excluded.nodes")
      .run(run, to_string(NodeState::pending), graph.size() - first);
}

}  // namespace

void put_graph(Database& db, std::int64_t run, const Graph& graph, NodeIndex first) {
  Statement node = db.prepare("INSERT INTO nodes (run, idx, name, spec, element) VALUES (?, ?, ?, ?, ?)");
  for (NodeIndex index = first; index < graph.size(); ++index) {
    const Node& it = graph.node(index);
    node.run(run, index, it.name, it.spec, it.element);
  }
  Statement edge = db.prepare("INSERT INTO edges (run, child, parent, condition) VALUES (?, ?, ?, ?)");
  for (NodeIndex child = first; child < graph.size(); ++child) {
    for (const Edge& parent : graph.parents(child)) edge.run(run, child, parent.node, to_string(parent.on));
  }
}

void put_snapshot(Database& db, std::int64_t run, const Snapshot& snapshot) {
  Statement file = db.prepare("INSERT INTO snapshots (run, kind, name, content) VALUES (?, ?, ?, ?)");
  file.run(run, "workflow", snapshot.file, snapshot.text);
  for (const auto& [name, content] : snapshot.files) file.run(run, "file", name, content);
}

std::string_view to_string(AttemptState state) {
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

void SqliteStore::apply(const std::string& run_id, const Changes& changes, Time now) {
  Transaction transaction(*db_, Transaction::write);
  const std::int64_t key = key_of(run_id);
  if (changes.grown) put_more(*db_, key, *changes.grown);
  if (!changes.nodes.empty()) {
    put_nodes(*db_, key, changes);
  }
  if (!changes.attempts.empty()) {
    put_attempts(*db_, key, changes);
  }
  if (!changes.events.empty()) {
    put_events(*db_, key, changes);
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
  if (changes.snapshot) {
    db_->prepare("DELETE FROM snapshots WHERE run = ?").run(key);
    put_snapshot(*db_, key, *changes.snapshot);
  }
  db_->prepare(R"(
         UPDATE runs
         SET stop_requested = coalesce(?, stop_requested), observed = coalesce(?, observed), recoveries = coalesce(?, recoveries),
             most_jobs = coalesce(?, most_jobs), updated = ?, revision = revision + 1
         WHERE key = ?)")
      .run(changes.stop_requested, changes.observed, changes.recoveries, changes.most_jobs, now, key);
  transaction.commit();
}

}  // namespace catena
