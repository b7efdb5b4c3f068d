#pragma once

#include <algorithm>
#include <string_view>

#include "core/job.h"

// Ten characters, and behind '_' the index of an array's element.
inline bool well_formed(std::string_view token) {
  const auto index = token.substr(std::min<std::size_t>(10, token.size()));
  return token.size() >= 10 && (index.empty() || (index[0] == '_' && catena::is_index(index.substr(1))));
}
