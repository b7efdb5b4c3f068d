// catena logs RUN NODE: what a node's attempts printed.
#include <fmt/core.h>

#include "cli/verbs.h"
#include "core/script.h"

namespace catena::cli {
namespace {

struct Options {
  std::string run, node;
  int attempt = 0;
  bool follow = false, err_only = false, out_only = false;
};

// Prints what is new in a file; a missing one is empty so far.
void print_from(Transport& transport, const std::string& path, std::uintmax_t& offset, FILE* out) {
  if (!transport.stat(path)) return;
  transport.read(path, offset, [&](std::string_view piece) {
    std::fwrite(piece.data(), 1, piece.size(), out);
    offset += piece.size();
  });
  std::fflush(out);
}

int show(Context& context, const Options& options) {
  Run run = context.load_run(context.find_run(options.run).id);
  const auto node = find_node(run, options.node);
  auto& bench = context.workbench(run.row.site);
  const auto& name = run.graph.node(node).name;
  const auto attempts = context.store().attempts(run.row.id, node);
  if (attempts.empty()) {
    throw Error(
        ErrorKind::not_found,
        fmt::format("{} has no output: it was never submitted ({})", name, to_string(run.nodes[node].state)),
        fmt::format("catena why {} {}", run.row.id, name));
  }
  const auto number = options.attempt == 0 ? attempts.back().number : options.attempt;
  const auto attempt = std::ranges::find_if(attempts, [&](const Attempt& a) { return a.number == number; });
  if (attempt == attempts.end()) {
    throw Error(ErrorKind::not_found,
                fmt::format("{} has no attempt {}: it had {}", name, number, attempts.size()));
  }
  std::uintmax_t out_offset = 0, err_offset = 0;
  const bool joined = attempt->stdout_file == attempt->stderr_file;
  while (true) {
    const bool ended = terminal(run.nodes[node].state) || run.nodes[node].attempts != number;
    if (!options.err_only) print_from(*bench.transport, attempt->stdout_file, out_offset, stdout);
    if (!options.out_only && !joined) print_from(*bench.transport, attempt->stderr_file, err_offset, stderr);
    if (!options.follow || ended) return exit_ok;
    context.clock().sleep(std::chrono::milliseconds{300});
    Silent observer;
    context.drive({&run}, observer, false);
  }
}

}  // namespace

void add_logs(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand(
      "logs", "print the output of a node: its standard output, and its standard error on ours");
  auto options = std::make_shared<Options>();
  verb->add_option("run", options->run, "a run's id or its workflow's name")->required()->type_name("RUN");
  verb->add_option("node", options->node, "a node: fit, scf.3")->required()->type_name("NODE");
  verb->add_flag("-f,--follow", options->follow, "go on until the node has ended");
  verb->add_option("--attempt", options->attempt, "an earlier attempt; default: the last one")
      ->type_name("N");
  verb->add_flag("--out", options->out_only, "standard output only");
  verb->add_flag("--err", options->err_only, "standard error only");
  verb->footer("Example:  catena logs silicon-eos scf.3 --follow");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return show(context, *options); };
  });
}

}  // namespace catena::cli
