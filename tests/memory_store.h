// A store that forgets when the test ends; it checks that terminal states never change, as the real one does.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "core/error.h"
#include "core/store.h"

namespace catena {

class MemoryStore : public Store {
 public:
  void create(const RunRow& run, const Snapshot& snapshot, const Graph& graph) override {
    record.run = run;
    record.snapshot = snapshot;
    record.nodes.resize(graph.size());
    record.run.counts[NodeState::pending] = graph.size();
  }
  std::vector<RunRow> runs(const RunFilter&) override { return {record.run}; }
  RunRecord load(const std::string&) override {
    RunRecord copy = record;
    copy.attempts.clear();
    for (NodeIndex node = 0; node < record.nodes.size(); ++node) {
      const auto last = std::ranges::find_if(record.attempts, [&](const Attempt& a) {
        return a.node == node && a.number == record.nodes[node].attempts;
      });
      if (last != record.attempts.end()) copy.attempts.push_back(*last);
    }
    return copy;
  }
  void apply(const std::string&, const Changes& changes, Time) override {
    ++transactions;
    if (changes.grown) {
      record.run.counts[NodeState::pending] += changes.grown->size() - record.nodes.size();
      record.nodes.resize(changes.grown->size());
    }
    for (const auto& [node, row] : changes.nodes) {
      auto& old = record.nodes[node];
      if (terminal(old.state) && old.state != row.state && old.round == row.round)
        throw Error(ErrorKind::internal, "a terminal state would change");
      --record.run.counts[old.state];
      ++record.run.counts[row.state];
      old = row;
    }
    for (const auto& attempt : changes.attempts) {
      const auto same = std::ranges::find(record.attempts, attempt.token, &Attempt::token);
      if (same == record.attempts.end()) {
        record.attempts.push_back(attempt);
      } else {
        *same = attempt;
      }
    }
    for (const auto& event : changes.events) all_events.push_back(event);
    for (const auto& result : changes.results) all_results.push_back(result);
    if (changes.run) std::tie(record.run.state, record.run.reason) = *changes.run;
    if (changes.stop_requested) record.run.stop_requested = *changes.stop_requested;
    if (changes.snapshot) record.snapshot = *changes.snapshot;
    if (changes.recoveries) record.run.recoveries = *changes.recoveries;
    if (changes.most_jobs) record.run.most_jobs = *changes.most_jobs;
    if (changes.observed) record.run.observed = changes.observed;
  }
  std::vector<Event> events(const std::string&, std::int64_t, NodeIndex) override { return all_events; }
  std::vector<ResultRow> results(const std::string&) override { return all_results; }
  std::vector<Attempt> attempts(const std::string&, NodeIndex) override { return record.attempts; }
  std::vector<NodeStatus> nodes(const std::string&, Which, std::size_t) override { return {}; }

  RunRecord record;
  std::vector<Event> all_events;
  std::vector<ResultRow> all_results;
  int transactions = 0;
};

}  // namespace catena
