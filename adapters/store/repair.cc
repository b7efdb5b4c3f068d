#include "adapters/store/repair.h"

#include <fmt/format.h>

#include <fstream>

#include "adapters/store/backup.h"
#include "adapters/store/migrations.h"
#include "adapters/store/open.h"
#include "adapters/store/salvage.h"
#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;

void check_header(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string header(15, '\0');
  in.read(header.data(), static_cast<std::streamsize>(header.size()));
  if (!in && !in.eof()) {
    throw Error(ErrorKind::internal, fmt::format("{}: cannot be read", file.string()),
                "make the file and its directory readable and writable for yourself");
  }
  if (header != "SQLite format 3") {
    throw Error(
        ErrorKind::internal, fmt::format("{}: is not a database: nothing can be read from it", file.string()),
        "move it away, then put a backup in its place, or take runs in again with `catena adopt DIR`");
  }
}

// False: SQLite cannot read it. Throws where it is somebody else's or a newer catena's: that is left alone.
bool readable(const fs::path& file, std::chrono::milliseconds busy_timeout) {
  Database db(file.string(), SQLITE_OPEN_READWRITE, file, busy_timeout);
  try {
    is_foreign(db);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::conflict) throw;
    return false;
  }
  has_schema(db);
  return true;
}

void save(const fs::path& file, const fs::path& backup, std::chrono::milliseconds busy_timeout) {
  try {
    Database db(file.string(), SQLITE_OPEN_READWRITE, file, busy_timeout);
    return back_up(db, backup, false);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::conflict) throw;
  }
  back_up_bytes(file, backup);
}

class Mender {
 public:
  Mender(Database& db, std::vector<std::string>& done) : db_(db), done_(done) {}

  void schema(const std::vector<std::string>& missing) {
    for (const auto& sql : missing) {
      db_.execute(sql);
      done_.push_back("made again: " + sql.substr(0, sql.find(" ON ")));
    }
  }
  void indexes() {
    db_.execute("REINDEX");
    done_.emplace_back("all indexes are made anew from their rows");
  }
  void counts() {
    const auto wrong = db_.integer(
        "SELECT count(*) FROM (SELECT run, state FROM (SELECT run, state, nodes AS counted, 0 AS there FROM "
        "run_counts "
        "UNION ALL SELECT run, state, 0, count(*) FROM nodes GROUP BY run, state) "
        "GROUP BY run, state HAVING sum(counted) <> sum(there))");
    if (wrong == 0) return;
    recount(db_);
    done_.push_back(fmt::format("the sums of states are counted anew: {} were wrong", wrong));
  }
  void leases(const std::vector<Lease>& dead) {
    for (const auto& lease : dead) {
      db_.prepare("DELETE FROM leases WHERE host = ? AND boot_id = ? AND pid = ? AND pid_start = ?")
          .run(lease.host, lease.boot_id, lease.pid, lease.pid_start);
      if (db_.changes() > 0)
        done_.push_back(
            fmt::format("the lease of process {} on {} is forgotten: it is gone", lease.pid, lease.host));
    }
  }

 private:
  Database& db_;
  std::vector<std::string>& done_;
};

bool mendable(const Examination& found) {
  return !found.sound() || !found.dead.empty();
}

}  // namespace

Repair repair_store(const fs::path& file, const fs::path& backup, std::chrono::milliseconds busy_timeout,
                    const std::function<bool(const Lease&)>& is_alive) {
  Repair result;
  if (fs::file_size(file) == 0) return result;  // nothing was recorded in it yet
  check_header(file);
  bool damaged = !readable(file, busy_timeout);
  if (!damaged) {
    result.after = examine(*open_for_reading(file, busy_timeout), is_alive);
    damaged = result.after.damaged;
    if (!mendable(result.after)) return result;
  }
  save(file, backup, busy_timeout);
  result.backup = backup;
  if (!damaged) {
    const auto db = open_for_writing(file, std::nullopt, busy_timeout);
    Transaction transaction(*db, Transaction::write);
    const auto now = examine_in(*db, is_alive);  // nobody else can change it any more
    Mender mender(*db, result.done);
    mender.schema(now.missing_schema);
    if (now.indexes_differ) mender.indexes();
    mender.counts();
    mender.leases(now.dead);
    transaction.commit();
  } else {
    result.done = salvage(file, busy_timeout);
  }
  result.after = examine(*open_for_reading(file, busy_timeout), is_alive);
  return result;
}

}  // namespace catena
