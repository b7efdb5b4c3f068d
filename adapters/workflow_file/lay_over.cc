#include <algorithm>
#include <iterator>

#include "adapters/workflow_file/node_reader.h"

namespace catena {
namespace {

// Replaces what has the same name and appends the rest.
template <class T, class NameOf>
void merge_by_name(std::vector<T>& base, std::vector<T>&& own, const NameOf& name_of) {
  for (T& each : own) {
    auto same = [&](const T& other) { return name_of(other) == name_of(each); };
    if (auto found = std::ranges::find_if(base, same); found != base.end()) {
      *found = std::move(each);
    } else {
      base.push_back(std::move(each));
    }
  }
}

// memory and memory_per_cpu say the same thing in two ways: who sets one has set both.
bool same_resource(std::string_view a, std::string_view b) {
  auto memory = [](std::string_view name) { return name == "memory" || name == "memory_per_cpu"; };
  return a == b || (memory(a) && memory(b));
}

bool sets(const NodeSpec& spec, std::string_view name) {
  auto templated = [&](const auto& entry) { return same_resource(entry.first, name); };
  if (std::ranges::any_of(spec.templated_resources, templated)) return true;
  return std::ranges::any_of(resource_names(), [&](std::string_view other) {
    return same_resource(other, name) && !get_resource(spec.resources, other).empty();
  });
}

}  // namespace

std::string target_of(const Input& input) {
  if (!input.to.empty()) return input.to;
  if (has_glob(input.from)) return input.from;
  return input.from.substr(input.from.rfind('/') + 1);
}

void add_templated(const NodeSpec& base, NodeSpec& spec) {
  std::vector<std::pair<std::string, std::string>> kept;
  for (const auto& entry : base.templated_resources) {
    if (!sets(spec, entry.first)) kept.push_back(entry);
  }
  spec.templated_resources.insert(spec.templated_resources.begin(), kept.begin(), kept.end());
}

NodeSpec lay_over(NodeSpec base, NodeSpec own) {
  add_templated(base, own);
  // A field that will be filled in must not meet the plain one below it.
  for (const auto& [name, text] : own.templated_resources) {
    if (same_resource(name, "memory")) base.resources.memory = base.resources.memory_per_cpu = std::nullopt;
  }
  own.resources = merge(std::move(base.resources), own.resources);

  auto first = [](const auto& entry) -> const std::string& { return entry.first; };
  merge_by_name(base.params, std::move(own.params), first);
  merge_by_name(base.env, std::move(own.env), first);
  merge_by_name(base.results, std::move(own.results),
                [](const Result& result) -> const std::string& { return result.name; });
  for (Input& input : own.inputs) {
    auto same = [&](const Input& other) { return target_of(other) == target_of(input); };
    if (auto found = std::ranges::find_if(base.inputs, same); found != base.inputs.end()) {
      input.render = input.render || found->render;
      *found = std::move(input);
    } else {
      base.inputs.push_back(std::move(input));
    }
  }
  for (std::string& output : own.outputs) {
    if (std::ranges::find(base.outputs, output) == base.outputs.end())
      base.outputs.push_back(std::move(output));
  }
  merge_by_name(base.summary, std::move(own.summary),
                [](const SummaryItem& item) -> const std::string& { return item.label; });
  std::ranges::move(own.checks, std::back_inserter(base.checks));
  for (auto& [dialect, options] : own.scheduler_options) {
    auto& all = base.scheduler_options[dialect];
    all.insert(all.end(), std::make_move_iterator(options.begin()), std::make_move_iterator(options.end()));
  }
  own.params = std::move(base.params);
  own.env = std::move(base.env);
  own.results = std::move(base.results);
  own.checks = std::move(base.checks);
  own.summary = std::move(base.summary);
  own.inputs = std::move(base.inputs);
  own.outputs = std::move(base.outputs);
  own.scheduler_options = std::move(base.scheduler_options);

  own.body = std::move(base.body);
  own.origin = std::move(base.origin);
  own.raw_body = base.raw_body;
  own.stdout_file = std::move(base.stdout_file);
  own.stderr_file = std::move(base.stderr_file);
  if (own.shell.empty()) own.shell = std::move(base.shell);
  if (own.workdir.empty()) own.workdir = std::move(base.workdir);
  if (!own.retry) own.retry = std::move(base.retry);
  if (!own.on_failure) own.on_failure = base.on_failure;
  if (!own.kind) own.kind = base.kind;
  if (!own.run_in) own.run_in = base.run_in;
  return own;
}

}  // namespace catena
