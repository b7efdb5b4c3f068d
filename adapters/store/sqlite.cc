#include "adapters/store/sqlite.h"

#include <fmt/format.h>

#include "adapters/store/lock_holders.h"
#include "core/error.h"

namespace catena {
namespace {

// What a person can do about a result code of SQLite: https://www.sqlite.org/rescode.html
std::string_view remedy(int status) {
  switch (status) {
    case SQLITE_IOERR_LOCK:
    case SQLITE_IOERR_RDLOCK:
    case SQLITE_IOERR_UNLOCK:
      return "its file system refuses file locks: set CATENA_HOME to a directory on one that has them";
    default:
      break;
  }
  switch (status & 0xff) {
    case SQLITE_PROTOCOL:  // Lustre mounted without flock
    case SQLITE_NOLFS:
      return "its file system refuses file locks: set CATENA_HOME to a directory on one that has them";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "try again; if that process does not come to an end, end it: what it has committed is safe";
    case SQLITE_FULL:
      return "make room on its file system or in your quota, then do the same again: nothing was "
             "half-written";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return "make the file and its directory readable and writable for yourself, or set CATENA_HOME to "
             "another directory";
    case SQLITE_IOERR:
      return "look at its file system (full, over quota, disconnected?), then do the same again: nothing was "
             "half-written";
    case SQLITE_CORRUPT:
      return "`catena db repair` keeps a copy and recovers what can be read; jobs at the scheduler run on";
    case SQLITE_NOTADB:
      return "it is not a database of catena: move it away, or set CATENA_HOME to another directory";
    default:
      return "";
  }
}

}  // namespace

Database::Database(const std::string& name, int flags, std::filesystem::path file,
                   std::chrono::milliseconds busy_timeout)
    : file_(std::move(file)), busy_timeout_(busy_timeout) {
  // A connection stays in its thread: SQLite need not lock it for each call.
  const int status = sqlite3_open_v2(name.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (handle_ == nullptr) {
    throw std::bad_alloc();
  }
  sqlite3_extended_result_codes(handle_, 1);
  // Before any pragma: those take locks too.
  sqlite3_busy_timeout(handle_, static_cast<int>(busy_timeout_.count()));
  if (status != SQLITE_OK) {
    try {
      fail();
    } catch (...) {
      sqlite3_close(handle_);
      throw;
    }
  }
}

Database::~Database() {
  for (const auto& [sql, handle] : idle_) {
    sqlite3_finalize(handle);
  }
  sqlite3_close(handle_);
}

void Database::fail() const {
  const int status = sqlite3_extended_errcode(handle_);
  const int system = sqlite3_system_errno(handle_);
  std::string reason = sqlite3_errmsg(handle_);
  const bool of_the_system = (status & 0xff) == SQLITE_IOERR || (status & 0xff) == SQLITE_CANTOPEN;
  if (of_the_system && system != 0) {
    reason += fmt::format(" ({})", std::generic_category().message(system));
  }
  if ((status & 0xff) == SQLITE_BUSY) {
    const auto holders = lock_holders(file_);
    reason =
        fmt::format("still locked after {} s by {}", std::chrono::duration<double>(busy_timeout_).count(),
                    holders.empty() ? "another process, perhaps on another host" : holders);
    throw Error(ErrorKind::conflict, fmt::format("{}: {}", file_.string(), reason),
                std::string(remedy(status)));
  }
  throw Error(ErrorKind::internal, fmt::format("{}: {}", file_.string(), reason),
              std::string(remedy(status)));
}

void Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail();
  }
}

Statement Database::prepare(std::string_view sql) {
  if (const auto found = idle_.find(sql); found != idle_.end()) {
    auto node = idle_.extract(found);
    return Statement(*this, std::move(node.key()), node.mapped());
  }
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &handle, nullptr) != SQLITE_OK) {
    fail();
  }
  return Statement(*this, std::string(sql), handle);
}

void Database::copy_to(Database& target) {
  sqlite3_backup* backup = sqlite3_backup_init(target.handle_, "main", handle_, "main");
  if (backup == nullptr) {
    target.fail();
  }
  const int status = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (status == SQLITE_DONE) {
    return;
  }
  // Trouble with the source is not always told to it.
  if (sqlite3_errcode(target.handle_) != SQLITE_OK) {
    target.fail();
  }
  fail();
}

std::int64_t Database::integer(std::string_view sql) {
  Statement statement = prepare(sql);
  statement.step();
  return statement.integer(0);
}

std::string Database::text(std::string_view sql) {
  Statement statement = prepare(sql);
  statement.step();
  return statement.text(0);
}

Statement::~Statement() {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
  if (!db_->idle_.try_emplace(std::move(sql_), handle_).second) {
    sqlite3_finalize(handle_);  // the same text was in use twice at a time
  }
}

bool Statement::step() {
  const int status = sqlite3_step(handle_);
  if (status != SQLITE_ROW && status != SQLITE_DONE) {
    db_->fail();
  }
  return status == SQLITE_ROW;
}

void Statement::run_with(const Statement& row, int columns) {
  for (int column = 0; column < columns; ++column) {
    check(sqlite3_bind_value(handle_, column + 1, sqlite3_column_value(row.handle_, column)));
  }
  step();
  reset();
}

void Statement::reset() {
  check(sqlite3_reset(handle_));
}

void Statement::check(int status) {
  if (status != SQLITE_OK) {
    db_->fail();
  }
}

void Statement::bind_value(int index, std::string_view value, sqlite3_destructor_type lifetime) {
  // A null pointer would be bound as NULL, and an empty view may have one.
  const char* data = value.data() == nullptr ? "" : value.data();
  check(sqlite3_bind_text64(handle_, index, data, value.size(), lifetime, SQLITE_UTF8));
}

std::string_view Statement::view(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return data == nullptr
             ? std::string_view()
             : std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column)));
}

std::optional<int> Statement::maybe_int(int column) const {
  return null(column) ? std::nullopt : std::optional(sqlite3_column_int(handle_, column));
}

std::optional<Time> Statement::maybe_time(int column) const {
  return null(column) ? std::nullopt : std::optional(time(column));
}

Transaction::~Transaction() {
  // A full disk or a commit has ended it already.
  if (db_.in_transaction()) {
    try {
      db_.execute("ROLLBACK");
    } catch (const std::exception&) {
      // The reason is on its way already; closing the database rolls back.
    }
  }
}

}  // namespace catena
