// catena events [RUN]: what happened, in order; with --follow until the run has ended.
#include <fmt/core.h>

#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

struct Options {
  std::string run, node;
  bool json = false, follow = false;
};

void print_line(const Event& event, const std::string& node) {
  std::string what = event.kind;
  if (event.kind == "state" || event.kind == "run") {
    what = event.from.empty() ? event.to : fmt::format("{} -> {}", event.from, event.to);
    if (event.kind == "run") what = "run " + what;
  }
  fmt::print("{}  {}{}{}{}\n", iso_time(event.time), node.empty() ? "" : node + ": ", what,
             event.text.empty() ? "" : ": ", event.text);
}

void print_json(const RunRow& run, const Event& event, const std::string& node) {
  fmt::print("{}\n", boost::json::serialize(to_json(run, event, node)));
}

// Those behind `last`; gives the new last one.
std::int64_t print_new(Store& store, const RunRow& run, const std::vector<std::string>& names, NodeIndex node,
                       std::int64_t last, bool json) {
  for (const auto& event : store.events(run.id, last, node)) {
    const auto name = event.node == no_node ? std::string() : names.at(event.node);
    json ? print_json(run, event, name) : print_line(event, name);
    last = event.id;
  }
  std::fflush(stdout);
  return last;
}

int show(Context& context, const Options& options) {
  auto& store = context.store();
  auto run = context.find_run(options.run);
  std::vector<std::string> names;
  for (const auto& node : store.nodes(run.id, Which::all, 0)) names.push_back(node.name);
  const auto node = options.node.empty() ? no_node : find_node(context.load_run(run.id), options.node);
  std::int64_t last = 0;
  while (true) {
    // Its state first: what is written before a run ends is there when the end is seen.
    run = store.runs({run.id, false, 1}).front();
    last = print_new(store, run, names, node, last, options.json);
    if (!options.follow || terminal(run.state)) return exit_ok;
    context.clock().sleep(std::chrono::milliseconds(500));
  }
}

}  // namespace

void add_events(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("events", "show what happened to a run, in order");
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run,
                   "a run's id, or its workflow's name (the latest); default: the latest run")
      ->type_name("RUN");
  verb->add_option("--node", options->node, "of one node only")->type_name("NODE");
  verb->add_flag("--json", options->json, "as JSON, one object a line");
  verb->add_flag("--follow,-f", options->follow, "stay, and show what comes until the run has ended");
  verb->footer(
      "Example:  catena events silicon-eos --follow\n"
      "It reads the record and asks no site: a `watch`, `wait` or `sync` elsewhere is what brings news.");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return show(context, *options); };
  });
}

}  // namespace catena::cli
