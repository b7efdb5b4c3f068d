// catena validate FILE: every mistake at once; touches nothing.
#include <fmt/core.h>

#include "cli/run_options.h"
#include "cli/verbs.h"

namespace catena::cli {

void add_validate(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("validate", "check a workflow file and say every mistake");
  auto options = std::make_shared<RunOptions>();
  options->add_to(*verb);
  verb->footer("Example:  catena validate silicon-eos.yaml");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] {
      const auto file = read_file(options->file);
      const auto bench = context.make_workbench(context.site(options->site_for(file.workflow)));
      // Nobody is asked where the runs would be: any directory will do.
      check_everything(file,
                       options->row(file.workflow, bench->site.name, "/runs", "check", context.clock().now()),
                       *bench);
      for (const auto& warning : file.warnings) fmt::print("warning: {}\n", warning);
      fmt::print("{}: {} is sound: {} node{}, {} edge{}\n", options->file, file.workflow.name,
                 file.graph.size(), file.graph.size() == 1 ? "" : "s", file.graph.edge_count(),
                 file.graph.edge_count() == 1 ? "" : "s");
      return static_cast<int>(exit_ok);
    };
  });
}

}  // namespace catena::cli
