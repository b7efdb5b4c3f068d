// catena status [RUN]: what is known of a run and its nodes; asks the site where the knowledge is older than
// its poll time.
#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>

#include "cli/print.h"
#include "cli/verbs.h"
#include "core/expand.h"

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

// The results of a node that its summary does not show.
std::string results_text(const NodeStatus& node, const std::vector<ResultRow>& results,
                         const std::vector<SummaryItem>& summary) {
  std::string text;
  for (const auto& result : results) {
    const bool shown = std::ranges::find(summary, result.name, &SummaryItem::result) != summary.end();
    if (result.node != node.node || result.attempt != node.row.attempts || shown) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", result.name, to_text(result.value));
  }
  return text;
}

// Below the table: a column for each label of the summaries, and where the nodes ran.
void print_summaries(const Run& run, const std::vector<NodeStatus>& nodes,
                     const std::vector<ResultRow>& results) {
  std::vector<std::string> labels;
  std::map<NodeIndex, std::map<std::string, std::string>> values;
  for (const auto& node : nodes) {
    for (const auto& item : summary_of(run, node.node, results)) {
      const auto& entry = item.as_object();
      const std::string label(entry.at("label").as_string()), unit(entry.at("unit").as_string());
      if (std::ranges::find(labels, label) == labels.end()) labels.push_back(label);
      const auto& value = entry.at("value");
      auto text = value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
      if (text != "none" && !unit.empty()) text += " " + unit;
      values[node.node][label] = std::move(text);
    }
  }
  if (values.empty()) return;
  std::vector<std::vector<std::string>> rows{{"  NODE"}};
  for (auto label : labels) {
    std::ranges::transform(label, label.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    rows.front().push_back(label);
  }
  rows.front().emplace_back("DIRECTORY");
  const RunFacts facts{run.row.id, run.row.directory, run.row.site};
  for (const auto& node : nodes) {
    const auto found = values.find(node.node);
    if (found == values.end()) continue;
    std::vector<std::string> row{"  " + node.name};
    for (const auto& label : labels) {
      const auto value = found->second.find(label);
      row.push_back(value == found->second.end() ? "" : value->second);
    }
    row.push_back(work_directory(run.workflow, run.graph, node.node, facts));
    rows.push_back(std::move(row));
  }
  fmt::print("\n");
  print_table(rows);
}

std::vector<std::string> line(const NodeStatus& node, Time now, const std::string& results) {
  const auto& attempt = node.attempt;
  std::string time;
  if (attempt && attempt->started) time = duration_text(attempt->ended.value_or(now) - *attempt->started);
  std::string last = node.row.reason;
  if (!results.empty()) last += (last.empty() ? "" : " ") + results;
  return {"  " + node.name,
          std::string(to_string(node.row.state)),
          attempt ? attempt->native_id : "",
          try_text(node.row),
          time,
          last};
}

void print(const RunRow& run, std::size_t size, const std::vector<NodeStatus>& nodes, Time now,
           const std::function<std::string(const NodeStatus&)>& results) {
  const auto age = age_text(run, now);
  fmt::print("{} {}  {} on {}{}{}\n", run.name, run.id, to_string(run.state), run.site,
             age.empty() ? "" : "  " + age, run.reason.empty() ? "" : "\n  " + run.reason);
  fmt::print("  {} nodes: {}\n", size, counts_text(run));
  std::vector<std::vector<std::string>> rows{{"  NODE", "STATE", "JOB", "ATTEMPT", "TIME", "REASON"}};
  for (const auto& node : nodes) rows.push_back(line(node, now, results(node)));
  if (rows.size() > 1) print_table(rows);
  if (nodes.size() < size) fmt::print("  … and {} more (--all shows them)\n", size - nodes.size());
}

// From the store's rows alone, unless results are asked for: the workflow of a large run takes longer to read
// than all the rest.
void print(Context& context, const std::string& run_id, const Options& options) {
  auto& store = context.store();
  const auto row = store.runs({run_id, false, 1}).front();
  std::size_t size = 0;
  for (const auto& [state, count] : row.counts) size += count;
  const auto nodes = options.all || size <= many ? store.nodes(run_id, Which::all, 0)
                                                 : store.nodes(run_id, Which::of_interest, many);
  const auto now = context.clock().now();
  if (!options.results) return print(row, size, nodes, now, [](const NodeStatus&) { return std::string(); });
  const auto run = context.load_run(run_id);
  const auto results = store.results(run_id);
  print(row, size, nodes, now, [&](const NodeStatus& node) {
    return results_text(node, results, run.workflow.nodes[run.graph.node(node.node).spec].summary);
  });
  print_summaries(run, nodes, results);
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
