#include "pbs/states.h"

#include <array>

namespace catena::pbs {
namespace {

constexpr std::array table = {
    NativeState{"T", any_substate, JobState::queued, false, "on its way into the queue"},
    NativeState{"Q", any_substate, JobState::queued, false, "waits for resources"},
    NativeState{"W", 37, JobState::held, false, "its files could not be staged in"},
    NativeState{"W", any_substate, JobState::queued, false, "waits for its -a time"},
    NativeState{"H", 22, JobState::held, false, "waits for a dependency"},
    NativeState{"H", any_substate, JobState::held, false, "held by its user, an operator or the system"},
    NativeState{"R", any_substate, JobState::running, false, "has its resources"},
    NativeState{"S", any_substate, JobState::running, false, "suspended by the server"},
    NativeState{"U", any_substate, JobState::running, false, "suspended: its workstation is in use"},
    NativeState{"E", any_substate, JobState::running, false, "ended, but its files are not delivered yet"},
    NativeState{"B", any_substate, JobState::running, false, "an array of which a subjob has started"},
    NativeState{"M", any_substate, JobState::unknown, false, "moved to another server, which knows its end"},
    NativeState{"X", 70, JobState::cancelled, true, "a subjob that was deleted"},
    NativeState{"X", 91, JobState::cancelled, true, "a subjob that was deleted while it ran"},
    NativeState{"X", any_substate, JobState::failed, true, "a subjob that has ended; its array has not"},
    NativeState{"F", 91, JobState::cancelled, true, "deleted"},
    NativeState{"F", 92, JobState::completed, true, "finished"},
    NativeState{"F", 93, JobState::failed, true, "failed"},
    NativeState{"F", 94, JobState::unknown, false, "moved to another server, which knows its end"},
    NativeState{"F", any_substate, JobState::failed, true, "ended"},
    NativeState{"C", any_substate, JobState::failed, true, "completed (Torque), well or not"},
};

struct ExitRow {
  int status;
  JobState state;
  std::string_view meaning;
};

// JOB_EXEC_… of job.h, and what was seen at 23.06.06.
constexpr std::array openpbs_exits = {
    ExitRow{-1, JobState::failed, "could not be started"},
    ExitRow{-2, JobState::failed, "could not be started, its files were staged"},
    ExitRow{-3, JobState::failed, "could not be started, to be tried again"},
    ExitRow{-4, JobState::node_fail, "its host's PBS was started anew"},
    ExitRow{-5, JobState::node_fail, "its host's PBS was started anew"},
    ExitRow{-6, JobState::node_fail, "its host's PBS was started anew"},
    ExitRow{-10, JobState::failed, "the host does not know its user"},
    ExitRow{-11, JobState::preempted, "rerun"},
    ExitRow{-14, JobState::node_fail, "a host of its allocation failed"},
    ExitRow{-20, JobState::node_fail, "its first host was lost"},
    ExitRow{-24, JobState::failed, "used more processors than it asked for"},
    ExitRow{-25, JobState::failed, "used more processors than it asked for"},
    ExitRow{-26, JobState::oom, "ended by the virtual memory limit"},
    ExitRow{-27, JobState::oom, "ended by the memory limit"},
    ExitRow{-28, JobState::timeout, "ended at its limit of processor time"},
    ExitRow{-29, JobState::timeout, "ended at its walltime"},
};

constexpr std::array torque_exits = {
    ExitRow{-1, JobState::failed, "could not be started"},
    ExitRow{-2, JobState::failed, "could not be started, its files were staged"},
    ExitRow{-3, JobState::failed, "could not be started, to be tried again"},
    ExitRow{-4, JobState::node_fail, "its host's pbs_mom was started anew"},
    ExitRow{-5, JobState::node_fail, "its host's pbs_mom was started anew"},
    ExitRow{-6, JobState::node_fail, "its host's pbs_mom was started anew"},
    ExitRow{-8, JobState::failed, "its shell could not be started"},
    ExitRow{-9, JobState::failed, "its output files could not be opened"},
    ExitRow{-10, JobState::oom, "ended by the memory limit"},
    ExitRow{-11, JobState::timeout, "ended at its walltime"},
    ExitRow{-12, JobState::timeout, "ended at its limit of processor time"},
};

}  // namespace

std::span<const NativeState> native_states() {
  return table;
}

const NativeState* find_state(std::string_view letter, std::optional<int> substate) {
  for (const auto& row : table) {
    if (row.letter == letter && (row.substate == any_substate || row.substate == substate)) return &row;
  }
  return nullptr;
}

NativeExit read_exit(int status, bool torque) {
  if (status == 0) return {JobState::completed, 0, std::nullopt, {}};
  if (status >= 256) return {JobState::failed, std::nullopt, status - 256, {}};
  if (status > 0) return {JobState::failed, status, std::nullopt, {}};
  const auto rows = torque ? std::span<const ExitRow>(torque_exits) : std::span<const ExitRow>(openpbs_exits);
  for (const auto& row : rows) {
    if (row.status == status) return {row.state, std::nullopt, std::nullopt, row.meaning};
  }
  return {JobState::failed, std::nullopt, std::nullopt, "ended by PBS itself"};
}

}  // namespace catena::pbs
