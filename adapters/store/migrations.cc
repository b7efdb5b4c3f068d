#include "adapters/store/migrations.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <thread>

#include "core/error.h"
#include "schema_sql.h"

namespace catena {
namespace {

// What brings version N - 1 to version N is at place N - 1. Never change or remove one that was released:
// append.
constexpr std::array<const char*, 3> migrations = {schema_sql, schema_2_sql, schema_3_sql};
constexpr std::int64_t newest = migrations.size();

// In the file's header, so that file(1) and we know it: "ctna".
constexpr std::int64_t application = 0x63746e61;

// The version of the schema in the file; 0: an empty file. In a transaction: somebody else may be creating
// the tables.
std::int64_t checked_version(Database& db) {
  const std::int64_t version = db.integer("PRAGMA user_version");
  if (is_foreign(db)) {
    throw Error(ErrorKind::internal, fmt::format("{}: is another program's database", db.file().string()),
                "move it away, or set CATENA_HOME to another directory");
  }
  if (version > newest) {
    throw Error(ErrorKind::conflict,
                fmt::format("{}: was written by catena {} (schema {}); this is catena {} (schema {})",
                            db.file().string(),
                            db.text("SELECT program FROM schema_history ORDER BY version DESC LIMIT 1"),
                            version, CATENA_VERSION, newest),
                "use that version or a later one, or set CATENA_HOME to another directory");
  }
  return version;
}

}  // namespace

void configure(Database& db, Journal journal) {
  const std::string_view mode = journal == Journal::write_ahead ? "wal" : "truncate";
  // Switching needs the file for itself, and SQLite does not always wait for that as it does for other locks.
  const auto deadline = std::chrono::steady_clock::now() + db.busy_timeout();
  std::string answer;
  while (answer.empty()) {
    try {
      answer = db.text(fmt::format("PRAGMA journal_mode = {}", mode));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::conflict || std::chrono::steady_clock::now() >= deadline) {
        throw;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  if (answer != mode) {
    throw Error(ErrorKind::conflict,
                fmt::format("{}: its journal is {} and cannot be made {}", db.file().string(), answer, mode),
                "end every other catena of yours on all hosts, then try again");
  }
  db.execute("PRAGMA synchronous = FULL");
  db.execute("PRAGMA foreign_keys = ON");
  // KiB (negative), allocated as used: 100,000 attempts have 100,000 tokens at random places of an index.
  db.execute("PRAGMA cache_size = -65536");
}

void migrate(Database& db) {
  if (Transaction reading(db, Transaction::read); checked_version(db) == newest) {
    return;
  }
  Transaction transaction(db, Transaction::write);
  // Again, now that nobody else can do the same.
  for (std::int64_t version = checked_version(db); version < newest; ++version) {
    db.execute(migrations[static_cast<std::size_t>(version)]);
    db.prepare("INSERT INTO schema_history (version, program, applied) VALUES (?, ?, unixepoch())")
        .run(version + 1, CATENA_VERSION);
    db.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", application, version + 1));
  }
  transaction.commit();
}

bool has_schema(Database& db) {
  return checked_version(db) > 0;
}

bool is_foreign(Database& db) {
  return db.integer("PRAGMA user_version") == 0 ? db.integer("SELECT count(*) FROM sqlite_schema") != 0
                                                : db.integer("PRAGMA application_id") != application;
}

}  // namespace catena
