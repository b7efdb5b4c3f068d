// catena mark RUN NODE… --as completed|failed, catena skip RUN NODE…: the user's word about nodes that do not
// run.
#include <fmt/core.h>

#include "cli/verbs.h"

namespace catena::cli {
namespace {

struct Options {
  std::string run, end = "skipped";
  std::vector<std::string> nodes;
};

std::shared_ptr<Options> add_nodes(CLI::App& verb) {
  auto options = std::make_shared<Options>();
  verb.add_option("run", options->run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb.add_option("nodes", options->nodes, "nodes (scf: all its elements)")->required()->type_name("NODE");
  return options;
}

int mark(Context& context, const Options& options) {
  return context.act(options.run, [&](Engine& engine, Run& run, const Place& place) {
    engine.mark(run, place, find_nodes(run, options.nodes), *node_state_from(options.end));
  });
}

}  // namespace

void add_mark(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("mark", "say how nodes have ended, where you know better; safe to repeat");
  auto options = add_nodes(*verb);
  verb->add_option("--as", options->end, "completed: what follows may run; failed: it is skipped")
      ->required()
      ->check(CLI::IsMember({"completed", "failed"}));
  verb->footer("Example:  catena mark silicon-eos scf.3 --as completed");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return mark(context, *options); };
  });
}

void add_skip(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("skip", "leave nodes out, and what needs them; safe to repeat");
  auto options = add_nodes(*verb);
  verb->footer(
      "Example:  catena skip silicon-eos plots\nTo let go on what needs them: catena mark … --as completed");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return mark(context, *options); };
  });
}

}  // namespace catena::cli
