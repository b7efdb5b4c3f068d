// The engine takes in the nodes that jobs have found.
#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>

#include "core/error.h"
#include "core/recorder.h"

namespace catena {
namespace {

constexpr std::size_t names_shown = 5;

// "3 nodes: a, b, c"; empty: none.
std::string added_by(const Run& run, NodeIndex by, NodeIndex first) {
  const auto file = extension_file(run.graph.node(by).name);
  std::size_t count = 0;
  std::string names;
  for (auto i = first; i < run.graph.size(); ++i) {
    if (run.workflow.nodes[run.graph.node(i).spec].file != file) continue;
    if (++count <= names_shown) names += (count == 1 ? " " : ", ") + run.graph.node(i).name;
  }
  if (count == 0) return {};
  return fmt::format("{} node{}:{}{}", count, count == 1 ? "" : "s", names, count > names_shown ? ", …" : "");
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

void Engine::grow(Run& run, const std::set<NodeIndex>& by, Extended extended) {
  Recorder recorder(*this, run);
  const auto first = static_cast<NodeIndex>(run.graph.size());
  run.workflow = std::move(extended.workflow);
  run.graph = std::move(extended.graph);
  run.nodes.resize(run.graph.size());
  run.attempts.resize(run.graph.size());
  run.row.counts[NodeState::pending] += run.graph.size() - first;
  recorder.grown(std::move(extended.snapshot));
  for (const auto node : by) {
    if (const auto what = added_by(run, node, first); !what.empty()) recorder.event(node, "extended", what);
  }
  recorder.commit();
}

Engine::Extensions Engine::extend(Run& run, std::span<const SaidRecord* const> said, const Place& place) {
  Extensions result;
  const auto nodes = nodes_out(run);
  std::vector<const SaidRecord*> wanted;
  for (const auto* each : said) {
    if (each->kind == "extend" && nodes.contains(each->token)) wanted.push_back(each);
  }
  bool has_grown = false;
  // False: there is a mistake in one of several.
  const auto take = [&](std::span<const SaidRecord* const> some) {
    std::vector<Extension> list;
    std::set<NodeIndex> by;
    for (const auto* each : some) {
      by.insert(nodes.at(each->token));
      list.push_back({run.graph.node(nodes.at(each->token)).name, each->text});
    }
    std::optional<Extended> extended;
    try {
      extended = place.extend(run.row, list);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::config && error.kind() != ErrorKind::not_found) {
        result.later.insert(by.begin(), by.end());
        for (const auto* each : some) result.files.emplace_back(each->file, nodes.at(each->token));
        observer_.trouble(fmt::format("what jobs have added: {}", error.what()));
        return true;
      }
      if (some.size() > 1) return false;
      result.files.emplace_back(some[0]->file, *by.begin());
      auto& why = result.refused[*by.begin()];
      why = "its extension is refused: " + one_line(error.what());
      Recorder recorder(*this, run);
      tell(recorder, run, *by.begin(), "extension refused", why, some[0]->time);
      recorder.commit();
      return true;
    }
    // Else a pass that was killed, or an earlier attempt, has brought it.
    if (extended) grow(run, by, std::move(*extended));
    has_grown = has_grown || extended;
    return true;
  };
  if (!wanted.empty() && !take(wanted)) {
    for (const auto* each : wanted) take({&each, 1});
  }
  if (!has_grown || !place.run_files) return result;
  try {
    place.backend.transport().put(place.run_files(run.row), run.row.directory);
  } catch (const Error& error) {
    observer_.trouble(
        fmt::format("{} is not up to date for `catena adopt`: {}", run.row.directory, error.what()));
  }
  return result;
}

}  // namespace catena
