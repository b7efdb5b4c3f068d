#include <cstddef>
#include <cstdint>

#include "slurm/header.h"
#include "slurm/options.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto header = catena::slurm::read_header({reinterpret_cast<const char*>(data), size});
  // What is passed on verbatim must be writable again.
  if (!catena::slurm::check_options(header.options).empty()) __builtin_trap();
  return 0;
}
