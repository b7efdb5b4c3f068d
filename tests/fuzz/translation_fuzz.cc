#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "pbs/translation.h"
#include "slurm/translation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace catena;
  const BatchLanguage languages[] = {slurm::batch_language(), pbs::batch_language(),
                                     pbs::torque_batch_language()};
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  if (script.find('\0') != script.npos) return 0;  // sbatch refuses that in a body, too, which stays as it is
  for (const auto& to : languages) {
    try {
      const auto made = translate(script, "job", languages, to);
      // What is written has to be read without a mistake by the scheduler that it is for.
      if (!to.read(made.script).errors.empty()) __builtin_trap();
    } catch (const Error&) {
      continue;  // no directives, or wrong ones
    }
  }
  return 0;
}
