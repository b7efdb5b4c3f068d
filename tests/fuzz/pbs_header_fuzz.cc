#include <cstddef>
#include <cstdint>

#include "pbs/header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  catena::pbs::read_header({reinterpret_cast<const char*>(data), size});
  return 0;
}
