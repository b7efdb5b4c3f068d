// Files to a site, through a command's standard input.
#pragma once

#include "core/transport.h"

namespace catena::transfer {

// As Transport::put(). Needs sh, GNU tar, find, xargs and coreutils there.
void upload(Transport& transport, std::span<const FileToPut> files, const std::string& root,
            const Progress& progress);

}  // namespace catena::transfer
