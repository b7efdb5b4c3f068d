// The engine takes in the nodes that jobs have found.
#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "core/recorder.h"

namespace catena {
namespace {

constexpr std::size_t names_shown = 5;

// "3 nodes: a, b, c"
std::string added(const Graph& graph, NodeIndex first) {
  const auto count = graph.size() - first;
  auto text = fmt::format("{} node{}:", count, count == 1 ? "" : "s");
  for (std::size_t i = 0; i < std::min(count, names_shown); ++i)
    text += fmt::format("{} {}", i == 0 ? "" : ",", graph.node(first + static_cast<NodeIndex>(i)).name);
  return count > names_shown ? text + ", …" : text;
}

std::string one_line(std::string text) {
  for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at))
    text.replace(at, 1, "; ");
  return text;
}

}  // namespace

std::unordered_map<std::string_view, NodeIndex> nodes_out(const Run& run) {
  std::unordered_map<std::string_view, NodeIndex> nodes;
  for (const auto& attempt : run.attempts) {
    if (is_out(attempt.get())) nodes.emplace(attempt->token, attempt->node);
  }
  return nodes;
}

void Engine::grow(Run& run, NodeIndex by, Extended extended) {
  Recorder recorder(*this, run);
  const auto first = static_cast<NodeIndex>(run.graph.size());
  run.workflow = std::move(extended.workflow);
  run.graph = std::move(extended.graph);
  run.nodes.resize(run.graph.size());
  run.attempts.resize(run.graph.size());
  run.row.counts[NodeState::pending] += run.graph.size() - first;
  recorder.grown(std::move(extended.snapshot));
  recorder.event(by, "extended", added(run.graph, first));
  recorder.commit();
}

Engine::Extensions Engine::extend(Run& run, std::span<const SaidRecord* const> said, const Place& place) {
  Extensions result;
  const auto nodes = nodes_out(run);
  bool has_grown = false;
  for (const auto* each : said) {
    const auto found = nodes.find(each->token);
    if (each->kind != "extend" || found == nodes.end()) continue;
    const auto node = found->second;
    try {
      auto extended = place.extend(run.row, run.graph.node(node).name, each->text);
      if (!extended) continue;  // a pass that was killed, or an earlier attempt, has brought it
      grow(run, node, std::move(*extended));
      has_grown = true;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::config || error.kind() == ErrorKind::not_found) {
        auto& why = result.refused[node];
        why = "its extension is refused: " + one_line(error.what());
        Recorder recorder(*this, run);
        tell(recorder, run, node, "extension refused", why, each->time);
        recorder.commit();
      } else {
        result.later.insert(node);
        observer_.trouble(fmt::format("the extension by {}: {}", run.graph.node(node).name, error.what()));
      }
    }
  }
  if (!has_grown || !place.run_files) return result;
  try {
    place.backend.prepare(run.row.directory, {}, place.run_files(run.row));
  } catch (const Error& error) {
    observer_.trouble(
        fmt::format("{} is not up to date for `catena adopt`: {}", run.row.directory, error.what()));
  }
  return result;
}

}  // namespace catena
