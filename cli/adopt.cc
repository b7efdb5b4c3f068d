// catena adopt DIR: takes a run in again whose record is lost, from its directory and its site.
#include "core/adopt.h"

#include <fmt/core.h>

#include <filesystem>

#include "cli/print.h"
#include "cli/run_record.h"
#include "cli/verbs.h"
#include "core/job_writer.h"

namespace catena::cli {
namespace {

// A killed adoption leaves this: a run that nothing is submitted of, and that may be adopted again.
constexpr const char* cut_short = "its adoption was cut short; `catena adopt DIR` goes on";

RunRecordFile read_record(Transport& transport, const std::string& directory) {
  const auto path = fmt::format("{}/{}", directory, run_record_name);
  std::string text;
  try {
    transport.read(path, 0, [&](std::string_view piece) { text += piece; });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    throw Error(ErrorKind::not_found, fmt::format("there is no {} ({})", path, transport.where()),
                "DIR is the directory of a run, NAME-ID, on its site; --site names the site");
  }
  return read_run_record(text, path);
}

// As if no pass had taken them in yet.
void give_back_records(Transport& transport, const std::string& directory) {
  constexpr const char* program = R"sh(cd "$1/.catena" && [ -d taken ] && [ -d spool ] || exit 0
find taken -maxdepth 1 -type f \( -name '*.start' -o -name '*.exit' \) -exec mv -f -t spool -- {} +)sh";
  Command command;
  command.argv = {"sh", "-c", program, "sh", directory};
  command.repeatable = true;
  const auto result = transport.run(command);
  if (result.status != 0)
    throw Error(ErrorKind::transport,
                fmt::format("the records in {}/.catena cannot be moved: {}", directory, result.err));
}

int adopt(Context& context, std::string directory, const std::string& site_name) {
  const auto& here = context.workbench(site_name);
  if (!here.site.remote()) directory = std::filesystem::absolute(directory).lexically_normal().string();
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  auto record = read_record(*here.transport, directory);
  auto& run_row = record.run;
  if (!site_name.empty()) run_row.site = site_name;
  auto& bench = context.workbench(run_row.site);
  // Tokens and scripts hold the directory's name as it was.
  if (directory != run_row.directory && read_record(*bench.transport, run_row.directory).run.id != run_row.id)
    throw Error(ErrorKind::conflict,
                fmt::format("{} is the directory of another run now", run_row.directory));

  const auto known = context.store().runs({run_row.id, false, 1});
  const bool again = !known.empty() && known.front().id == run_row.id && known.front().reason == cut_short;
  if (!known.empty() && known.front().id == run_row.id && !again) {
    throw Error(ErrorKind::conflict,
                fmt::format("run {} of {} is in the store already", run_row.id, run_row.name),
                fmt::format("`catena status {}` shows it", run_row.id));
  }
  auto read = read_snapshot(record.snapshot);
  give_back_records(*bench.transport, run_row.directory);
  auto traces = find_traces(run_row, read.graph,
                            array_rules(bench.site, bench.dialect.get(), run_row).largest, *bench.backend);

  auto& store = context.store();
  if (!again) {
    run_row.state = RunState::failed;
    run_row.reason = cut_short;
    store.create(run_row, record.snapshot, read.graph);
  }
  const auto now = context.clock().now();
  auto& event = traces.changes.events.emplace_back();
  event.kind = "adopted";
  event.time = now;
  event.text = run_row.directory;
  traces.changes.run = {RunState::running, ""};
  store.apply(run_row.id, traces.changes, now);
  bench.backend->put_away(traces.spooled);

  Run run = make_run(store.load(run_row.id), std::move(read.workflow), std::move(read.graph));
  fmt::print("run {} of {}: {} of {} nodes have been submitted to {}\n", run_row.id, run_row.name,
             traces.nodes, run.graph.size(), bench.site.name);
  Lines observer(false);
  const auto trouble = context.drive({&run}, observer, true);
  if (trouble) fmt::print(stderr, "catena: {}; `catena sync {}` goes on\n", trouble->what(), run.row.id);
  fmt::print("run {}: {}: {}\n", run.row.id, to_string(run.row.state), counts_text(run.row));
  return exit_ok;
}

}  // namespace

void add_adopt(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("adopt", "take a run in again whose record is lost, from its directory");
  struct Options {
    std::string directory, site;
  };
  auto options = std::make_shared<Options>();
  verb->add_option("directory", options->directory, "the run's directory on its site")
      ->required()
      ->type_name("DIR");
  verb->add_option("--site", options->site,
                   "the site that the directory is on; default: it can be seen from here, and names its site")
      ->type_name("SITE");
  verb->footer(
      "Example:  catena adopt /scratch/ann/silicon-eos-k3f9q2 --site cluster\nJobs are found by their names: "
      "nothing "
      "is submitted twice.");
  verb->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return adopt(context, options->directory, options->site); };
  });
}

}  // namespace catena::cli
