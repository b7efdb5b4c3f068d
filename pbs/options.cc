#include "pbs/options.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/resources.h"
#include "pbs/header.h"

namespace catena::pbs {
namespace {

// The reader of batch scripts' headers knows every option, and what is portable.
ScriptHeader read(const std::string& option) {
  return read_header("#PBS " + option + "\n");
}

}  // namespace

std::vector<std::string> check_options(std::span<const std::string> options) {
  std::vector<std::string> problems;
  for (const auto& option : options) {
    const auto refuse = [&](std::string_view why) {
      problems.push_back(fmt::format("'{}': {}", option, why));
    };
    if (option.find_first_of("\n\r") != option.npos) {
      refuse("an option cannot hold a line break");
      continue;
    }
    if (option.ends_with('\\')) {
      refuse("a backslash at the end would swallow the next directive");
      continue;
    }
    const auto header = read(option);
    for (const auto& problem : header.problems)
      refuse(problem.message + (problem.hint.empty() ? "" : ": " + problem.hint));
    for (const auto name : resource_names()) {
      if (!get_resource(header.resources, name).empty())
        refuse(fmt::format("use the resource '{}' instead", name));
    }
    if (!header.job_name.empty()) refuse("catena names its jobs itself");
    if (!header.stdout_file.empty() || !header.stderr_file.empty())
      refuse("catena sets the output files itself");
    if (!header.workdir.empty()) refuse("use workdir");
    if (!header.shell.empty()) refuse("use shell");
    if (!header.env.empty()) refuse("use env");
    if (header.problems.empty() && header.options.empty() && header.resources == Resources{} &&
        header.job_name.empty() && header.stdout_file.empty() && header.stderr_file.empty() &&
        header.workdir.empty() && header.shell.empty() && header.env.empty())
      refuse("it is no option of qsub");
  }
  return problems;
}

bool have_chunks(std::span<const std::string> options) {
  return std::ranges::any_of(options, [](const std::string& option) {
    const auto header = read(option);
    return std::ranges::any_of(header.options, [](const std::string& each) {
      return each.starts_with("-l ") &&
             (each.find("select=") != each.npos || each.find("nodes=") != each.npos);
    });
  });
}

}  // namespace catena::pbs
