// catena gc: removes the directories of runs that have ended; shows first which ones.
#include <fmt/core.h>

#include <map>

#include "cli/print.h"
#include "cli/verbs.h"
#include "cli/work_directory.h"

namespace catena::cli {
namespace {

struct Options {
  std::vector<std::string> runs;
  std::string older = "30d", site;
  bool yes = false, failed = false;
};

bool wanted(const RunRow& run, const Options& options, Time before) {
  if (!options.site.empty() && run.site != options.site) return false;
  if (!options.runs.empty()) return std::ranges::find(options.runs, run.id) != options.runs.end();
  return run.updated < before && (options.failed || run.state == RunState::completed);
}

int collect(Context& context, const Options& options) {
  const auto age = parse_duration(options.older);
  if (!age)
    throw Error(ErrorKind::usage, fmt::format("--older {}: not a time", options.older), "write 12h or 30d");
  for (const auto& id : options.runs) {
    const auto run = context.find_run(id);
    if (run.id != id) throw Error(ErrorKind::usage, fmt::format("{}: name runs by their ids here", id));
    if (!terminal(run.state))
      throw Error(ErrorKind::conflict, fmt::format("run {} has not ended", id),
                  fmt::format("catena cancel {}", id));
  }
  const auto before = context.clock().now() - *age;
  std::map<std::string, std::vector<RunRow>> by_site;
  for (auto& run : context.store().runs({})) {
    if (terminal(run.state) && wanted(run, options, before)) by_site[run.site].push_back(std::move(run));
  }
  std::size_t count = 0;
  std::uintmax_t bytes = 0;
  for (const auto& [site, runs] : by_site) {
    auto& bench = context.workbench(site);
    std::vector<std::string> directories;
    std::map<std::string, const RunRow*> owners;
    for (const auto& run : runs) {
      directories.push_back(run.directory);
      owners[run.directory] = &run;
    }
    const auto found = existing(*bench.transport, directories);
    directories.clear();
    for (const auto& directory : found) {
      const auto& run = *owners.at(directory.path);
      fmt::print("{}  {}  {} {} ago  {}\n", run.id, size_text(directory.size), to_string(run.state),
                 duration_text(context.clock().now() - run.updated), directory.path);
      directories.push_back(directory.path);
      ++count;
      bytes += directory.size;
    }
    if (options.yes) remove(*bench.transport, directories);
  }
  if (count == 0) {
    fmt::print("nothing to remove\n");
  } else {
    fmt::print("{} director{}, {}: {}\n", count, count == 1 ? "y" : "ies", size_text(bytes),
               options.yes ? "removed" : "add --yes to remove them");
  }
  return exit_ok;
}

}  // namespace

void add_gc(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb =
      app.add_subcommand("gc", "remove the directories of ended runs; only shows them without --yes");
  auto options = std::make_shared<Options>();
  verb->add_option("runs", options->runs, "these runs, by their ids; default: completed ones by their age")
      ->type_name("RUN");
  verb->add_option("--older", options->older, "ended before that time ago; default: 30d")->type_name("TIME");
  verb->add_option("--site", options->site, "of this site only")->type_name("SITE");
  verb->add_flag("--failed", options->failed, "failed and cancelled runs too");
  verb->add_flag("--yes", options->yes, "remove them");
  verb->footer(
      "Example:  catena gc --older 14d --yes\nWhat is on record of a run stays: status, why, events.");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return collect(context, *options); };
  });
}

}  // namespace catena::cli
