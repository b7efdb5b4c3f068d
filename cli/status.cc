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

// Which try it is, where an earlier one failed.
std::string try_text(const NodeRow& row) {
  const bool over = row.state == NodeState::failed || row.state == NodeState::timeout;
  return row.failures == 0 ? "" : fmt::format("{}", row.failures + (over ? 0 : 1));
}

std::vector<std::string> line(const NodeStatus& node, Time now, const std::vector<ResultRow>& results) {
  const auto& attempt = node.attempt;
  std::string time;
  if (attempt && attempt->started) time = duration_text(attempt->ended.value_or(now) - *attempt->started);
  std::string last = node.row.reason;
  for (const auto& result : results) {
    if (result.node == node.node && result.attempt == node.row.attempts)
      last += fmt::format("{}{}={}", last.empty() ? "" : " ", result.name, to_text(result.value));
  }
  return {"  " + node.name,
          std::string(to_string(node.row.state)),
          attempt ? attempt->native_id : "",
          try_text(node.row),
          time,
          last};
}

void print(const RunRow& run, std::size_t size, const std::vector<NodeStatus>& nodes, Time now,
           const std::vector<ResultRow>& results) {
  const auto age = age_text(run, now);
  fmt::print("{} {}  {} on {}{}{}\n", run.name, run.id, to_string(run.state), run.site,
             age.empty() ? "" : "  " + age, run.reason.empty() ? "" : "\n  " + run.reason);
  fmt::print("  {} nodes: {}\n", size, counts_text(run));
  std::vector<std::vector<std::string>> rows{{"  NODE", "STATE", "JOB", "ATTEMPT", "TIME", "REASON"}};
  for (const auto& node : nodes) rows.push_back(line(node, now, results));
  if (rows.size() > 1) print_table(rows);
  if (nodes.size() < size) fmt::print("  … and {} more (--all shows them)\n", size - nodes.size());
}

// From the store's rows alone: the workflow of a large run takes longer to read than all the rest.
void print(Context& context, const std::string& run_id, const Options& options) {
  auto& store = context.store();
  const auto run = store.runs({run_id, false, 1}).front();
  std::size_t size = 0;
  for (const auto& [state, count] : run.counts) size += count;
  const auto nodes = options.all || size <= many ? store.nodes(run_id, Which::all, 0)
                                                 : store.nodes(run_id, Which::of_interest, many);
  print(run, size, nodes, context.clock().now(),
        options.results ? store.results(run_id) : std::vector<ResultRow>());
}

void print_json(Context& context, const std::string& run_id) {
  const auto run = context.load_run(run_id);
  const auto results = context.store().results(run_id);
  auto object = to_json(run.row);
  boost::json::array nodes;
  for (NodeIndex i = 0; i < run.graph.size(); ++i) nodes.push_back(to_json(run, i, results));
  object["nodes"] = std::move(nodes);
  fmt::print("{}\n", boost::json::serialize(object));
}

int show(Context& context, const Options& options) {
  const auto row = context.find_run(options.run);
  if (!options.offline) {
    try {
      if (context.due(row)) {
        Run run = context.load_run(row.id);
        Lines observer(false);
        context.drive({&run}, observer, false);
      }
    } catch (const Error& error) {
      if (!site_is_missing(error)) throw;
      fmt::print(stderr, "catena: {}: what follows is what is recorded\n", error.what());
    }
  }
  options.json ? print_json(context, row.id) : print(context, row.id, options);
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
