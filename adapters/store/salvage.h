// What can be read of a damaged database, in a new one.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "adapters/store/sqlite.h"

namespace catena {

// Replaces the file by a new one with all rows that can be read. Returns what was done, and what is lost: one
// sentence each. The caller has made a backup. Throws Error(conflict) where another process uses the
// database, Error(internal), with the file as it was, where nothing can be read.
std::vector<std::string> salvage(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout);

// Makes the sums of states from the nodes' rows.
void recount(Database& db);

}  // namespace catena
