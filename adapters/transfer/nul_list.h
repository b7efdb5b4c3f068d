// Names that may hold any byte but NUL, as find -print0 writes them and xargs -0 reads them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace catena::transfer {

inline void append_nul(std::string& list, std::string_view name) {
  list.append(name).push_back('\0');
}

}  // namespace catena::transfer
