#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "pbs/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  catena::CommandResult result;
  result.out.assign(reinterpret_cast<const char*>(data), size);
  try {
    for (const auto& report : catena::pbs::parse(catena::QueryKind::queue, result).reports) {
      if (report.token.size() != 10 || report.native_id.empty()) __builtin_trap();
    }
  } catch (const catena::Error& error) {
    if (error.kind() != catena::ErrorKind::unavailable) throw;
  }
  return 0;
}
