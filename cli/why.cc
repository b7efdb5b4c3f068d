// catena why RUN NODE: why a node is where it is, in one line, and what led there.
#include <fmt/core.h>

#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

std::string waiting_for(const Run& run, NodeIndex node) {
  std::string text;
  std::size_t more = 0, shown = 0;
  const auto current = run.current();
  const auto by_failure = skipped_by_failure(run.graph, run.nodes, current);
  for (const auto& edge : run.graph.parents(node)) {
    if (fate(edge.on, run.nodes[edge.node], current[edge.node], by_failure[edge.node]) != Fate::open)
      continue;
    if (++shown > 5) {
      ++more;
      continue;
    }
    text += fmt::format("{}{} of {} ({})", text.empty() ? "" : ", ", to_string(edge.on),
                        run.graph.node(edge.node).name, to_string(run.nodes[edge.node].state));
  }
  if (more > 0) text += fmt::format(" and {} more", more);
  return text;
}

std::string because(const Run& run, NodeIndex node) {
  const auto& row = run.nodes[node];
  const auto* attempt = run.attempts[node].get();
  const auto job = attempt && !attempt->native_id.empty() ? fmt::format(" (job {})", attempt->native_id) : "";
  const auto parents = waiting_for(run, node);
  switch (row.state) {
    case NodeState::pending:
      return parents.empty()
                 ? "not submitted yet: " + (row.reason.empty() ? "`catena sync` submits it" : row.reason)
                 : "not submitted yet; it waits for " + parents;
    case NodeState::held:
      if (!parents.empty()) return fmt::format("held by the scheduler{}: it waits for {}", job, parents);
      return fmt::format("held{}: {}", job,
                         row.reason.empty() ? "the scheduler gives no reason" : row.reason);
    case NodeState::queued:
      return fmt::format("queued{}: {}", job,
                         row.reason.empty() ? "it may start when there is room" : row.reason);
    case NodeState::running:
      return fmt::format("running{}{}", job, attempt && !attempt->host.empty() ? " on " + attempt->host : "");
    case NodeState::completed:
      return "completed" + job;
    default:
      return fmt::format("{}{}: {}", to_string(row.state), job, row.reason);
  }
}

int show(Context& context, const std::string& run_name, const std::string& node_name, bool json) {
  Run run = context.load_run(context.find_run(run_name).id);
  const auto node = find_node(run, node_name);
  if (!terminal(run.row.state)) {
    try {
      Lines observer(false);
      context.drive({&run}, observer, false);
    } catch (const Error& error) {
      if (!site_is_missing(error)) throw;
      fmt::print(stderr, "catena: {}: what follows is what is recorded\n", error.what());
    }
  }
  const auto events = context.store().events(run.row.id, 0, node);
  const auto line = because(run, node);
  if (json) {
    auto object = to_json(run, node, context.store().results(run.row.id));
    object["why"] = line;
    boost::json::array list;
    for (const auto& e : events) {
      list.push_back({{"time", iso_time(e.time)},
                      {"attempt", e.attempt},
                      {"kind", e.kind},
                      {"from", e.from},
                      {"to", e.to},
                      {"text", e.text}});
    }
    object["events"] = std::move(list);
    fmt::print("{}\n", boost::json::serialize(object));
    return exit_ok;
  }
  fmt::print("{}: {}\n", run.graph.node(node).name, line);
  for (const auto& e : events) {
    const auto what = e.kind == "state" ? fmt::format("{} -> {}", e.from, e.to) : e.kind;
    fmt::print("  {}  {}{}\n", iso_time(e.time), what, e.text.empty() ? "" : ": " + e.text);
  }
  if (run.nodes[node].state == NodeState::failed || run.nodes[node].state == NodeState::timeout) {
    fmt::print("  its output: catena logs {} {}\n", run.row.id, run.graph.node(node).name);
  }
  return exit_ok;
}

}  // namespace

void add_why(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("why", "say why a node is where it is");
  struct Options {
    std::string run, node;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->add_option("node", options->node, "a node: fit, scf.3")->required()->type_name("NODE");
  verb->add_flag("--json", options->json, "as JSON");
  verb->footer("Example:  catena why silicon-eos fit");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return show(context, options->run, options->node, options->json); };
  });
}

}  // namespace catena::cli
