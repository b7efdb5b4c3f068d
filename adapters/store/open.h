// Opens the database file of a store, whatever state it is in.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "adapters/store/migrations.h"
#include "adapters/store/sqlite.h"

namespace catena {

// Makes the file and its directories where they are missing, and brings the schema up to date. Absent
// `journal`: write-ahead where the file system is known to be local, else rollback. Throws as SqliteStore's
// constructor.
std::unique_ptr<Database> open_for_writing(const std::filesystem::path& file, std::optional<Journal> journal,
                                           std::chrono::milliseconds busy_timeout);

// Makes nothing: where there is no store yet, the answer is an empty one in memory. Every change to it fails.
std::unique_ptr<Database> open_for_reading(const std::filesystem::path& file,
                                           std::chrono::milliseconds busy_timeout);

}  // namespace catena
