// Every state that squeue(1) and sacct(1) name in 22.05, 24.11 and 26.05, with what it means to catena.
#pragma once

#include <span>
#include <string_view>

#include "core/report.h"

namespace catena::slurm {

struct NativeState {
  std::string_view name;     // as squeue %T and sacct State print it
  std::string_view compact;  // as squeue %t prints it; empty: it prints the state below
  JobState state;
  std::string_view meaning;
};

std::span<const NativeState> native_states();

// The table's row for a state as it was printed: "COMPLETED", "CD", "CANCELLED by 1003", a name that a narrow
// column cut
// ("CANCELLED+", "COMPLETI"). nullptr where none or more than one state is meant.
const NativeState* find_state(std::string_view text);

}  // namespace catena::slurm
