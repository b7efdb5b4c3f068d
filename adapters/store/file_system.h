// What the store needs to know of the file system that it lies on.
#pragma once

#include <cstdint>
#include <filesystem>

namespace catena {

// Whether shared memory and file locks are those of one machine, as SQLite's write-ahead log needs. `type` is
// statfs(2)'s f_type. True only for types known to be local: a parallel file system that nobody has listed
// must not lose data.
bool is_local(std::int64_t type);

// The same of the file system of `directory`. Throws Error(internal) if it cannot be asked.
bool is_local(const std::filesystem::path& directory);

// Makes `directory` and its missing parents, each with mode 0700; one that exists stays as it is. Throws
// Error(internal).
void make_private_directory(const std::filesystem::path& directory);

// Makes an empty `file` with mode 0600 unless it exists. Throws Error(internal).
void make_private_file(const std::filesystem::path& file);

}  // namespace catena
