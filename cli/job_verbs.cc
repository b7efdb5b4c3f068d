// catena put, get, event, …: what a job says. The run's own program does it (core/job_tool.h), so that a job
// is understood alike with and without catena on its node, and by whatever version.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/verbs.h"
#include "core/job_tool.h"

namespace catena::cli {
namespace {

int hand_over(const std::string& verb, const std::vector<std::string>& arguments) {
  const char* run = std::getenv("CATENA_RUN_DIR");
  if (!run || !*run)
    throw Error(ErrorKind::usage,
                fmt::format("{}: this is not a job of catena: CATENA_RUN_DIR is not set", verb),
                "this verb is for the bodies of nodes: docs/workflow.md");
  const auto tool = fmt::format("{}/{}", run, tool_file);
  if (access(tool.c_str(), R_OK) != 0)
    throw Error(ErrorKind::not_found, fmt::format("{}: {} is not there", verb, tool),
                "is the run's folder on a file system that this host shares?");
  std::vector<std::string> words{"sh", tool, verb};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp("sh", argv.data());
  throw Error(ErrorKind::internal, fmt::format("{}: sh cannot be run", verb));
}

}  // namespace

void add_job_verbs(CLI::App& app, Context&, Chosen& chosen) {
  for (const auto& each : tool_verbs) {
    auto* verb = app.add_subcommand(std::string(each.name), std::string(each.what));
    verb->footer(fmt::format("Use:  catena {} {}\nWhat it does: docs/workflow.md, What a job can say",
                             each.name, each.usage));
    verb->group("In a job");
    verb->prefix_command();
    verb->callback([&chosen, verb, name = std::string(each.name)] {
      chosen.action = [verb, name] { return hand_over(name, verb->remaining()); };
    });
  }
}

}  // namespace catena::cli
