// catena run FILE: records the run, submits the whole graph, and ends (or follows it with --wait).
#include <fmt/core.h>

#include <filesystem>
#include <random>

#include "adapters/batch/input_files.h"
#include "cli/print.h"
#include "cli/run_options.h"
#include "cli/run_record.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

std::string fresh_id() {
  constexpr std::string_view alphabet = "0123456789bcdfghjklmnpqrstvwxyz";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> pick(0, alphabet.size() - 1);
  std::string id;
  for (int i = 0; i < 6; ++i) id += alphabet[pick(random)];
  return id;
}

void report(const Run& run, const Submitted& submitted, std::string_view site) {
  fmt::print("run {} of {}: {} of {} nodes submitted to {}\n", run.row.id, run.row.name, submitted.accepted,
             run.graph.size(), site);
  if (submitted.waiting > 0)
    fmt::print(
        "  {} wait for room in the queue: `catena sync {}`, `watch` and `wait` submit them as it comes\n",
        submitted.waiting, run.row.id);
  if (submitted.later > 0)
    fmt::print(
        "  {} wait for the end of a parent: `catena sync {}`, `watch` and `wait` submit them "
        "then\n",
        submitted.later, run.row.id);
  if (!submitted.refusal.empty()) {
    fmt::print(stderr, "catena: the scheduler refused {} job{}: {}\n", submitted.refused,
               submitted.refused == 1 ? "" : "s", submitted.refusal);
  }
}

// Another store's run of the same name and id, or one whose record is lost: its jobs' tokens would be those
// of this run.
void check_directory(Context& context, const RunRow& row, Transport& transport) {
  const auto known = context.store().runs({row.id, false, 1});
  if (!known.empty() && known.front().id == row.id) return;  // which is refused for itself
  if (!transport.stat(row.directory + "/" + std::string(run_record_name))) return;
  throw Error(
      ErrorKind::config,
      fmt::format("{} on {} holds a run already that is not in the store", row.directory, transport.where()),
      fmt::format("`catena adopt {}` takes it up; or give the new one another --id", row.directory));
}

int start(Context& context, const RunOptions& options, SiteChecks checks, bool wait) {
  auto file = read_file(options.file);
  for (const auto& warning : file.warnings) fmt::print(stderr, "catena: {}\n", warning);
  auto& bench = context.workbench(options.site_for(file.workflow));
  const auto row = options.row(file.workflow, bench.site.name, bench.scratch_base(file.workflow.directory),
                               options.id.empty() ? fresh_id() : options.id, context.clock().now());
  check_directory(context, row, *bench.transport);
  check_everything(file, row, bench, checks);

  context.store().create(row, file.snapshot, file.graph);
  const Held lease(context.leases(), context.clock(), row.id);
  Run run = make_run(context.store().load(row.id), std::move(file.workflow), std::move(file.graph));
  Lines observer(false);
  context.begin_hooks(run.row, run.workflow, bench.site);
  Engine engine(context.store(), context.clock(), observer);
  const auto submitted = engine.react(run, bench.place());
  report(run, submitted, bench.site.name);
  context.call_hooks(run.row, run.workflow, bench.site, observer);
  if (!submitted.trouble.empty()) {
    throw Error(submitted.unsure > 0 ? ErrorKind::transport : ErrorKind::unavailable,
                fmt::format("run {}: {} nodes are not submitted yet: {}", row.id,
                            submitted.not_tried + submitted.unsure, submitted.trouble),
                fmt::format("nothing is lost, and what is queued is held; `catena sync {}` goes on", row.id));
  }
  if (!wait) {
    fmt::print("  catena status {0}    catena watch {0}    catena logs {0} NODE\n", row.id);
    return submitted.refused > 0 ? exit_refused : exit_ok;
  }
  return exit_ok;
}

}  // namespace

void add_run(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("run", "submit a workflow");
  auto options = std::make_shared<RunOptions>();
  auto wait = std::make_shared<bool>(false);
  auto checks = std::make_shared<SiteChecks>(SiteChecks::run);
  options->add_to(*verb);
  add_no_checks(*verb, *checks);
  verb->add_flag("--wait", *wait, "stay, show progress, and end with the run's result");
  verb->footer("Example:  catena run silicon-eos.yaml --site cluster");
  verb->callback([&context, &chosen, options, checks, wait] {
    chosen.action = [&context, options, checks, wait] {
      if (*wait && options->id.empty()) options->id = fresh_id();
      const int code = start(context, *options, *checks, *wait);
      return *wait && code == exit_ok ? follow(context, options->id, true, std::nullopt) : code;
    };
  });
}

}  // namespace catena::cli
