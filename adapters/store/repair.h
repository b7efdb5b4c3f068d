// Mends a store as far as that can be done without inventing anything.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapters/store/examine.h"

namespace catena {

struct Repair {
  std::filesystem::path backup;   // the file as it was; empty: there was nothing to do
  std::vector<std::string> done;  // one sentence each
  Examination after;              // what is left
};

// Copies the file to `backup` first. Then, where SQLite can read the file: makes indexes anew that differ
// from their rows, missing indexes and triggers, and the sums of states, and forgets leases of dead owners.
// Where it cannot: copies all rows that can be read to a new file and puts that in the old one's place; a run
// of which something is missing that decides (nodes, current attempts, the workflow) is left out and named.
// States are never changed. May be killed at any instruction: the file is the old one or the new one. Throws
// Error(conflict) where another process uses the database, or a newer catena has written it; Error(internal)
// where it is not catena's, or nothing can be read.
Repair repair_store(const std::filesystem::path& file, const std::filesystem::path& backup,
                    std::chrono::milliseconds busy_timeout,
                    const std::function<bool(const Lease&)>& is_alive);

}  // namespace catena
