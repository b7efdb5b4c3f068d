// Brings a database to the schema that this program knows.
#pragma once

#include "adapters/store/sqlite.h"

namespace catena {

// How SQLite makes a transaction last. The write-ahead log lets readers go on while one process writes, but
// lives in shared memory, so all processes must be on one machine; a rollback journal needs nothing but file
// locks.
enum class Journal { write_ahead, rollback };

// Sets the journal (with full sync, so that a committed intent survives a power cut) and foreign keys. Throws
// Error(conflict) if the file has another journal and cannot be switched.
void configure(Database& db, Journal journal);

// Creates the tables in an empty file, or brings older ones up to date: one transaction each, safe to be
// killed in, and safe with others who do the same. Throws Error(conflict) if a newer catena has written the
// file, naming its version, and Error(internal) if the file belongs to another program.
void migrate(Database& db);

// For a reader, who creates nothing: false if nothing has been recorded in it yet. Throws as migrate().
bool has_schema(Database& db);

// Whether it is another program's database.
bool is_foreign(Database& db);

}  // namespace catena
