// What every verb needs, put together here and nowhere else: the store, sites, backends, runs.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/site_file/search.h"
#include "adapters/store/sqlite_store.h"
#include "cli/progress.h"
#include "cli/wrapping.h"
#include "core/clock.h"
#include "core/engine.h"
#include "core/error.h"
#include "core/store.h"

namespace catena::cli {

class SystemClock : public Clock {
 public:
  Time now() override;
  void sleep(std::chrono::milliseconds duration) override;
};

// Says nothing.
class Silent : public Observer {
 public:
  void event(const RunRow&, std::string_view, const Event&) override {}
  void progress(std::string_view, std::uintmax_t, std::uintmax_t) override {}
  void trouble(std::string_view) override {}
};

// One line an event on standard output, trouble on standard error (each text once).
class Lines : public Observer {
 public:
  explicit Lines(bool events = true) : events_(events) {}
  void event(const RunRow& run, std::string_view node, const Event& event) override;
  void progress(std::string_view what, std::uintmax_t done, std::uintmax_t all) override;
  void trouble(std::string_view text) override;

 private:
  bool events_;
  std::string last_trouble_;
  ProgressBar bar_;
};

// A site made ready: its transport, dialect and backend.
struct Workbench {
  Site site;
  std::unique_ptr<Dialect> dialect;  // nullptr for the local backend
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Backend> backend;
  // What a run's directory holds of the run itself; set by Context::workbench().
  std::function<std::vector<FileToPut>(const RunRow&)> run_files;
  decltype(Place::extend) extend;  // by the same
  Place place() const;
  // Where the run's directory is made: the site's `scratch`, the variables that stand for it in the site's
  // environment, else the site's temporary directory; on this machine catena-runs in `directory`.
  std::string scratch_base(const std::string& directory) const;
};

class Context {
 public:
  explicit Context(Wrapping wrapping = {}) : wrapping_(std::move(wrapping)) {}
  std::string site_config;  // --site-config

  Store& store();
  Leases& leases();
  Clock& clock() { return clock_; }
  SearchPath sites() const { return search_path(site_config); }
  Site site(const std::string& name) const;
  Workbench& workbench(const std::string& site_name);
  std::unique_ptr<Workbench> make_workbench(Site site) const;

  // The row of a run by its id, or the latest one of a workflow's name. Empty: the latest run of all. Throws
  // Error(not_found).
  RunRow find_run(const std::string& id_or_name);
  Run load_run(const std::string& id);
  // Whether it goes on, and its site was not asked within its poll time.
  bool due(const RunRow& run);

  // Asks the run's site and acts on the answer, if no other process is doing that right now. With `force`
  // also when the site was asked less than its poll time ago. Several runs of one site are asked for at once.
  // Returns what it could not do, if anything: unavailable, or conflict where another process drives the run.
  std::optional<Error> drive(std::vector<Run*> runs, Observer& observer, bool force);

  // The hooks of the run's workflow, its site and the user are called for what has happened since the last
  // time; the caller holds the run's lease. begin_hooks() goes before the run's first event.
  void begin_hooks(const RunRow& run, const Workflow& workflow, const Site& site);
  void call_hooks(const RunRow& run, const Workflow& workflow, const Site& site, Observer& observer);
  // The same for runs that have ended and whose last pass was stopped before it had called them all.
  void catch_up_hooks(Observer& observer);

  // What a user asks of a run: `verb` does it under the run's lease, one pass follows, and how the run stands
  // then is printed. Gives the exit code.
  using Verb = std::function<void(Engine&, Run&, const Place&)>;
  int act(const std::string& name, const Verb& verb);

 private:
  void open_store();  // at the first use
  HookCursors& hook_cursors();
  void refresh(Run& run);
  std::optional<Extended> extended(const RunRow& run, std::span<const Extension> added,
                                   const Workbench& bench);
  void clean_up(const Run& run, Workbench& bench, Observer& observer);
  Wrapping wrapping_;
  std::vector<Hook> hooks_of(const Workflow& workflow, const Site& site, Observer& observer);
  SystemClock clock_;
  std::unique_ptr<SqliteStore> file_;
  std::unique_ptr<Store> wrapped_store_;
  std::unique_ptr<Leases> wrapped_leases_;
  std::map<std::string, std::unique_ptr<Workbench>> benches_;
};

// Whether the run's site cannot be made ready, since its file is gone or wrong: what is recorded can be
// shown.
bool site_is_missing(const Error& error);

// Where the outputs of a run's nodes are brought to from a remote site, a folder each:
// catena-results/NAME-RUN beside the workflow file.
std::filesystem::path outputs_directory(const RunRow& run);

// Who this process is, and whether another holder of a lease still lives.
Lease this_process(Time now);
bool is_alive(const Lease& lease, Time now);

// Holds a run's lease for its lifetime. Throws Error(conflict), naming the holder, if somebody else still has
// it when `patience` has passed.
class Held {
 public:
  Held(Leases& leases, Clock& clock, std::string run_id, Seconds patience = Seconds{0});
  ~Held();
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  Leases& leases_;
  std::string run_id_;
  Lease mine_;
};

// The file read and checked, with every mistake in one Error(config).
struct ReadFile {
  Workflow workflow;
  Graph graph;
  Snapshot snapshot;
  std::vector<std::string> warnings;
};
// `recorded`: of a run of this file, whose extensions are read with it.
ReadFile read_file(const std::string& path, const Snapshot* recorded = nullptr);

// The same of what a run was made from; without warnings.
struct ReadSnapshot {
  Workflow workflow;
  Graph graph;
};
ReadSnapshot read_snapshot(const Snapshot& snapshot);

// A file or folder of the user's configuration, ~/.config/catena/NAME; empty where there is no home.
std::filesystem::path user_config(const std::string& name);

// Where job templates are looked for: templates/ beside the workflow file, each folder of
// $CATENA_TEMPLATE_PATH, the user's
// (~/.config/catena/templates), the system's (/etc/catena/templates), those that came with catena.
std::vector<std::filesystem::path> template_folders(const std::string& workflow_directory);

// Node names (or patterns scf.*) to indices. Throws Error(not_found) with a suggestion.
std::vector<NodeIndex> find_nodes(const Run& run, const std::vector<std::string>& names);
NodeIndex find_node(const Run& run, const std::string& name);

}  // namespace catena::cli
