// Files from a site, through a command's standard output.
#pragma once

#include "core/transport.h"

namespace catena::transfer {

// As Transport::get(). Needs sh, GNU tar, find, xargs and coreutils there.
FilesGot download(Transport& transport, std::span<const FilesToGet> sets, const Progress& progress);

}  // namespace catena::transfer
