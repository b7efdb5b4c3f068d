#include "adapters/store/open.h"

#include <fmt/format.h>

#include "adapters/store/file_system.h"
#include "core/error.h"

namespace catena {
namespace {

std::unique_ptr<Database> empty_database(const std::filesystem::path& file,
                                         std::chrono::milliseconds timeout) {
  auto db = std::make_unique<Database>(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, file, timeout);
  migrate(*db);
  return db;
}

// Not SQLITE_OPEN_READONLY where it can be avoided: after a crash of a writer, its journal has to be rolled
// back before anything can be read.
std::unique_ptr<Database> open_existing(const std::filesystem::path& file,
                                        std::chrono::milliseconds timeout) {
  // One that cannot be looked at is not missing: opening it tells why.
  std::error_code error;
  if (!std::filesystem::exists(file, error) && !error) {
    return empty_database(file, timeout);
  }
  auto db = std::make_unique<Database>(file.string(), SQLITE_OPEN_READWRITE, file, timeout);
  try {
    return has_schema(*db) ? std::move(db) : empty_database(file, timeout);
  } catch (const Error&) {
    // A write-ahead log needs files beside the database, which a directory that cannot be written refuses.
    // Without a log there is nothing that these files could add.
    if (!db->read_only() || std::filesystem::exists(file.string() + "-wal", error)) {
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

}  // namespace

std::unique_ptr<Database> open_for_writing(const std::filesystem::path& file, std::optional<Journal> journal,
                                           std::chrono::milliseconds busy_timeout) {
  const auto directory = std::filesystem::absolute(file).parent_path();
  make_private_directory(directory);
  make_private_file(file);
  auto db = std::make_unique<Database>(file.string(), SQLITE_OPEN_READWRITE, file, busy_timeout);
  if (db->read_only()) {
    throw Error(ErrorKind::internal, fmt::format("{}: cannot be written", file.string()),
                "make the file writable for yourself, or set CATENA_HOME to another directory");
  }
  const Journal fitting = is_local(directory) ? Journal::write_ahead : Journal::rollback;
  configure(*db, journal.value_or(fitting));
  migrate(*db);
  return db;
}

std::unique_ptr<Database> open_for_reading(const std::filesystem::path& file,
                                           std::chrono::milliseconds busy_timeout) {
  auto db = open_existing(file, busy_timeout);
  db->execute("PRAGMA query_only = ON");
  return db;
}

}  // namespace catena
