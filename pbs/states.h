// The states that qstat(1B) of OpenPBS 23.06 and Torque name, with what each means to catena.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/report.h"

namespace catena::pbs {

inline constexpr int any_substate = -1;

struct NativeState {
  std::string_view letter;  // job_state
  int substate;             // any_substate: all others of this letter
  JobState state;           // of an ended job: where its exit status says no more
  bool ended;
  std::string_view meaning;
};

std::span<const NativeState> native_states();

// The table's row, the one with the substate before the one for any; nullptr for a state that it does not
// hold.
const NativeState* find_state(std::string_view letter, std::optional<int> substate);

// What the exit status of an ended job says: 0 well, 1 to 255 the script's own, 256+N signal N, below 0 PBS
// itself. The negative numbers of OpenPBS and of Torque are different ones.
struct NativeExit {
  JobState state = JobState::failed;
  std::optional<int> exit_code, signal;
  std::string_view meaning;  // of a negative one
};
NativeExit read_exit(int status, bool torque);

}  // namespace catena::pbs
