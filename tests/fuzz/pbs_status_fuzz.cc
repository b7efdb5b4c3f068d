#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "pbs/parse.h"
#include "token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  catena::CommandResult result;
  result.out.assign(reinterpret_cast<const char*>(data), size);
  try {
    for (const auto& report : catena::pbs::parse(catena::QueryKind::queue, result).reports) {
      if (!well_formed(report.token) || report.native_id.empty()) __builtin_trap();
    }
  } catch (const catena::Error& error) {
    if (error.kind() != catena::ErrorKind::unavailable) throw;
  }
  return 0;
}
