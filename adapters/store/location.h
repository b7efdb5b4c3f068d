// Where the user's store lies.
#pragma once

#include <filesystem>

namespace catena {

// $CATENA_HOME; else $XDG_STATE_HOME/catena; else .local/state/catena in the home directory ($HOME; else what
// the user database says). As the XDG Base Directory Specification asks, a relative $XDG_STATE_HOME is
// ignored; a relative $CATENA_HOME is taken from the current directory. The directory need not exist. Throws
// Error(config) if the user has no home directory.
std::filesystem::path home();

// The database: catena.db in home().
std::filesystem::path store_file();

}  // namespace catena
