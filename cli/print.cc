#include "cli/print.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>

#include "core/expand.h"

namespace catena::cli {
namespace json = boost::json;

std::string duration_text(Seconds duration) {
  const auto s = std::max<std::int64_t>(0, duration.count());
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}h{:02}m", s / 3600, s % 3600 / 60);
  return fmt::format("{}d{:02}h", s / 86400, s % 86400 / 3600);
}

std::string size_text(std::uintmax_t bytes) {
  constexpr std::string_view units = "BKMGTP";
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1000 && unit + 1 < units.size(); ++unit) size /= 1024;
  if (unit == 0) return fmt::format("{}B", bytes);
  return size < 10 ? fmt::format("{:.1f}{}", size, units[unit]) : fmt::format("{:.0f}{}", size, units[unit]);
}

std::string iso_time(Time time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string counts_text(const RunRow& run) {
  std::string text;
  for (const auto state : {NodeState::failed, NodeState::timeout, NodeState::running, NodeState::queued,
                           NodeState::held, NodeState::retrying, NodeState::unknown, NodeState::pending,
                           NodeState::completed, NodeState::skipped, NodeState::cancelled}) {
    const auto found = run.counts.find(state);
    if (found == run.counts.end() || found->second == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", found->second, to_string(state));
  }
  return text;
}

std::string age_text(const RunRow& run, Time now) {
  if (terminal(run.state)) return {};
  if (!run.observed) return "the site was not asked yet";
  return fmt::format("as of {} ago", duration_text(now - *run.observed));
}

json::value to_json(const Value& value) {
  if (value.kind == Value::Kind::null) return nullptr;
  if (value.kind == Value::Kind::list) {
    json::array list;
    for (const auto& item : value.items) list.push_back(to_json(item));
    return list;
  }
  if (value.kind == Value::Kind::boolean) return value.text == "true";
  return json::string(value.text);  // numbers too: as they were written, to the last digit
}

json::object to_json(const RunRow& run) {
  json::object counts;
  for (const auto state : node_states()) {
    const auto found = run.counts.find(state);
    counts[std::string(to_string(state))] = found == run.counts.end() ? 0 : found->second;
  }
  json::object result{{"id", run.id},
                      {"workflow", run.name},
                      {"file", run.file},
                      {"site", run.site},
                      {"directory", run.directory},
                      {"state", std::string(to_string(run.state))},
                      {"reason", run.reason},
                      {"created", iso_time(run.created)},
                      {"updated", iso_time(run.updated)},
                      {"observed", nullptr},
                      {"counts", counts}};
  if (run.observed) result["observed"] = iso_time(*run.observed);
  return result;
}

json::object to_json(const RunRow& run, const Event& event, const std::string& node) {
  json::object object{
      {"run", run.id},   {"workflow", run.name},     {"id", event.id},     {"time", iso_time(event.time)},
      {"node", nullptr}, {"attempt", event.attempt}, {"kind", event.kind}, {"from", event.from},
      {"to", event.to},  {"text", event.text}};
  if (!node.empty()) object["node"] = node;
  return object;
}

json::array summary_of(const Run& run, NodeIndex index, const std::vector<ResultRow>& results) {
  json::array summary;
  for (const auto& item : run.workflow.nodes[run.graph.node(index).spec].summary) {
    const auto found = std::ranges::find_if(results, [&](const ResultRow& result) {
      return result.node == index && result.attempt == run.nodes[index].attempts &&
             result.name == item.result;
    });
    if (found == results.end()) continue;
    summary.push_back({{"label", item.label}, {"value", to_json(found->value)}, {"unit", item.unit}});
  }
  return summary;
}

json::object to_json(const Run& run, NodeIndex index, const std::vector<ResultRow>& results) {
  const auto& node = run.graph.node(index);
  const auto& row = run.nodes[index];
  const auto* attempt = run.attempts[index].get();
  json::object values, got;
  for (const auto& [name, value] : element_values(run.workflow.nodes[node.spec], node.element))
    values[name] = to_json(value);
  for (const auto& result : results) {
    if (result.node == index && result.attempt == row.attempts) got[result.name] = to_json(result.value);
  }
  json::object object{{"name", node.name},
                      {"state", std::string(to_string(row.state))},
                      {"reason", row.reason},
                      {"attempts", row.attempts},
                      {"values", values},
                      {"results", got},
                      {"summary", summary_of(run, index, results)},
                      {"directory", work_directory(run.workflow, run.graph, index,
                                                   {run.row.id, run.row.directory, run.row.site})},
                      {"job", nullptr},
                      {"native", nullptr},
                      {"exit_code", nullptr},
                      {"signal", nullptr},
                      {"host", nullptr},
                      {"submitted", nullptr},
                      {"started", nullptr},
                      {"ended", nullptr}};
  if (!attempt) return object;
  if (!attempt->native_id.empty()) object["job"] = attempt->native_id;
  if (!attempt->native.empty()) object["native"] = attempt->native;
  if (attempt->exit_code) object["exit_code"] = *attempt->exit_code;
  if (attempt->signal) object["signal"] = *attempt->signal;
  if (!attempt->host.empty()) object["host"] = attempt->host;
  if (attempt->submitted) object["submitted"] = iso_time(*attempt->submitted);
  if (attempt->started) object["started"] = iso_time(*attempt->started);
  if (attempt->ended) object["ended"] = iso_time(*attempt->ended);
  return object;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 < row.size() ? fmt::format("{:<{}}  ", row[i], widths[i]) : row[i];
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    fmt::print("{}\n", line);
  }
}

}  // namespace catena::cli
