// What a failed transfer says.
#pragma once

#include <string>

#include "core/transport.h"

namespace catena::transfer {

// Throws Error(transport): what, where, in the other side's words, and what to do about a full disk.
[[noreturn]] void fail(const Transport& transport, const std::string& what, const std::string& directory,
                       const CommandResult& result);

}  // namespace catena::transfer
