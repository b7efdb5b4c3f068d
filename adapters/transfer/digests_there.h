// The digests of files on a site.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/transport.h"

namespace catena::transfer {

// SHA-256 by name, of those files that can be read there. One command.
std::unordered_map<std::string, std::string> digests_there(Transport& transport,
                                                           const std::vector<std::string>& files);

}  // namespace catena::transfer
