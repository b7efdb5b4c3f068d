#include <cstddef>
#include <cstdint>

#include "slurm/parse.h"
#include "token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  catena::CommandResult result;
  result.out.assign(reinterpret_cast<const char*>(data), size);
  for (const auto& report : catena::slurm::parse_queue(result).reports) {
    if (!well_formed(report.token) || report.native_id.empty()) __builtin_trap();
  }
  return 0;
}
