// catena fetch RUN [NODE…]: brings outputs and logs from the site, whatever the state of the run.
#include "cli/fetch.h"

#include <fmt/core.h>

#include "cli/print.h"
#include "cli/verbs.h"
#include "core/job_writer.h"
#include "core/script.h"

namespace catena::cli {

std::vector<FilesToGet> files_of(const Run& run, const Workbench& bench, std::span<const NodeIndex> nodes,
                                 const std::filesystem::path& to) {
  const JobWriter writer(run.workflow, run.graph, run.row, bench.site, bench.dialect.get());
  std::vector<FilesToGet> sets;
  for (const auto i : nodes) {
    if (!run.attempts[i]) continue;
    auto node = writer.rendered(i);
    const auto target = to / node.name;
    if (!node.outputs.empty()) sets.push_back({node.workdir, std::move(node.outputs), target});
    sets.push_back({fmt::format("{}/{}", run.row.directory, log_folder),
                    {node.name + ".[0-9]*.out", node.name + ".[0-9]*.err"},
                    target / "logs"});
  }
  return sets;
}

namespace {

struct Options {
  std::string run, to;
  std::vector<std::string> nodes;
};

int fetch(Context& context, const Options& options) {
  const Run run = context.load_run(context.find_run(options.run).id);
  auto& bench = context.workbench(run.row.site);
  auto wanted = find_nodes(run, options.nodes);
  if (options.nodes.empty()) {
    for (NodeIndex i = 0; i < run.graph.size(); ++i) wanted.push_back(i);
  }
  const auto sets =
      files_of(run, bench, wanted,
               options.to.empty() ? outputs_directory(run.row) : std::filesystem::absolute(options.to));
  Lines observer;
  const auto got = bench.transport->get(
      sets, [&](std::uintmax_t done, std::uintmax_t all) { observer.progress("fetching", done, all); });
  for (const auto& sentence : got.left_out) fmt::print(stderr, "catena: left out: {}\n", sentence);
  std::size_t sent = 0;
  std::uintmax_t bytes = 0;
  for (const auto& file : got.files) {
    if (!file.sent) continue;
    ++sent;
    bytes += file.size;
    fmt::print("{}\n", (sets[file.set].target / file.path).string());
  }
  fmt::print("{} file{} fetched, {}; {} unchanged\n", sent, sent == 1 ? "" : "s", size_text(bytes),
             got.files.size() - sent);
  return exit_ok;
}

}  // namespace

void add_fetch(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("fetch", "bring outputs and logs here; unchanged files are not sent again");
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->add_option("nodes", options->nodes, "nodes (scf: all its elements); default: all")->type_name("NODE");
  verb->add_option("--to", options->to,
                   "the directory for them, a folder a node; default: catena-results/NAME-RUN beside the "
                   "workflow file")
      ->type_name("DIR");
  verb->footer("Example:  catena fetch silicon-eos scf.3");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return fetch(context, *options); };
  });
}

}  // namespace catena::cli
