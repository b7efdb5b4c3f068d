// Times of modification, in nanoseconds since 1970.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string_view>

namespace catena::transfer {

// "1700000000.1234567890", as find's %T@ and stat's %.9Y print it.
std::int64_t file_time(std::string_view text);
std::int64_t file_time(const struct stat& file);

}  // namespace catena::transfer
