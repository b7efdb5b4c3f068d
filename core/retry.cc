#include "core/retry.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace catena {
namespace {

std::string_view word(JobState state) {
  switch (state) {
    case JobState::failed:
      return "failed";
    case JobState::timeout:
      return "timeout";
    case JobState::node_fail:
      return "node_fail";
    case JobState::oom:
      return "oom";
    case JobState::preempted:
      return "preempted";
    default:
      return {};
  }
}

// "x1.5"; nullopt: no factor.
std::optional<double> factor(std::string_view text) {
  if (!text.starts_with('x')) return std::nullopt;
  text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || !(value > 0 && value <= 1000))
    return std::nullopt;
  return value;
}

std::int64_t times(std::int64_t value, double factor) {
  constexpr double most = 1e15;
  return static_cast<std::int64_t>(std::min(std::ceil(static_cast<double>(value) * factor), most));
}

// Multiplies a field that counts something; false: the field is none of these.
bool multiply(Resources& resources, std::string_view name, double factor) {
  const auto number = [&](std::optional<int>& field) {
    if (field)
      *field =
          static_cast<int>(std::min<std::int64_t>(times(*field, factor), std::numeric_limits<int>::max()));
    return true;
  };
  const auto size = [&](std::optional<Bytes>& field) {
    if (field) field = times(*field, factor);
    return true;
  };
  if (name == "nodes") return number(resources.nodes);
  if (name == "tasks") return number(resources.tasks);
  if (name == "tasks_per_node") return number(resources.tasks_per_node);
  if (name == "cpus_per_task") return number(resources.cpus_per_task);
  if (name == "gpus") return number(resources.gpus);
  if (name == "memory") return size(resources.memory);
  if (name == "memory_per_cpu") return size(resources.memory_per_cpu);
  if (name == "scratch") return size(resources.scratch);
  if (name != "walltime") return false;
  if (resources.walltime) resources.walltime = Seconds{times(resources.walltime->count(), factor)};
  return true;
}

}  // namespace

const Retry* retry_of(const Workflow& workflow, const NodeSpec& spec) {
  if (spec.retry) return &*spec.retry;
  return workflow.defaults.retry ? &*workflow.defaults.retry : nullptr;
}

bool retry_follows(const Retry& retry, int failures, JobState how, std::optional<int> exit_code) {
  if (failures > retry.max || word(how).empty()) return false;
  if (exit_code && std::ranges::find(retry.permanent, *exit_code) != retry.permanent.end()) return false;
  return retry.on.empty() || std::ranges::find(retry.on, word(how)) != retry.on.end();
}

std::vector<bool> may_be_tried_again(const Workflow& workflow, const Graph& graph,
                                     std::span<const NodeRow> rows) {
  std::vector<bool> result(graph.size());
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto* retry = retry_of(workflow, workflow.nodes[graph.node(i).spec]);
    result[i] = retry && rows[i].failures < retry->max;
  }
  return result;
}

Seconds retry_delay(const Retry& retry, int failures) {
  double delay = static_cast<double>(retry.backoff.count());
  for (int i = 1; i < failures; ++i) delay *= retry.factor;
  return Seconds{static_cast<std::int64_t>(std::min(delay, static_cast<double>(retry.max_delay.count())))};
}

std::optional<TriesInJob> tries_in_job(const Retry& retry, RetryHow site, int failures,
                                       std::string_view requeue) {
  const auto how = retry.how.value_or(site);
  if (how == RetryHow::resubmit || !retry.resources.empty() ||
      (how == RetryHow::requeue && requeue.empty()) ||
      !retry_follows(retry, failures + 1, JobState::failed, std::nullopt))
    return std::nullopt;
  TriesInJob tries{{}, retry.permanent, std::string(how == RetryHow::requeue ? requeue : "")};
  for (int i = failures + 1; i <= retry.max; ++i) tries.delays.push_back(retry_delay(retry, i));
  return tries;
}

Resources raised(Resources resources, const Retry& retry, int failures) {
  if (failures < 1) return resources;
  for (const auto& [name, text] : retry.resources) {
    if (const auto by = factor(text)) {
      multiply(resources, name, std::pow(*by, failures));
    } else {
      set_resource(resources, name, text);
    }
  }
  return resources;
}

std::string check_raise(std::string_view name, std::string_view text) {
  Resources trial;
  if (!text.starts_with('x') || !multiply(trial, name, 1)) return set_resource(trial, name, text);
  return factor(text) ? "" : fmt::format("'{}' is no factor: x1.5, x2", text);
}

}  // namespace catena
