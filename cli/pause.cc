// catena pause RUN, catena resume RUN: hold what waits at the scheduler, and let it go again.
#include <fmt/core.h>

#include "cli/verbs.h"

namespace catena::cli {

void add_pause(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("pause", "hold what waits in the queue; what runs goes on; safe to repeat");
  auto run = std::make_shared<std::string>();
  verb->add_option("run", *run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->footer("Example:  catena pause silicon-eos");
  verb->callback([&context, &chosen, run] {
    chosen.action = [&context, run] {
      return context.act(*run, [](Engine& engine, Run& each, const Place& place) {
        if (!terminal(each.row.state)) engine.pause(each, place);
      });
    };
  });
}

void add_resume(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("resume", "let a paused run go on; safe to repeat");
  auto run = std::make_shared<std::string>();
  verb->add_option("run", *run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->footer("Example:  catena resume silicon-eos");
  verb->callback([&context, &chosen, run] {
    chosen.action = [&context, run] {
      return context.act(*run, [](Engine& engine, Run& each, const Place&) { engine.resume(each); });
    };
  });
}

}  // namespace catena::cli
