#include "pbs/control.h"

#include "pbs/reply.h"
#include "pbs/submit.h"

namespace catena::pbs {

std::vector<Command> control(Action action, std::span<const ControlTarget> targets, const Options& options) {
  std::vector<Command> commands;
  if (action == Action::repoint) {
    for (const auto& target : targets) {
      auto argv = command_words("qalter");
      argv.insert(argv.end(), {"-W", "depend=" + dependency_list(target.parents), target.native_id});
      commands.push_back(repeatable(std::move(argv), options.timeout));
    }
    return commands;
  }
  std::vector<std::string> ids;
  ids.reserve(targets.size());
  for (const auto& target : targets) ids.push_back(target.native_id);
  for (auto& list : lists_of(ids, options.argument_bytes)) {
    auto argv = command_words(action == Action::cancel ? "qdel" : action == Action::hold ? "qhold" : "qrls");
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
