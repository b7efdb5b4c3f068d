#include "adapters/transfer/file_time.h"

#include <charconv>

namespace catena::transfer {
namespace {

constexpr int digits = 9;

}  // namespace

std::int64_t file_time(std::string_view text) {
  std::int64_t time = 0;
  const auto* last = text.data() + text.size();
  const auto* at = std::from_chars(text.data(), last, time).ptr;
  if (at < last) ++at;  // the point; a comma in some locales
  for (int i = 0; i < digits; ++i) {
    time *= 10;
    if (at < last && *at >= '0' && *at <= '9') time += *at++ - '0';
  }
  return time;
}

std::int64_t file_time(const struct stat& file) {
  return std::int64_t{file.st_mtim.tv_sec} * 1'000'000'000 + file.st_mtim.tv_nsec;
}

}  // namespace catena::transfer
