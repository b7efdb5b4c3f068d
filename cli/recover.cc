// catena retry RUN [NODE…], catena recover RUN: run again what has not completed.
#include <fmt/core.h>

#include "cli/changes.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

struct Options {
  std::string run;
  std::vector<std::string> nodes, from;
  bool reload = false;
  int limit = 10;
};

bool ended_badly(NodeState state) {
  return state == NodeState::failed || state == NodeState::timeout || state == NodeState::cancelled;
}

int retry(Context& context, const Options& options) {
  return context.act(options.run, [&](Engine& engine, Run& run, const Place&) {
    std::vector<NodeIndex> nodes;
    if (options.nodes.empty()) {
      for (NodeIndex i = 0; i < run.graph.size(); ++i) {
        if (ended_badly(run.nodes[i].state)) nodes.push_back(i);
      }
    }
    for (const auto& name : options.nodes) {
      const auto before = nodes.size();
      for (const auto node : find_nodes(run, {name})) {
        if (ended_badly(run.nodes[node].state)) nodes.push_back(node);
      }
      if (nodes.size() > before) continue;
      const auto node = find_nodes(run, {name}).front();
      throw Error(ErrorKind::conflict,
                  fmt::format("{} is {}: only what has failed or was cancelled is tried again", name,
                              to_string(run.nodes[node].state)),
                  fmt::format("`catena recover {} --from {}` runs a node again that has completed",
                              run.row.id, name));
    }
    if (nodes.empty()) {
      fmt::print("run {}: nothing has failed\n", run.row.id);
    } else {
      engine.reopen(run, nodes, "tried again by the user");
    }
  });
}

// What has to run: all that has not completed; with --from these nodes and all that follows them.
std::vector<NodeIndex> to_recover(const Run& run, const Options& options) {
  std::vector<bool> wanted(run.graph.size());
  for (const auto node : find_nodes(run, options.from)) wanted[node] = true;
  std::vector<NodeIndex> nodes;
  for (const auto node : run.graph.order()) {
    for (const auto& edge : run.graph.parents(node)) {
      if (wanted[edge.node]) wanted[node] = true;
    }
    if (wanted[node] || ended_badly(run.nodes[node].state)) nodes.push_back(node);
  }
  return nodes;
}

// The workflow file as it is now, if it still describes the same nodes and edges.
ReadFile same_graph(const Run& run, const Snapshot& recorded) {
  auto now = read_file(run.row.file, &recorded);
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::conflict, fmt::format("{}: {}", run.row.file, what),
                "this run keeps its graph: `catena run` starts another one");
  };
  if (now.graph.size() != run.graph.size())
    refuse(fmt::format("it has {} nodes now, and run {} has {}", now.graph.size(), run.row.id,
                       run.graph.size()));
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    const auto& name = run.graph.node(i).name;
    if (now.graph.node(i).name != name)
      refuse(fmt::format("node {} is called {} now", name, now.graph.node(i).name));
    const auto same = [](const Edge& a, const Edge& b) { return a.node == b.node && a.on == b.on; };
    if (!std::ranges::equal(now.graph.parents(i), run.graph.parents(i), same))
      refuse(fmt::format("node {} has other parents now", name));
  }
  return now;
}

void note(const std::vector<std::string>& lines) {
  for (const auto& line : lines) fmt::print(stderr, "catena: {}\n", line);
}

int recover(Context& context, const Options& options) {
  return context.act(options.run, [&](Engine& engine, Run& run, const Place& place) {
    if (terminal(run.row.state) && run.row.recoveries >= options.limit) {
      throw Error(ErrorKind::conflict,
                  fmt::format("run {} was recovered {} times already", run.row.id, run.row.recoveries),
                  fmt::format("look at why it fails (`catena why {}`); --limit {} tries again", run.row.id,
                              run.row.recoveries + 1));
    }
    const auto recorded = context.store().load(run.row.id).snapshot;
    std::optional<Snapshot> snapshot;
    if (options.reload) {
      auto now = same_graph(run, recorded);
      note(outdated(run, now.workflow, place));
      if (!changed_files(recorded, now.snapshot).empty()) snapshot = std::move(now.snapshot);
      run.workflow = std::move(now.workflow);
    } else {
      note(outdated(run, run.workflow, place));
      try {
        const auto changed = changed_files(recorded, read_file(run.row.file, &recorded).snapshot);
        note(changed);
        if (!changed.empty())
          note({"the run goes on with what it was started with; --reload takes the files as they are"});
      } catch (const Error& error) {
        note({fmt::format("{}; the run goes on with what it was started with", error.what())});
      }
    }
    const auto nodes = to_recover(run, options);
    if (nodes.empty()) {
      fmt::print("run {}: nothing is left to run\n", run.row.id);
    } else {
      engine.reopen(run, nodes, "recovered by the user", std::move(snapshot));
    }
  });
}

}  // namespace

void add_retry(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("retry", "try failed nodes again, and what was skipped because of them");
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->add_option("nodes", options->nodes, "nodes (scf: all its elements); default: all that failed")
      ->type_name("NODE");
  verb->footer("Example:  catena retry silicon-eos scf.3");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return retry(context, *options); };
  });
}

void add_recover(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("recover", "run all of a run that has not completed");
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->add_option("--from", options->from, "run this node again, completed or not, and all that follows it")
      ->type_name("NODE");
  verb->add_flag(
      "--reload", options->reload,
      "with the workflow file, scripts and templates as they are now; nodes and edges must be the same");
  verb->add_option("--limit", options->limit, "refuse if it was recovered so often already")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  verb->footer("Example:  catena recover silicon-eos --from fit");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return recover(context, *options); };
  });
}

}  // namespace catena::cli
