// Copies of a store.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "adapters/store/sqlite.h"

namespace catena {

// FILE.20261121T050000Z, or with `-2`, … where that is taken: beside the store, in order of time.
std::filesystem::path backup_name(const std::filesystem::path& store, Time now);

// Writes the database as it is at this moment to `target`, mode 0600: under a temporary name first, so that
// there is a whole copy or none. Others may go on writing meanwhile. Throws Error(conflict) if `target`
// exists and is not to be replaced, Error(internal) naming the file if it cannot be written.
void back_up(Database& db, const std::filesystem::path& target, bool replace);

// The same for a file that SQLite cannot read: its bytes, and those of its log or journal, under `target`
// with the same endings. Nobody in this process may have the database open.
void back_up_bytes(const std::filesystem::path& store, const std::filesystem::path& target);

// Gives `write` the name of a new, empty, private file beside `target`, and puts what it has written in the
// place of `target`. Throws as back_up().
void replace_whole(const std::filesystem::path& target, bool replace,
                   const std::function<void(const std::filesystem::path&)>& write);

}  // namespace catena
