#include "slurm/states.h"

#include <array>

namespace catena::slurm {
namespace {

// A job under REQUEUED can carry an End and be the latest row for a while: it runs again under the same id.
constexpr std::array<NativeState, 26> table = {{
    {"PENDING", "PD", JobState::queued, "waits for resources; held or dependent if its reason says so"},
    {"RUNNING", "R", JobState::running, "has an allocation"},
    {"COMPLETED", "CD", JobState::completed, "ended with exit status 0 on all nodes"},
    {"FAILED", "F", JobState::failed, "ended with another exit status, or could not be started"},
    {"CANCELLED", "CA", JobState::cancelled, "cancelled by its user or an administrator, started or not"},
    {"TIMEOUT", "TO", JobState::timeout, "ended at its time limit"},
    {"OUT_OF_MEMORY", "OOM", JobState::oom, "ended by the memory limit"},
    {"NODE_FAIL", "NF", JobState::node_fail, "a node of its allocation failed"},
    {"BOOT_FAIL", "BF", JobState::node_fail, "a node of its allocation did not boot"},
    {"PREEMPTED", "PR", JobState::preempted, "ended to make room for another job"},
    {"DEADLINE", "DL", JobState::failed, "could no longer end before its own --deadline"},
    {"COMPLETING", "CG", JobState::running, "ended, but its processes or epilogue are not gone yet"},
    {"CONFIGURING", "CF", JobState::running, "has an allocation whose nodes are getting ready"},
    {"EXPEDITING", "", JobState::queued, "waits with the highest priority (26.05)"},
    {"SUSPENDED", "S", JobState::running, "has an allocation, suspended, its CPUs lent out"},
    {"STOPPED", "ST", JobState::running, "has an allocation, stopped by SIGSTOP"},
    {"SIGNALING", "SI", JobState::running, "is being sent a signal"},
    {"STAGE_OUT", "SO", JobState::running, "ended, its burst buffer is being copied out"},
    {"RESIZING", "RS", JobState::running, "its allocation is changing size"},
    {"REQUEUED", "RQ", JobState::queued, "ended, and goes back to the queue"},
    {"REQUEUE_FED", "RF", JobState::queued, "goes back to the queue of a federation"},
    {"REQUEUE_HOLD", "RH", JobState::held, "goes back to the queue, held"},
    {"SPECIAL_EXIT", "SE", JobState::held,
     "went back to the queue, held, after an exit status that the site marks"},
    {"RESV_DEL_HOLD", "RD", JobState::held, "held: its reservation was deleted"},
    {"REVOKED", "RV", JobState::running,
     "started on another cluster of the federation; its end is told by that one"},
    {"?", "?", JobState::unknown, "a state that the command itself does not know"},
}};

}  // namespace

std::span<const NativeState> native_states() {
  return table;
}

const NativeState* find_state(std::string_view text) {
  text = text.substr(0, text.find(' '));  // "CANCELLED by 1003"
  if (text.empty()) return nullptr;
  for (const auto& row : table) {
    if (row.name == text || row.compact == text) return &row;
  }
  const bool marked = text.ends_with('+');
  if (marked) text.remove_suffix(1);
  // The shortest columns that people use are five wide; a shorter piece is no evidence.
  if (text.size() < (marked ? 1U : 5U)) return nullptr;
  const NativeState* found = nullptr;
  for (const auto& row : table) {
    if (!row.name.starts_with(text)) continue;
    if (found != nullptr) return nullptr;
    found = &row;
  }
  return found;
}

}  // namespace catena::slurm
