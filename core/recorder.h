// How the engine writes: one step's changes, collected and applied as one. Only the engine's own files
// include this.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/engine.h"

namespace catena {

// The reason of an attempt that was asked to end, until it has.
inline constexpr const char* cancel_requested = "cancel requested";

// The reason of a node whose job the scheduler removed because of a parent.
inline constexpr const char* removed_with_a_parent = "taken out by the scheduler with a parent";

// The reason of an attempt whose node the user has given an end, until its job is out of the queue; and of
// the node then.
std::string mark_requested(NodeState end);
std::optional<NodeState> mark_of(const Attempt& attempt);
std::string marked_by_user(NodeState end);

// Of an attempt that waits in the queue and must not start: from before our hold until that is known to be on
// it, and from then on.
inline constexpr const char* stranding = "the scheduler lets it wait for parents that have ended";
inline constexpr const char* stranded = "the scheduler let it wait for parents that had ended";

// Of a service that no node uses any more: the reason of its end; those of its attempt, from the decision to
// end it until the scheduler was told, and from then until its job has ended.
inline constexpr const char* unused_service = "stopped: no node uses it any more";
inline constexpr const char* service_to_stop = "to be stopped: no node uses it any more";
inline constexpr const char* service_stopping = "being stopped: no node uses it any more";
inline bool is_stopping(const Attempt& attempt) {
  return attempt.reason == service_to_stop || attempt.reason == service_stopping;
}

// The nodes whose attempts are or may be at the scheduler, by token; while the run's attempts stay.
std::unordered_map<std::string_view, NodeIndex> nodes_out(const Run& run);

// Collects the changes of one step, keeps the run in memory equal to the store, and tells the observer once
// they are stored.
class Engine::Recorder {
 public:
  Recorder(Engine& engine, Run& run) : engine_(engine), run_(run), now_(engine.clock_.now()) {}

  void state(NodeIndex node, NodeState to, const std::string& reason, const std::string& native = {}) {
    auto& row = run_.nodes[node];
    if (row.state == to) {
      if (row.reason == reason) return;
      row.reason = reason;
      touch(node);
      return;
    }
    if (!may_follow(row.state, to) && !reopened_.contains(node)) {
      event(node, "ignored", fmt::format("{} after {}: {}", to_string(to), to_string(row.state), reason));
      return;
    }
    Event e;
    e.kind = "state";
    e.node = node;
    e.attempt = row.attempts;
    e.from = to_string(row.state);
    e.to = to_string(to);
    const bool adds = !native.empty() && native != reason && native != e.to;
    e.text = !adds ? reason : reason.empty() ? native : reason + " (" + native + ")";
    e.time = now_;
    changes_.events.push_back(std::move(e));
    --run_.row.counts[row.state];
    ++run_.row.counts[to];
    row.state = to;
    row.reason = reason;
    touch(node);
  }
  void event(NodeIndex node, std::string kind, std::string text, std::optional<Time> at = {}) {
    Event e;
    e.kind = std::move(kind);
    e.node = node;
    e.attempt = node == no_node ? 0 : run_.nodes[node].attempts;
    e.text = std::move(text);
    e.time = at.value_or(now_);
    changes_.events.push_back(std::move(e));
  }
  // Lets the node leave its end, once, because the user wants it.
  void reopen(NodeIndex node) {
    ++run_.nodes[node].round;
    run_.nodes[node].failures = 0;
    run_.nodes[node].fetched = false;
    reopened_.insert(node);
  }
  void attempt(NodeIndex node) { attempts_.push_back(node); }
  void touch(NodeIndex node) { touched_.push_back(node); }
  void run_state(RunState state, const std::string& reason) {
    if (run_.row.state == state && run_.row.reason == reason) return;
    Event e;
    e.kind = "run";
    e.from = to_string(run_.row.state);
    e.to = to_string(state);
    e.text = reason;
    e.time = now_;
    changes_.events.push_back(std::move(e));
    run_.row.state = state;
    run_.row.reason = reason;
    changes_.run = {state, reason};
  }
  void stop_requested(bool wanted) {
    run_.row.stop_requested = wanted;
    changes_.stop_requested = wanted;
  }
  void snapshot(Snapshot snapshot) { changes_.snapshot = std::move(snapshot); }
  // The run's graph has more nodes, as this snapshot says.
  void grown(Snapshot snapshot) {
    changes_.snapshot = std::move(snapshot);
    changes_.grown = &run_.graph;
  }
  void recovered() { changes_.recoveries = ++run_.row.recoveries; }
  void most_jobs(std::size_t jobs) {
    run_.row.most_jobs = jobs;
    changes_.most_jobs = jobs;
  }
  void observed() {
    run_.row.observed = now_;
    changes_.observed = now_;
  }
  void result(ResultRow row) { changes_.results.push_back(std::move(row)); }
  Time now() const { return now_; }

  void commit() {
    auto unique = [](std::vector<NodeIndex>& list) {
      std::ranges::sort(list);
      list.erase(std::unique(list.begin(), list.end()), list.end());
    };
    unique(touched_);
    unique(attempts_);
    for (const auto node : touched_) changes_.nodes.emplace_back(node, run_.nodes[node]);
    for (const auto node : attempts_) changes_.attempts.push_back(*run_.attempts[node]);
    touched_.clear();
    attempts_.clear();
    reopened_.clear();
    if (changes_.empty()) return;
    engine_.store_.apply(run_.row.id, changes_, now_);
    ++run_.row.revision;
    for (const auto& e : changes_.events) {
      engine_.observer_.event(run_.row, e.node == no_node ? std::string_view() : run_.graph.node(e.node).name,
                              e);
    }
    changes_ = {};
  }

 private:
  Engine& engine_;
  Run& run_;
  Time now_;
  Changes changes_;
  std::vector<NodeIndex> touched_, attempts_;
  std::set<NodeIndex> reopened_;
};

// What one pass over a run carries from node to node.
struct Engine::Pass {
  Recorder recorder;
  const Place& place;
  std::vector<bool> by_failure;  // core/plan.h's skipped_by_failure, kept up to date
  std::string stop_reason;       // a failed node's on_failure: stop
  const Extensions& extensions;
  std::vector<NodeIndex> stranded{};  // wait at the scheduler for what has long come
};

}  // namespace catena
