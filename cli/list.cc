// catena list: the runs, newest first.
#include <fmt/core.h>

#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {

void add_list(CLI::App& app, Context& context, Chosen& chosen) {
  struct Options {
    bool json = false, active = false;
    std::size_t limit = 20;
  };
  auto* verb = app.add_subcommand("list", "list the runs, newest first");
  auto options = std::make_shared<Options>();
  verb->add_flag("--json", options->json, "as JSON");
  verb->add_flag("--active", options->active, "only those that have not ended");
  verb->add_option("-n,--limit", options->limit, "how many at most; 0: all")
      ->capture_default_str()
      ->type_name("N");
  verb->footer("Example:  catena list --active");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] {
      const auto runs = context.store().runs({"", options->active, options->limit});
      if (options->json) {
        boost::json::array list;
        for (const auto& run : runs) list.push_back(to_json(run));
        fmt::print("{}\n", boost::json::serialize(list));
        return static_cast<int>(exit_ok);
      }
      if (runs.empty()) fmt::print("no runs yet: `catena run FILE` starts one\n");
      const auto now = context.clock().now();
      std::vector<std::vector<std::string>> rows{{"RUN", "WORKFLOW", "STATE", "SITE", "AGE", "NODES"}};
      for (const auto& run : runs) {
        rows.push_back({run.id, run.name, std::string(to_string(run.state)), run.site,
                        duration_text(now - run.created), counts_text(run)});
      }
      if (rows.size() > 1) print_table(rows);
      return static_cast<int>(exit_ok);
    };
  });
}

}  // namespace catena::cli
