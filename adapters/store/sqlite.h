// SQLite with its handles closed in time and its errors thrown: the SQL stays in sight at the call.
//
//   Transaction transaction(db, Transaction::write);
//   db.prepare("DELETE FROM leases WHERE run = ?").run(key);
//   transaction.commit();
//
// Every failure is an Error that names the file, SQLite's reason and what to do. Its kind is conflict when
// another process (named where it can be seen) held the database for longer than the busy time-out, else
// internal.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/report.h"

namespace catena {

class Database;

// One use of a prepared statement: parameters are bound in order, rows are stepped through. When it goes out
// of scope, the compiled statement is kept by its Database for the next use of the same text.
class Statement {
 public:
  Statement(Database& db, std::string sql, sqlite3_stmt* handle)
      : db_(&db), sql_(std::move(sql)), handle_(handle) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // For statements that give rows: `while (q.step()) … q.text(0)`. The values are copied.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    int index = 0;
    (bind_value(++index, values, SQLITE_TRANSIENT), ...);
    return *this;
  }
  bool step();  // true: there is a row

  // For statements that give none, in loops: binds without copying, steps, resets.
  template <typename... Values>
  void run(const Values&... values) {
    int index = 0;
    (bind_value(++index, values, SQLITE_STATIC), ...);
    step();
    reset();
  }

  // As run(), with the first `columns` values of another statement's current row.
  void run_with(const Statement& row, int columns);

  // Columns count from 0. NULL reads as 0, "" or nullopt.
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }
  std::string_view view(int column) const;  // valid until the next step
  std::string text(int column) const { return std::string(view(column)); }
  Time time(int column) const { return Time(std::chrono::seconds(integer(column))); }
  bool null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
  std::optional<int> maybe_int(int column) const;
  std::optional<Time> maybe_time(int column) const;

 private:
  void reset();
  void check(int status);
  template <std::integral Integer>
  void bind_value(int index, Integer value, sqlite3_destructor_type) {
    check(sqlite3_bind_int64(handle_, index, static_cast<std::int64_t>(value)));
  }
  void bind_value(int index, std::string_view value, sqlite3_destructor_type lifetime);
  void bind_value(int index, Time value, sqlite3_destructor_type lifetime) {
    bind_value(index, static_cast<std::int64_t>(value.time_since_epoch().count()), lifetime);
  }
  template <typename Value>
  void bind_value(int index, const std::optional<Value>& value, sqlite3_destructor_type lifetime) {
    if (value) {
      bind_value(index, *value, lifetime);
    } else {
      check(sqlite3_bind_null(handle_, index));
    }
  }

  Database* db_;
  std::string sql_;
  sqlite3_stmt* handle_;
};

class Database {
 public:
  // `flags` are SQLITE_OPEN_…; `name` is a path, a file: URI (with SQLITE_OPEN_URI) or ":memory:"; `file` is
  // what messages name.
  Database(const std::string& name, int flags, std::filesystem::path file,
           std::chrono::milliseconds busy_timeout);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  void execute(const std::string& sql);  // any number of statements, without parameters and rows
  Statement prepare(std::string_view sql);
  std::int64_t integer(std::string_view sql);  // the first column of the first row
  std::string text(std::string_view sql);
  // Makes `target` a copy of this database as it is at one moment, damaged pages included.
  void copy_to(Database& target);
  std::int64_t changes() const { return sqlite3_changes64(handle_); }
  std::int64_t last_insert_rowid() const { return sqlite3_last_insert_rowid(handle_); }
  const std::filesystem::path& file() const { return file_; }
  std::chrono::milliseconds busy_timeout() const { return busy_timeout_; }
  bool read_only() const { return sqlite3_db_readonly(handle_, "main") == 1; }
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

 private:
  friend class Statement;
  [[noreturn]] void fail() const;

  sqlite3* handle_ = nullptr;
  std::filesystem::path file_;
  std::chrono::milliseconds busy_timeout_;
  std::map<std::string, sqlite3_stmt*, std::less<>> idle_;  // compiled, not in use
};

// All or none: rolled back unless commit() was reached.
class Transaction {
 public:
  // write: the lock is taken at once, since one that is taken in the middle is refused without waiting when
  // another process has written meanwhile. read: what is read belongs to one moment.
  enum Kind { read, write };
  Transaction(Database& db, Kind kind) : db_(db) { db_.execute(kind == write ? "BEGIN IMMEDIATE" : "BEGIN"); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit() { db_.execute("COMMIT"); }

 private:
  Database& db_;
};

// An empty text is stored as NULL.
inline std::optional<std::string_view> or_null(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace catena
