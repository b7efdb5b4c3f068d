// catena sync [RUN]: asks the sites and reacts, once. Without RUN: for every run that has not ended, one
// query a site.
#include <fmt/core.h>

#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

int sync(Context& context, const std::string& name) {
  std::vector<RunRow> rows;
  if (!name.empty()) {
    rows.push_back(context.find_run(name));
  } else {
    rows = context.store().runs({"", true, 0});
  }
  std::map<std::string, std::vector<std::unique_ptr<Run>>> by_site;
  for (const auto& row : rows) by_site[row.site].push_back(std::make_unique<Run>(context.load_run(row.id)));
  int code = exit_ok;
  Lines observer(true);
  if (name.empty()) context.catch_up_hooks(observer);
  for (auto& [site, runs] : by_site) {
    std::vector<Run*> pointers;
    for (auto& run : runs) pointers.push_back(run.get());
    try {
      const auto trouble = context.drive(pointers, observer, true);
      if (trouble) {
        fmt::print(stderr, "catena: {}: {}\n", site, trouble->what());
        code = exit_code(trouble->kind());
      }
    } catch (const Error& error) {  // the other sites are asked all the same
      fmt::print(stderr, "catena: {}: {}\n", site, error.what());
      if (!error.remedy().empty()) fmt::print(stderr, "  {}\n", error.remedy());
      code = exit_code(error.kind());
    }
    for (const auto* run : pointers)
      fmt::print("{} {}  {}: {}\n", run->row.name, run->row.id, to_string(run->row.state),
                 counts_text(run->row));
  }
  return code;
}

}  // namespace

void add_sync(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("sync", "ask the sites and act on the answers, once");
  auto run = std::make_shared<std::string>();
  verb->add_option("run", *run, "a run's id or its workflow's name; default: all that have not ended")
      ->type_name("RUN");
  verb->footer("Example:  catena sync\nGood in a cron line; `watch` and `wait` do the same in a loop.");
  verb->callback(
      [&context, &chosen, run] { chosen.action = [&context, run] { return sync(context, *run); }; });
}

}  // namespace catena::cli
