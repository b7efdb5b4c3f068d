// What is remembered: runs, nodes, attempts, events. Every method is one transaction, or reads one consistent
// state.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/graph.h"
#include "core/report.h"
#include "core/state.h"

namespace catena {

// The files a workflow was read from, kept so that the run can be continued when they have changed or gone.
struct Snapshot {
  std::string file;  // the workflow file's path
  std::string text;
  // Scripts and templates by the name the document uses; what jobs have added: core/extension.h.
  std::map<std::string, std::string> files;
};

struct RunRow {
  std::string id;    // six characters of [0-9a-z], or the user's own
  std::string name;  // the workflow's
  std::string file;  // absolute path of the workflow file
  std::string site;
  std::string directory;  // absolute, on the site
  RunState state = RunState::pending;
  std::string reason;           // why it is failed or cancelled: one line
  bool stop_requested = false;  // a failure with on_failure: stop, or a user's cancel of the whole run
  Time created{}, updated{};
  std::optional<Time> observed;               // when the site was last asked with success
  std::map<NodeState, std::uint64_t> counts;  // how many nodes are in which state
  std::int64_t revision = 0;                  // grows with every change to the run
  int recoveries = 0;                         // how often it was taken up again after it had ended
  // Learnt from a refusal: with so many jobs of the user in the queue the scheduler took no more.
  std::size_t most_jobs = 0;  // 0: nothing is known
};

enum class AttemptState {
  intended,   // recorded; the scheduler may or may not have it
  staged,     // native id known; submitted with our hold, which is not yet released
  submitted,  // native id known; nothing of ours holds it back
  ended,
  dropped,  // known never to have been queued, or to have been lost by the scheduler
};

struct Attempt {
  NodeIndex node = no_node;
  int number = 1;
  std::string token;  // unique in the store
  AttemptState state = AttemptState::intended;
  std::string native_id;
  Time intended{};
  std::optional<Time> submitted;  // while the native id is not known: since when it is looked for
  std::optional<Time> started, ended;
  std::optional<int> exit_code, signal;
  std::string host;
  std::string native;  // the last native state
  std::string reason;
  std::string stdout_file, stderr_file;
};

// Whether the scheduler has it, or may have it.
inline bool is_out(const Attempt* attempt) {
  return attempt && attempt->state != AttemptState::ended && attempt->state != AttemptState::dropped;
}

struct NodeRow {
  NodeState state = NodeState::pending;
  int attempts = 0;      // how many were made; the last one is the current one
  int failures = 0;      // how many of them ran and failed: what a retry's maximum counts
  std::string reason;    // why it is in that state: one line
  bool fetched = false;  // its outputs were brought from the site
  int round = 0;  // how often the user took it up again after it had ended; only that lets an end be left
};

// A node as a listing shows it, without its workflow.
struct NodeStatus {
  NodeIndex node = no_node;
  std::string name;
  NodeRow row;
  std::optional<Attempt> attempt;  // the current one
};

enum class Which { all, of_interest };  // of interest: what is not done, nor merely waits for its parents

struct Event {
  std::int64_t id = 0;  // given by the store, ascending
  Time time{};
  NodeIndex node = no_node;  // no_node: of the run
  int attempt = 0;           // 0: none
  std::string kind;      // "state", "submitted", "released", "refused", "trouble", "cancel requested", …
  std::string from, to;  // of a change of state
  std::string text;      // native words, reasons
};

struct ResultRow {
  NodeIndex node = no_node;
  int attempt = 0;
  std::string name;
  Value value;
};

// A set of changes to one run, applied all or none.
struct Changes {
  std::vector<std::pair<NodeIndex, NodeRow>> nodes;
  std::vector<Attempt> attempts;  // inserted, or replaced by token
  std::vector<Event> events;
  std::vector<ResultRow> results;
  std::optional<std::pair<RunState, std::string>> run;  // state and reason
  std::optional<bool> stop_requested;
  std::optional<Time> observed;
  std::optional<int> recoveries;
  std::optional<std::size_t> most_jobs;
  std::optional<Snapshot> snapshot;  // the same nodes and edges, read again; or with those of `grown`
  const Graph* grown = nullptr;      // the nodes beyond those on record are new, and so are their edges
  bool empty() const {
    return nodes.empty() && attempts.empty() && events.empty() && results.empty() && !run &&
           !stop_requested && !observed && !recoveries && !most_jobs && !snapshot && !grown;
  }
};

// All of a run that the engine works on.
struct RunRecord {
  RunRow run;
  Snapshot snapshot;
  std::vector<NodeRow> nodes;     // by NodeIndex
  std::vector<Attempt> attempts;  // the last one of each node that has any, by node
};

// What status and list ask for; an empty field means "any".
struct RunFilter {
  std::string id_or_name;  // exact id, else the workflow's name (latest first)
  bool only_active = false;
  std::size_t limit = 0;  // 0: no limit
};

// Who is driving a run.
struct Lease {
  std::string host, boot_id;
  std::int64_t pid = 0,
               pid_start = 0;  // pid_start: /proc/PID/stat field 22, which tells a recycled process id
  Time since{};
};

class Store {
 public:
  virtual ~Store() = default;
  // Throws Error(conflict) if the id is taken.
  virtual void create(const RunRow& run, const Snapshot& snapshot, const Graph& graph) = 0;
  virtual std::vector<RunRow> runs(const RunFilter& filter) = 0;  // newest first
  virtual RunRecord load(const std::string& run_id) = 0;          // throws Error(not_found)
  virtual void apply(const std::string& run_id, const Changes& changes, Time now) = 0;
  // In the order of the workflow file; `limit` 0: no limit.
  virtual std::vector<NodeStatus> nodes(const std::string& run_id, Which which, std::size_t limit) = 0;
  virtual std::vector<Event> events(const std::string& run_id, std::int64_t after_id,
                                    NodeIndex node) = 0;  // no_node: all
  virtual std::vector<ResultRow> results(const std::string& run_id) = 0;
  virtual std::vector<Attempt> attempts(const std::string& run_id,
                                        NodeIndex node) = 0;  // all of a node, in order
};

// How far the events of each run have been handed to its hooks.
class HookCursors {
 public:
  virtual ~HookCursors() = default;
  // The last event that was; nullopt: none, and nobody has asked for any.
  virtual std::optional<std::int64_t> cursor(const std::string& run_id) = 0;
  virtual void move_cursor(const std::string& run_id, std::int64_t event) = 0;
  // The runs that have ended with events behind their cursors: whoever drove them was stopped before.
  virtual std::vector<std::string> behind() = 0;
};

// At most one process at a time drives a run.
class Leases {
 public:
  virtual ~Leases() = default;
  // Takes the lease if it is free or its owner is dead (as `is_alive` says); else returns who holds it.
  virtual std::optional<Lease> acquire(const std::string& run_id, const Lease& mine,
                                       const std::function<bool(const Lease&)>& is_alive) = 0;
  virtual void release(const std::string& run_id, const Lease& mine) = 0;
};

}  // namespace catena
