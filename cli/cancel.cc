// catena cancel RUN [NODE…]: takes jobs out of the queue and ends those that run.
#include <fmt/core.h>

#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {

void add_cancel(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("cancel", "cancel a run, or some of its nodes; safe to repeat");
  struct Options {
    std::string run;
    std::vector<std::string> nodes;
  };
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->add_option("nodes", options->nodes, "nodes (scf: all its elements); default: the whole run")
      ->type_name("NODE");
  verb->footer("Example:  catena cancel silicon-eos scf.3");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] {
      const auto row = context.find_run(options->run);
      if (terminal(row.state)) {
        fmt::print("run {} has ended already: {}\n", row.id, to_string(row.state));
        return static_cast<int>(exit_ok);
      }
      return context.act(row.id, [&](Engine& engine, Run& run, const Place& place) {
        engine.cancel(run, place, find_nodes(run, options->nodes));
      });
    };
  });
}

}  // namespace catena::cli
