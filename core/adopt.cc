#include "core/adopt.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "core/engine.h"
#include "core/error.h"
#include "core/script.h"

namespace catena {
namespace {

// Numbers are used up without a trace where catena was killed, or the scheduler did not answer, in the middle
// of a submission: for all nodes of a window at a time, so that a small run is asked about further on. Each
// number is a name on a command line.
constexpr std::size_t least_patience = 4, most_patience = 100, names_in_all = 20'000;

int patience(std::size_t nodes) {
  return static_cast<int>(std::clamp(names_in_all / nodes, least_patience, most_patience));
}

bool failed(JobState state) {
  switch (state) {
    case JobState::failed:
    case JobState::timeout:
    case JobState::node_fail:
    case JobState::oom:
    case JobState::preempted:
      return true;
    default:
      return false;
  }
}

// `array`: as an element of a job array.
Attempt attempt_of(const RunRow& run, const Node& node, NodeIndex index, int number,
                   const std::optional<ArrayPlace>& array) {
  Attempt attempt;
  attempt.node = index;
  attempt.number = number;
  attempt.token = array ? element_token(array->token, std::to_string(array->index))
                        : make_token(run.directory, node.name, number);
  attempt.intended = run.created;
  const auto log = log_path(run.directory, node, number, array);
  attempt.stdout_file = log + ".out";
  attempt.stderr_file = log + ".err";
  return attempt;
}

// An attempt after which there was another one.
void settle(Attempt& attempt, const std::optional<Outcome>& outcome) {
  attempt.state = AttemptState::dropped;
  if (!outcome) return;
  const auto& report = outcome->report;
  attempt.native_id = report.native_id;
  attempt.submitted = report.submitted;
  attempt.started = report.started;
  attempt.ended = report.ended;
  attempt.exit_code = report.exit_code;
  attempt.signal = report.signal;
  attempt.host = report.host;
  attempt.native = report.native;
  if (!failed(outcome->state)) return;
  attempt.state = AttemptState::ended;
  attempt.reason = failure_text(outcome->state, report);
}

}  // namespace

Traces find_traces(const RunRow& run, const Graph& graph, std::size_t max_array, Backend& backend) {
  // By itself, and as an element of an array.
  const auto forms = [&](NodeIndex index, int number) {
    const auto& node = graph.node(index);
    std::vector<Attempt> both{attempt_of(run, node, index, number, {})};
    if (max_array > 1 && node.element > 0)
      both.push_back(attempt_of(run, node, index, number,
                                array_place(run.directory, node, number, static_cast<int>(max_array))));
    return both;
  };
  std::vector<std::vector<Report>> reports;            // of each token asked for
  std::unordered_map<std::string, std::size_t> place;  // token -> place in `reports`
  std::vector<int> last(graph.size());                 // the last attempt of each node with a trace; 0: none
  std::unordered_map<std::string, std::string> spooled;
  std::vector<NodeIndex> open(graph.size());
  for (NodeIndex node = 0; node < graph.size(); ++node) open[node] = node;

  for (int first = 1, next = 1; !open.empty(); first = next) {
    next = first + patience(open.size());
    std::vector<JobRef> refs;
    std::vector<std::pair<NodeIndex, int>> whose;
    for (const auto node : open) {
      for (int number = first; number < next; ++number) {
        for (const auto& attempt : forms(node, number)) {
          place.emplace(attempt.token, reports.size() + refs.size());
          refs.push_back({attempt.token, job_name(graph.node(node).name, attempt.token), "", run.directory,
                          run.created});
          whose.emplace_back(node, number);
        }
      }
    }
    const auto before = reports.size();
    reports.resize(before + refs.size());
    auto observation = backend.observe(refs);
    if (!observation.queue_seen || !observation.accounting_seen) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("run {} is not adopted: {}", run.id,
                              observation.trouble.empty() ? "the scheduler does not answer"
                                                          : observation.trouble.front()),
                  "try again when it answers: a job that is not seen would be submitted again");
    }
    for (auto& report : observation.reports) {
      if (const auto found = place.find(report.token); found != place.end())
        reports[found->second].push_back(std::move(report));
    }
    for (auto& file : observation.spooled) {
      const auto name = file.substr(file.rfind('/') + 1);
      spooled[name] = std::move(file);
    }
    for (std::size_t i = 0; i < whose.size(); ++i) {
      if (!reports[before + i].empty()) last[whose[i].first] = whose[i].second;
    }
    std::erase_if(open, [&](NodeIndex node) { return last[node] < first; });
  }

  Traces traces;
  for (NodeIndex node = 0; node < graph.size(); ++node) {
    if (last[node] == 0) continue;
    ++traces.nodes;
    NodeRow row;
    row.attempts = last[node];
    for (int number = 1; number <= last[node]; ++number) {
      auto all = forms(node, number);
      auto& attempt = all.size() > 1 && !reports[place.at(all[1].token)].empty() ? all[1] : all[0];
      if (number < last[node]) {
        std::vector<const Report*> ours;
        for (const auto& report : reports[place.at(attempt.token)]) ours.push_back(&report);
        settle(attempt, merge(ours));
        if (attempt.state == AttemptState::ended) ++row.failures;
        for (const char* kind : {".start", ".exit"}) {
          if (const auto found = spooled.find(attempt.token + kind); found != spooled.end())
            traces.spooled.push_back(found->second);
        }
      }
      traces.changes.attempts.push_back(std::move(attempt));
    }
    if (row.failures > 0) row.state = NodeState::retrying;
    traces.changes.nodes.emplace_back(node, row);
  }
  return traces;
}

}  // namespace catena
