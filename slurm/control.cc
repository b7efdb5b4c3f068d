#include "slurm/control.h"

#include <fmt/core.h>

#include <map>

#include "core/split.h"
#include "slurm/reply.h"
#include "slurm/submit.h"

namespace catena::slurm {
namespace {

// Filters and questions that a login shell's environment would add: SCANCEL_STATE would leave jobs alone in
// silence.
std::vector<std::string> scancel() {
  return command_words(
      "scancel", {"SCANCEL_ACCOUNT", "SCANCEL_BATCH", "SCANCEL_CTLD", "SCANCEL_FULL", "SCANCEL_HURRY",
                  "SCANCEL_INTERACTIVE", "SCANCEL_NAME", "SCANCEL_PARTITION", "SCANCEL_QOS", "SCANCEL_STATE",
                  "SCANCEL_USER", "SCANCEL_VERBOSE", "SCANCEL_WCKEY"});
}
std::vector<std::string> scontrol() {
  return command_words("scontrol", {"SCONTROL_FEDERATION", "SCONTROL_LOCAL", "SCONTROL_SIBLING"});
}

bool holds(std::string_view line, std::string_view text) {
  return line.find(text) != line.npos;
}

bool ended(std::string_view line) {
  return holds(line, "Job has already finished") || holds(line, "Job/step already completing or completed");
}

// "slurm_suspend error: …" only repeats the last job's words, without its id.
bool summary(std::string_view line) {
  return line.starts_with("slurm_suspend error") || line.starts_with("slurm_update error");
}

// Elements of one array as "123_[1-5,7]": a thousand ids would be a thousand requests. Such a list is one
// word of a command line, too.
std::vector<std::string> ids_of(std::span<const ControlTarget> targets, std::size_t bytes) {
  std::vector<std::string> ids;
  std::map<std::string, std::vector<int>> arrays;
  for (const auto& target : targets) {
    const auto mark = target.native_id.find('_');
    if (mark == std::string::npos) {
      ids.push_back(target.native_id);
    } else {
      arrays[target.native_id.substr(0, mark)].push_back(std::stoi(target.native_id.substr(mark + 1)));
    }
  }
  for (auto& [id, indices] : arrays) {
    const auto text = ranges_of(std::move(indices));
    const auto parts = split_words(text, ",");
    const std::vector<std::string> ranges(parts.begin(), parts.end());
    for (const auto& list : lists_of(ranges, bytes - id.size() - 3))
      ids.push_back(fmt::format("{}_[{}]", id, joined(list)));
  }
  return ids;
}

}  // namespace

std::vector<Command> control(Action action, std::span<const ControlTarget> targets, const Options& options) {
  std::vector<Command> commands;
  if (action == Action::repoint) {
    for (const auto& target : targets) {
      auto argv = scontrol();
      argv.insert(argv.end(),
                  {"update", "JobId=" + target.native_id, "Dependency=" + dependency_list(target.parents)});
      commands.push_back(repeatable(std::move(argv), options.timeout));
    }
    return commands;
  }
  for (auto& list : lists_of(ids_of(targets, options.argument_bytes), options.argument_bytes)) {
    auto argv = action == Action::cancel ? scancel() : scontrol();
    if (action == Action::cancel) {
      argv.insert(argv.end(), list.begin(), list.end());
    } else {
      argv.insert(argv.end(), {action == Action::hold ? "hold" : "release", joined(list)});
    }
    commands.push_back(repeatable(std::move(argv), options.timeout));
  }
  return commands;
}

std::vector<std::string> parse_control(Action action, const CommandResult& result) {
  throw_if_unanswered(result);
  std::vector<std::string> failures;
  for (const auto line : lines(result.err)) {
    if (summary(line)) continue;
    if (action != Action::repoint && ended(line)) continue;
    if (action == Action::cancel && holds(line, "Invalid job id specified")) continue;
    failures.emplace_back(line);
  }
  // Exit status 0: what scancel and scontrol print then are notes.
  if (result.status == 0) return {};
  const bool said_nothing = result.err.find_first_not_of(" \n") == result.err.npos;
  if (said_nothing) failures.push_back("the command ended with status " + std::to_string(result.status));
  return failures;
}

}  // namespace catena::slurm
