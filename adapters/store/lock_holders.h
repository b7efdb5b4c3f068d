// Who keeps others waiting for a database.
#pragma once

#include <filesystem>
#include <string>

namespace catena {

// "catena (process 123)", …: the other processes of this machine that hold a lock on the database or on the
// shared memory of its log, as /proc/locks has them. Empty if none can be seen: on another host, or another
// user's.
std::string lock_holders(const std::filesystem::path& database);

}  // namespace catena
