#include "cli/context.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>

#include "adapters/batch/batch_backend.h"
#include "adapters/batch/input_files.h"
#include "adapters/hooks/delivery.h"
#include "adapters/local/local_backend.h"
#include "adapters/local/local_transport.h"
#include "adapters/local/process_table.h"
#include "adapters/site_file/scratch.h"
#include "adapters/ssh/ssh_transport.h"
#include "adapters/store/location.h"
#include "adapters/transfer/remote_environment.h"
#include "adapters/workflow_file/hook_reader.h"
#include "adapters/workflow_file/workflow_reader.h"
#include "cli/fetch.h"
#include "cli/print.h"
#include "cli/prompt.h"
#include "cli/registry.h"
#include "cli/run_options.h"
#include "cli/run_record.h"
#include "cli/work_directory.h"
#include "core/job_tool.h"

namespace catena::cli {
namespace fs = std::filesystem;

Time SystemClock::now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}
void SystemClock::sleep(std::chrono::milliseconds duration) {
  std::this_thread::sleep_for(duration);
}

void Lines::event(const RunRow& run, std::string_view node, const Event& event) {
  if (event.kind == "hook failed") {
    fmt::print(stderr, "catena: {} {}: hook failed: {}\n", run.name, run.id, event.text);
    return;
  }
  if (!events_) return;
  if (event.kind == "state") {
    fmt::print("{} {}: {}{}\n", run.name, node, event.to, event.text.empty() ? "" : ": " + event.text);
  } else if (event.kind == "run") {
    fmt::print("{}: {}{}\n", run.name, event.to, event.text.empty() ? "" : ": " + event.text);
  } else if (event.kind != "submitted") {
    fmt::print("{} {}{}{}: {}\n", run.name, node, node.empty() ? "" : " ", event.kind, event.text);
  }
  std::fflush(stdout);
}

void Lines::progress(std::string_view what, std::uintmax_t done, std::uintmax_t all) {
  bar_.show(what, done, all);
}

void Lines::trouble(std::string_view text) {
  if (text == last_trouble_) return;
  last_trouble_ = text;
  fmt::print(stderr, "catena: {}\n", text);
}

Place Workbench::place() const {
  return {site,
          *backend,
          dialect.get(),
          [](const JobWriter& writer, NodeIndex index, const Rendered& node) {
            return input_files(node, [&](const std::string& file, const std::string& text) {
              return writer.fill_in(index, node, file, text);
            });
          },
          site.remote()
              ? [](const RunRow& run, const std::string& node) { return outputs_directory(run) / node; }
              : decltype(Place::outputs_to)(),
          run_files,
          extend};
}

std::string Workbench::scratch_base(const std::string& directory) const {
  if (!site.remote()) {
    auto base = expand_scratch(site);
    return base.empty() ? directory + "/catena-runs" : base;
  }
  const auto environment = transfer::remote_environment(*transport);
  const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = environment.find(std::string(name));
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  auto base = expand_scratch(site, value_of);
  if (!base.empty()) return base;
  return fmt::format("{}/catena-{}", value_of("TMPDIR").value_or("/tmp"),
                     value_of("USER").value_or(value_of("LOGNAME").value_or("user")));
}

bool site_is_missing(const Error& error) {
  return error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::config;
}

fs::path outputs_directory(const RunRow& run) {
  return fs::path(run.file).parent_path() / "catena-results" / fmt::format("{}-{}", run.name, run.id);
}

void Context::open_store() {
  if (file_) return;
  file_ = std::make_unique<SqliteStore>(home() / "catena.db", OpenMode::read_write);
  if (wrapping_.store) wrapped_store_ = wrapping_.store(*file_);
  if (wrapping_.leases) wrapped_leases_ = wrapping_.leases(*file_);
}

Store& Context::store() {
  open_store();
  return wrapped_store_ ? *wrapped_store_ : *file_;
}

HookCursors& Context::hook_cursors() {
  open_store();
  return *file_;
}

Leases& Context::leases() {
  open_store();
  return wrapped_leases_ ? *wrapped_leases_ : *file_;
}

Site Context::site(const std::string& name) const {
  return load_site(name, sites(), check_site_options);
}

namespace {

std::unique_ptr<Transport> make_transport(const Site& site) {
  if (!site.remote()) return std::make_unique<LocalTransport>();
  SshOptions options;
  options.kind = site.transport;
  options.hosts = site.hosts;
  options.user = site.login;
  options.port = site.port;
  options.host_key = site.host_key;
  options.connect_timeout = site.connect_timeout;
  options.config_file = site.ssh_config;
  options.prompt = terminal_prompt();
  options.notice = [](const std::string& text) { fmt::print(stderr, "catena: {}\n", text); };
  return make_ssh_transport(options);
}

}  // namespace

std::unique_ptr<Workbench> Context::make_workbench(Site site) const {
  auto bench = std::make_unique<Workbench>();
  bench->site = std::move(site);
  bench->transport = make_transport(bench->site);
  if (wrapping_.transport) bench->transport = wrapping_.transport(std::move(bench->transport));
  if (bench->site.scheduler == "local") {
    local::Limits limits{bench->site.cpus, bench->site.memory, bench->site.kill_grace};
    bench->backend = std::make_unique<LocalBackend>(fs::read_symlink("/proc/self/exe").string(), limits);
  } else {
    const auto* scheduler = find_scheduler(bench->site.scheduler);
    if (!scheduler)
      throw Error(ErrorKind::config,
                  fmt::format("site {}: unknown scheduler '{}'", bench->site.name, bench->site.scheduler));
    bench->dialect = scheduler->make(bench->site);
    bench->backend = std::make_unique<BatchBackend>(*bench->dialect, *bench->transport, bench->site);
  }
  if (wrapping_.backend) bench->backend = wrapping_.backend(std::move(bench->backend), bench->site);
  return bench;
}

Workbench& Context::workbench(const std::string& site_name) {
  auto& bench = benches_[site_name];
  if (!bench) {
    bench = make_workbench(site(site_name));
    bench->run_files = [this](const RunRow& run) {
      FileToPut tool;
      tool.content = job_tool();
      tool.target = fmt::format("{}/{}", run.directory, tool_file);
      tool.mode = 0700;
      return std::vector<FileToPut>{write_run_record(run, store().load(run.id).snapshot), std::move(tool)};
    };
    bench->extend = [this, &made = *bench](const RunRow& run, std::span<const Extension> added) {
      return extended(run, added, made);
    };
  }
  return *bench;
}

namespace {

ReadFile read_source(Source source) {
  Diagnostics diagnostics;
  auto read = read_workflow(source, {template_folders(source.directory()), header_readers(), dialect_names()},
                            diagnostics);
  // The graph's and the parameters' mistakes are looked for even where there are others, to say all at once;
  // but a node that was not read whole is not rendered: what is missing in it would look like further
  // mistakes.
  std::set<std::string> broken;
  for (const auto& diagnostic : diagnostics.list()) broken.insert(diagnostic.node);
  auto graph = expand(read.workflow, diagnostics);
  if (!diagnostics.empty()) {
    Diagnostics more;
    check(read.workflow, graph, more);
    for (const auto& diagnostic : more.list()) {
      if (!broken.contains(diagnostic.node)) diagnostics.add(diagnostic);
    }
  }
  diagnostics.throw_if_any();
  std::vector<std::string> warnings;
  for (const auto& warning : read.warnings) warnings.push_back(format(warning));
  return {std::move(read.workflow), std::move(graph), source.snapshot(), std::move(warnings)};
}

}  // namespace

std::optional<Extended> Context::extended(const RunRow& run, std::span<const Extension> added,
                                          const Workbench& bench) {
  auto record = store().load(run.id);
  bool more = false;
  for (const auto& each : added) more = add_extension(record.snapshot, each) || more;
  if (!more) return std::nullopt;
  auto file = read_source(Source::from_snapshot(std::move(record.snapshot), true));
  check_everything(file, run, bench, SiteChecks::run, static_cast<NodeIndex>(record.nodes.size()));
  return Extended{std::move(file.workflow), std::move(file.graph), std::move(file.snapshot)};
}

RunRow Context::find_run(const std::string& id_or_name) {
  const auto runs = store().runs({id_or_name, false, 1});
  if (!runs.empty()) return runs.front();
  if (id_or_name.empty())
    throw Error(ErrorKind::not_found, "there are no runs yet", "`catena run FILE` starts one");
  std::vector<std::string> names;
  const auto all = store().runs({"", false, 200});
  for (const auto& run : all) {
    names.push_back(run.id);
    names.push_back(run.name);
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const auto hint = suggestion(id_or_name, views);
  throw Error(ErrorKind::not_found, fmt::format("there is no run '{}'", id_or_name),
              hint.empty() ? "`catena list` shows the runs" : hint);
}

ReadSnapshot read_snapshot(const Snapshot& snapshot) {
  Diagnostics diagnostics;
  auto source = Source::from_snapshot(snapshot);
  auto read = read_workflow(source, {{}, header_readers(), dialect_names()}, diagnostics);
  diagnostics.throw_if_any();
  auto graph = expand(read.workflow, diagnostics);
  diagnostics.throw_if_any();
  return {std::move(read.workflow), std::move(graph)};
}

Run Context::load_run(const std::string& id) {
  auto record = store().load(id);
  auto [workflow, graph] = read_snapshot(record.snapshot);
  if (graph.size() != record.nodes.size()) {
    throw Error(ErrorKind::internal,
                fmt::format("run {} has {} nodes on record, and its workflow has {}", id, record.nodes.size(),
                            graph.size()),
                "it was recorded by another version of catena; use that one to finish it");
  }
  return make_run(std::move(record), std::move(workflow), std::move(graph));
}

bool Context::due(const RunRow& run) {
  if (terminal(run.state)) return false;
  const auto& bench = workbench(run.site);
  return !bench.dialect || !run.observed || clock_.now() - *run.observed >= bench.site.poll;
}

// The logs come along first: they are wanted when the directory is gone.
void Context::clean_up(const Run& run, Workbench& bench, Observer& observer) {
  const auto policy = bench.site.cleanup;
  const bool due = policy == Cleanup::always
                       ? terminal(run.row.state)
                       : policy == Cleanup::on_success && run.row.state == RunState::completed;
  if (!due) return;
  std::vector<NodeIndex> nodes(run.graph.size());
  std::iota(nodes.begin(), nodes.end(), 0U);
  try {
    bench.transport->get(files_of(run, bench, nodes, outputs_directory(run.row)));
    remove(*bench.transport, {run.row.directory});
  } catch (const Error& error) {
    observer.trouble(fmt::format("{} is not removed: {}; `catena gc {}` does it later", run.row.directory,
                                 error.what(), run.row.id));
  }
}

std::vector<Hook> Context::hooks_of(const Workflow& workflow, const Site& site, Observer& observer) {
  auto hooks = workflow.hooks;
  if (!site.hook.on.empty()) hooks.push_back(site.hook);
  Diagnostics diagnostics;
  const auto own = read_hooks_file(user_config("hooks.yaml"), diagnostics);
  if (diagnostics.empty()) {
    hooks.insert(hooks.end(), own.begin(), own.end());
  } else {
    for (const auto& diagnostic : diagnostics.list()) observer.trouble(format(diagnostic));
  }
  return hooks;
}

void Context::begin_hooks(const RunRow& run, const Workflow& workflow, const Site& site) {
  Silent silent;
  if (hooks_of(workflow, site, silent).empty()) return;
  LocalTransport here;
  hooks::Delivery(store(), hook_cursors(), here, clock_).begin(run.id);
}

void Context::call_hooks(const RunRow& run, const Workflow& workflow, const Site& site, Observer& observer) {
  const auto all = hooks_of(workflow, site, observer);
  if (all.empty()) return;
  LocalTransport here;
  try {
    for (const auto& failure :
         hooks::Delivery(store(), hook_cursors(), here, clock_).deliver(run.id, all, site.mailer))
      observer.event(run, "", failure);
  } catch (const Error& error) {
    observer.trouble(fmt::format("the hooks of run {}: {}", run.id, error.what()));
  }
}

void Context::catch_up_hooks(Observer& observer) {
  for (const auto& id : hook_cursors().behind()) {
    try {
      const Held lease(leases(), clock_, id);
      const auto record = store().load(id);
      call_hooks(record.run, read_snapshot(record.snapshot).workflow, site(record.run.site), observer);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::conflict) continue;  // somebody is at it
      observer.trouble(fmt::format("the hooks of run {}: {}", id, error.what()));
    }
  }
}

int Context::act(const std::string& name, const Verb& verb) {
  const auto row = find_run(name);
  const Held lease(leases(), clock_, row.id, Seconds{30});  // a pass of `watch` or `sync` does not take long
  Run run = load_run(row.id);
  auto& bench = workbench(run.row.site);
  Lines observer(true);
  Engine engine(store(), clock_, observer);
  const auto place = bench.place();
  verb(engine, run, place);
  Run* const runs[] = {&run};
  const bool seen = engine.observe(runs, place);
  engine.react(run, place);
  call_hooks(run.row, run.workflow, bench.site, observer);
  fmt::print("run {}: {}: {}\n", run.row.id, to_string(run.row.state), counts_text(run.row));
  return seen ? exit_ok : exit_unavailable;
}

void Context::refresh(Run& run) {
  if (store().runs({run.row.id, false, 1}).front().revision == run.row.revision) return;
  run = load_run(run.row.id);  // its workflow, too, may have been read again
}

std::optional<Error> Context::drive(std::vector<Run*> runs, Observer& observer, bool force) {
  if (runs.empty()) return {};
  auto& bench = workbench(runs.front()->row.site);
  if (!force) std::erase_if(runs, [&](const Run* run) { return !due(run->row); });
  std::vector<std::unique_ptr<Held>> leases;
  std::optional<Error> busy;
  std::erase_if(runs, [&](Run* run) {
    try {
      leases.push_back(std::make_unique<Held>(this->leases(), clock_, run->row.id));
      refresh(*run);  // as its last driver left it
      return false;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::conflict) throw;
      busy = error;
      refresh(*run);
      return true;
    }
  });
  if (runs.empty()) return busy;

  Engine engine(store(), clock_, observer);
  const auto place = bench.place();
  if (!engine.observe(runs, place))
    return Error(ErrorKind::unavailable,
                 fmt::format("site {} could not be asked; nothing has changed", bench.site.name));
  std::string trouble;
  for (auto* run : runs) {
    const auto submitted = engine.react(*run, place);
    if (!submitted.trouble.empty()) trouble = submitted.trouble;
    clean_up(*run, bench, observer);
    call_hooks(run->row, run->workflow, bench.site, observer);
  }
  return trouble.empty() ? busy : Error(ErrorKind::unavailable, trouble);
}

Lease this_process(Time now) {
  return {local::host_name(), local::boot_id(), getpid(), local::process_start(getpid()).value_or(-1), now};
}

bool is_alive(const Lease& lease, Time now) {
  const auto mine = this_process(now);
  if (lease.host != mine.host)
    return now - lease.since < std::chrono::hours{1};  // it cannot be seen from here
  return lease.boot_id == mine.boot_id &&
         local::process_start(static_cast<pid_t>(lease.pid)) == lease.pid_start;
}

Held::Held(Leases& leases, Clock& clock, std::string run_id, Seconds patience)
    : leases_(leases), run_id_(std::move(run_id)), mine_(this_process(clock.now())) {
  const auto deadline = clock.now() + patience;
  std::optional<Lease> holder;
  while (true) {
    holder =
        leases_.acquire(run_id_, mine_, [&](const Lease& lease) { return is_alive(lease, clock.now()); });
    if (!holder) return;
    if (clock.now() >= deadline) break;
    clock.sleep(std::chrono::milliseconds(100));
  }
  throw Error(ErrorKind::conflict,
              fmt::format("run {} is being driven by process {} on {} since {} s", run_id_, holder->pid,
                          holder->host, (clock.now() - holder->since).count()),
              "wait until it is done, or end that process");
}

Held::~Held() {
  try {
    leases_.release(run_id_, mine_);
  } catch (const Error&) {
    // The lease dies with the process.
  }
}

ReadFile read_file(const std::string& path, const Snapshot* recorded) {
  auto source = Source::from_file(path);
  if (recorded) source.add_extensions(*recorded);
  return read_source(std::move(source));
}

fs::path user_config(const std::string& name) {
  if (const char* config = std::getenv("XDG_CONFIG_HOME"); config && *config)
    return fs::path(config) / "catena" / name;
  if (const char* user_home = std::getenv("HOME")) return fs::path(user_home) / ".config/catena" / name;
  return {};
}

std::vector<fs::path> template_folders(const std::string& workflow_directory) {
  std::vector<fs::path> folders{fs::path(workflow_directory) / "templates"};
  if (const char* path = std::getenv("CATENA_TEMPLATE_PATH")) {
    std::istringstream parts(path);
    for (std::string part; std::getline(parts, part, ':');) {
      if (!part.empty()) folders.emplace_back(part);
    }
  }
  if (auto own = user_config("templates"); !own.empty()) folders.push_back(std::move(own));
  folders.emplace_back("/etc/catena/templates");
  const auto binary = fs::read_symlink("/proc/self/exe");
  folders.push_back(binary.parent_path().parent_path() /
                    "share/catena/templates/job");  // installed: PREFIX/bin/catena
  folders.emplace_back(CATENA_SOURCE_TEMPLATES);    // run from a build folder
  return folders;
}

NodeIndex find_node(const Run& run, const std::string& name) {
  const auto node = run.graph.find(name);
  if (node != no_node) return node;
  std::vector<std::string_view> names;
  std::string hint;
  for (const auto& each : run.graph.nodes()) {
    if (each.name.starts_with(name + ".") && hint.empty())
      hint = fmt::format("its elements are {}, …", each.name);
    names.push_back(each.name);
  }
  if (hint.empty()) hint = suggestion(name, names);
  throw Error(ErrorKind::not_found, fmt::format("run {} has no node '{}'", run.row.id, name), hint);
}

std::vector<NodeIndex> find_nodes(const Run& run, const std::vector<std::string>& names) {
  std::vector<NodeIndex> nodes;
  for (const auto& name : names) {
    const auto before = nodes.size();
    for (NodeIndex i = 0; i < run.graph.size(); ++i) {
      if (run.workflow.nodes[run.graph.node(i).spec].name == name) nodes.push_back(i);
    }
    if (nodes.size() == before) nodes.push_back(find_node(run, name));
  }
  return nodes;
}

}  // namespace catena::cli
