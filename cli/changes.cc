#include "cli/changes.h"

#include <fmt/core.h>

#include <chrono>

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

std::string what_differs(const NodeSpec& old, const NodeSpec& now) {
  if (old.body != now.body || old.shell != now.shell) return "its script has changed";
  if (old.params != now.params) return "its parameters have changed";
  if (old.env != now.env) return "its environment has changed";
  return {};
}

bool changed_after(const fs::path& file, Time time) {
  std::error_code error;
  const auto written = fs::last_write_time(file, error);
  if (error) return false;
  return std::chrono::floor<std::chrono::seconds>(std::chrono::file_clock::to_sys(written)) > time;
}

}  // namespace

std::vector<std::string> changed_files(const Snapshot& recorded, const Snapshot& now) {
  std::vector<std::string> changed;
  if (recorded.text != now.text) changed.push_back(recorded.file + " has changed");
  for (const auto& [name, text] : recorded.files) {
    const auto found = now.files.find(name);
    if (found == now.files.end()) {
      changed.push_back(name + " is not used any more");
    } else if (found->second != text) {
      changed.push_back(name + " has changed");
    }
  }
  return changed;
}

std::vector<std::string> outdated(const Run& run, const Workflow& now, const Place& place) {
  constexpr std::size_t most = 10;
  std::vector<std::string> lines;
  std::size_t more = 0;
  const JobWriter writer(run.workflow, run.graph, run.row, place.site, place.dialect);
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    if (run.nodes[i].state != NodeState::completed || !run.attempts[i]) continue;
    const auto& node = run.graph.node(i);
    auto why = what_differs(run.workflow.nodes[node.spec], now.nodes[node.spec]);
    if (why.empty() && run.workflow.params != now.params) why = "the workflow's params have changed";
    if (why.empty()) {
      for (const auto& file : place.input_files(writer, i, writer.rendered(i))) {
        if (file.source.empty() || !changed_after(file.source, run.attempts[i]->intended)) continue;
        why = fmt::format("its input {} was changed after it was submitted", file.source.string());
        break;
      }
    }
    if (why.empty()) continue;
    if (lines.size() < most) {
      lines.push_back(fmt::format("{} has completed, and {}", node.name, why));
    } else {
      ++more;
    }
  }
  if (more > 0) lines.push_back(fmt::format("and {} more nodes", more));
  return lines;
}

}  // namespace catena::cli
