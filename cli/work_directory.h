// The removal of a run's directory on its site.
#pragma once

#include <string>

#include "core/engine.h"
#include "core/transport.h"

namespace catena::cli {

struct WorkDirectory {
  std::string path;
  std::uintmax_t size = 0;  // bytes on the disk
};

// Those that are there, of these runs' directories. One command.
std::vector<WorkDirectory> existing(Transport& transport, const std::vector<std::string>& directories);

// Removes them. Only what catena made is touched: a directory NAME-ID that holds .catena; a symbolic link is
// not followed. Throws Error(transport) naming what could not be removed.
void remove(Transport& transport, const std::vector<std::string>& directories);

}  // namespace catena::cli
