// catena status [RUN]: what is known of a run and its nodes; asks the site where the knowledge is older than
// its poll time.
#include <fmt/core.h>

#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

struct Options {
  std::string run;
  bool json = false, all = false, offline = false, results = false;
};

constexpr std::size_t many = 60;  // longer runs show what needs attention, not every node

bool of_interest(NodeState state) {
  return state != NodeState::completed && state != NodeState::held && state != NodeState::pending;
}

std::vector<std::string> line(const Run& run, NodeIndex i, Time now, const std::vector<ResultRow>& results,
                              bool with_results) {
  const auto& row = run.nodes[i];
  const auto* attempt = run.attempts[i].get();
  std::string time;
  if (attempt && attempt->started) time = duration_text(attempt->ended.value_or(now) - *attempt->started);
  std::string last = row.reason;
  if (with_results) {
    for (const auto& result : results) {
      if (result.node == i && result.attempt == row.attempts) {
        last += fmt::format("{}{}={}", last.empty() ? "" : " ", result.name, to_text(result.value));
      }
    }
  }
  return {"  " + run.graph.node(i).name,
          std::string(to_string(row.state)),
          attempt ? attempt->native_id : "",
          row.attempts > 1 ? fmt::format("{}", row.attempts) : "",
          time,
          last};
}

void print(const Run& run, const Options& options, Time now, const std::vector<ResultRow>& results) {
  const auto age = age_text(run.row, now);
  fmt::print("{} {}  {} on {}{}{}\n", run.row.name, run.row.id, to_string(run.row.state), run.row.site,
             age.empty() ? "" : "  " + age, run.row.reason.empty() ? "" : "\n  " + run.row.reason);
  fmt::print("  {} nodes: {}\n", run.graph.size(), counts_text(run.row));
  std::vector<std::vector<std::string>> rows{{"  NODE", "STATE", "JOB", "ATTEMPT", "TIME", "REASON"}};
  std::size_t hidden = 0;
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    const bool show =
        options.all || run.graph.size() <= many || (of_interest(run.nodes[i].state) && rows.size() <= many);
    if (show) {
      rows.push_back(line(run, i, now, results, options.results));
    } else {
      ++hidden;
    }
  }
  if (rows.size() > 1) print_table(rows);
  if (hidden > 0) fmt::print("  … and {} more (--all shows them)\n", hidden);
}

int show(Context& context, const Options& options) {
  const auto row = context.find_run(options.run);
  Run run = context.load_run(row.id);
  if (!options.offline && !terminal(run.row.state)) {
    Lines observer(false);
    context.drive({&run}, observer, false);
  }
  const auto results =
      options.json || options.results ? context.store().results(run.row.id) : std::vector<ResultRow>();
  if (!options.json) {
    print(run, options, context.clock().now(), results);
    return exit_ok;
  }
  auto object = to_json(run.row);
  boost::json::array nodes;
  for (NodeIndex i = 0; i < run.graph.size(); ++i) nodes.push_back(to_json(run, i, results));
  object["nodes"] = std::move(nodes);
  fmt::print("{}\n", boost::json::serialize(object));
  return exit_ok;
}

}  // namespace

void add_status(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("status", "show a run and its nodes");
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run,
                   "a run's id, or its workflow's name (the latest); default: the latest run")
      ->type_name("RUN");
  verb->add_flag("--json", options->json, "as JSON");
  verb->add_flag("--all", options->all, "every node, however many");
  verb->add_flag("--results", options->results, "with the results of each node");
  verb->add_flag("--offline", options->offline, "what is recorded; asks nobody");
  verb->footer("Example:  catena status silicon-eos");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return show(context, *options); };
  });
}

}  // namespace catena::cli
