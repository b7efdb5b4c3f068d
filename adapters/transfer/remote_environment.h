// The environment that commands have on a site.
#pragma once

#include <map>
#include <string>

#include "core/transport.h"

namespace catena::transfer {

// As a login shell of the user sets it up: sites name their scratch directories in profiles, which a command
// over ssh does not read. One command. Throws Error(transport).
std::map<std::string, std::string> remote_environment(Transport& transport);

}  // namespace catena::transfer
