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

// The parts, also empty ones; the last one's NUL may be missing.
inline std::vector<std::string_view> nul_parts(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const auto end = std::min(list.find('\0'), list.size());
    parts.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return parts;
}

}  // namespace catena::transfer
