// catena sites: the sites there are, and where each was found.
#include <fmt/core.h>

#include "cli/print.h"
#include "cli/registry.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

int show(Context& context, bool json) {
  const auto sites = list_sites(context.sites(), check_site_options);
  if (json) {
    boost::json::array list;
    for (const auto& entry : sites) {
      boost::json::object object{{"name", entry.name},   {"file", entry.file},   {"error", entry.error},
                                 {"scheduler", nullptr}, {"transport", nullptr}, {"description", nullptr}};
      if (entry.site) {
        object["scheduler"] = entry.site->scheduler;
        object["transport"] = entry.site->transport;
        object["description"] = entry.site->description;
      }
      list.push_back(std::move(object));
    }
    fmt::print("{}\n", boost::json::serialize(list));
    return exit_ok;
  }
  std::vector<std::vector<std::string>> rows{{"SITE", "SCHEDULER", "TRANSPORT", "FROM", "DESCRIPTION"}};
  for (const auto& entry : sites) {
    const auto from = entry.file.empty() ? "built in" : entry.file;
    if (entry.site) {
      rows.push_back(
          {entry.name, entry.site->scheduler, entry.site->transport, from, entry.site->description});
    } else {
      rows.push_back({entry.name, "-", "-", from, "cannot be used, see below"});
    }
  }
  print_table(rows);
  for (const auto& entry : sites) {
    if (!entry.error.empty()) fmt::print("\n{}:\n{}\n", entry.name, entry.error);
    for (const auto& file : entry.shadows)
      fmt::print("{} takes the place of {}\n", entry.file.empty() ? "built in" : entry.file, file);
  }
  return exit_ok;
}

}  // namespace

void add_sites(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("sites", "list the sites and where they come from");
  auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "as JSON");
  verb->footer("Example:  catena sites\nA site is an INI file in ~/.config/catena/sites: docs/sites.md.");
  verb->callback(
      [&context, &chosen, json] { chosen.action = [&context, json] { return show(context, *json); }; });
}

}  // namespace catena::cli
