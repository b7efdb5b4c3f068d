// catena validate FILE: every mistake at once, and what the nodes' checks find on the site; changes nothing.
#include <fmt/core.h>

#include "cli/run_options.h"
#include "cli/verbs.h"

namespace catena::cli {

void add_validate(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("validate", "check a workflow file and say every mistake");
  auto options = std::make_shared<RunOptions>();
  auto checks = std::make_shared<SiteChecks>(SiteChecks::run);
  options->add_to(*verb);
  add_no_checks(*verb, *checks);
  verb->footer("Example:  catena validate silicon-eos.yaml");
  verb->callback([&context, &chosen, options, checks] {
    chosen.action = [&context, options, checks] {
      const auto file = read_file(options->file);
      const auto bench = context.make_workbench(context.site(options->site_for(file.workflow)));
      const bool look = *checks == SiteChecks::run && has_checks(file.workflow);
      // Without checks nobody is asked where the runs would be: any directory will do.
      const auto base = look ? bench->scratch_base(file.workflow.directory) : "/runs";
      check_everything(file,
                       options->row(file.workflow, bench->site.name, base, "check", context.clock().now()),
                       *bench, *checks);
      for (const auto& warning : file.warnings) fmt::print("warning: {}\n", warning);
      fmt::print("{}: {} is sound: {} node{}, {} edge{}\n", options->file, file.workflow.name,
                 file.graph.size(), file.graph.size() == 1 ? "" : "s", file.graph.edge_count(),
                 file.graph.edge_count() == 1 ? "" : "s");
      return static_cast<int>(exit_ok);
    };
  });
}

}  // namespace catena::cli
