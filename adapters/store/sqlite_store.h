// The store in one SQLite file; schema.sql says what is in it. Several processes may use the file at a time.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "adapters/store/migrations.h"
#include "adapters/store/sqlite.h"
#include "core/store.h"

namespace catena {

// The word that the table attempts holds.
std::string_view to_string(AttemptState state);

enum class OpenMode { read_write, read_only };

struct StoreOptions {
  // For how long another process's lock is waited for before Error(conflict).
  std::chrono::milliseconds busy_timeout{30'000};
  // Absent: write-ahead where the file system is known to be local, else rollback.
  std::optional<Journal> journal;
};

class SqliteStore : public Store, public Leases, public HookCursors {
 public:
  // read_write creates the file (0600) and its directories (0700) and brings the schema up to date. read_only
  // creates nothing (a missing or empty file reads as a store without runs) and every change throws
  // Error(internal). Throws Error(conflict) if a newer catena has written the file or another process holds
  // it, Error(internal) if the file cannot be opened or is broken.
  SqliteStore(const std::filesystem::path& file, OpenMode mode, const StoreOptions& options = {});

  void create(const RunRow& run, const Snapshot& snapshot, const Graph& graph) override;
  std::vector<RunRow> runs(const RunFilter& filter) override;
  RunRecord load(const std::string& run_id) override;
  // Also throws Error(not_found) for an unknown run, and Error(internal), with nothing changed, if a node or
  // attempt that has ended would get another state, a node does not exist or a token belongs to another
  // attempt. Facts of an ended attempt (times, host, native words, …) are filled in where they are missing;
  // those that are there stay.
  void apply(const std::string& run_id, const Changes& changes, Time now) override;
  std::vector<NodeStatus> nodes(const std::string& run_id, Which which, std::size_t limit) override;
  std::vector<Event> events(const std::string& run_id, std::int64_t after_id, NodeIndex node) override;
  std::vector<ResultRow> results(const std::string& run_id) override;
  std::vector<Attempt> attempts(const std::string& run_id, NodeIndex node) override;
  // A process that has the lease gets it again. `is_alive` is called with the database locked: it must not
  // use the store.
  std::optional<Lease> acquire(const std::string& run_id, const Lease& mine,
                               const std::function<bool(const Lease&)>& is_alive) override;
  void release(const std::string& run_id, const Lease& mine) override;
  std::optional<std::int64_t> cursor(const std::string& run_id) override;
  void move_cursor(const std::string& run_id, std::int64_t event) override;
  std::vector<std::string> behind() override;

 private:
  std::int64_t key_of(const std::string& run_id);  // throws Error(not_found)
  RunRow read_run(const Statement& row);

  std::unique_ptr<Database> db_;
};

void put_graph(Database& db, std::int64_t run, const Graph& graph, NodeIndex first);
void put_snapshot(Database& db, std::int64_t run, const Snapshot& snapshot);

}  // namespace catena
