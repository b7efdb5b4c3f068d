#include "pbs/control.h"

#include <algorithm>
#include <unordered_set>

#include "core/split.h"
#include "pbs/reply.h"
#include "pbs/submit.h"

namespace catena::pbs {
namespace {

// The server of OpenPBS 23.06 crashes over a list whose last id it does not know, where one before was a job
// to delete: init_deljoblist counts the known ones only, and after the last of them the request is freed.
constexpr const char* delete_each = "s=0; for j; do qdel \"$j\" || s=$?; done; exit $s";
// So that a list is done within a command's time: some 500 ids.
constexpr std::size_t most_deleted_bytes = 10'000;

}  // namespace

std::vector<Command> control(Action action, std::span<const ControlTarget> targets, const Options& options) {
  std::vector<Command> commands;
  std::unordered_set<std::string> arrays;
  if (action == Action::repoint) {
    for (const auto& target : targets) {
      const auto id = whole_array(target.native_id);
      if (id != target.native_id && !arrays.insert(id).second) continue;  // its elements wait for the same
      auto argv = command_words("qalter");
      argv.insert(argv.end(), {"-W", "depend=" + dependency_list(target.parents), id});
      commands.push_back(repeatable(std::move(argv), options.timeout));
    }
    return commands;
  }
  std::vector<std::string> ids;
  ids.reserve(targets.size());
  for (const auto& target : targets) {
    const auto id = action == Action::cancel ? target.native_id : whole_array(target.native_id);
    if (id == target.native_id || arrays.insert(id).second) ids.push_back(id);
  }
  const bool one_by_one = action == Action::cancel && !options.torque;
  for (auto& list : lists_of(
           ids, one_by_one ? std::min(options.argument_bytes, most_deleted_bytes) : options.argument_bytes)) {
    auto argv = command_words(one_by_one                 ? "sh"
                              : action == Action::cancel ? "qdel"
                              : action == Action::hold   ? "qhold"
                                                         : "qrls");
    if (one_by_one) argv.insert(argv.end(), {"-c", delete_each, "sh"});
    argv.insert(argv.end(), list.begin(), list.end());
    commands.push_back(repeatable(std::move(argv), options.timeout));
  }
  return commands;
}

std::vector<std::string> parse_control(Action action, const CommandResult& result) {
  throw_if_unanswered(result);
  if (result.status == 0) return {};
  std::vector<std::string> failures;
  for (const auto line : lines(result.err)) {
    if (action != Action::repoint && says_ended(line)) continue;
    if (action == Action::cancel && says_unknown(line)) continue;
    failures.emplace_back(line);
  }
  if (lines(result.err).empty())
    failures.push_back("the command ended with status " + std::to_string(result.status));
  return failures;
}

}  // namespace catena::pbs
