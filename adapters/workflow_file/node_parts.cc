// The parts of a node that are read on their own: parameters, environment, edges, files, retries, resources.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "adapters/workflow_file/node_reader.h"
#include "core/render.h"
#include "core/retry.h"

namespace catena {
namespace {

// What people write for a resource out of habit, where the spelling is too far off for a suggestion.
constexpr std::pair<std::string_view, std::string_view> habits[] = {
    {"partition", "queue"}, {"time", "walltime"},      {"mem", "memory"},
    {"ntasks", "tasks"},    {"cpus", "cpus_per_task"}, {"threads", "cpus_per_task"},
};

constexpr std::string_view reserved[] = {"node", "run", "nodes", "workflow", "site", "params"};

void after_node(const Scope& scope, const Item& item, After& after) {
  if (auto name = read_line(scope, item, "after.node")) after.node = std::move(*name);
}

void after_on(const Scope& scope, const Item& item, After& after) {
  auto text = read_text(scope, item, "after.on");
  if (!text) return;
  if (auto on = on_from(*text)) {
    after.on = *on;
    return;
  }
  static constexpr std::array<std::string_view, 4> names = {"ok", "any", "notok", "start"};
  scope.error(item.at, fmt::format("after.on: expected ok, any, notok or start, got '{}'", *text),
              suggestion(*text, names));
}

void after_each(const Scope& scope, const Item& item, After& after) {
  after.each = read_bool(scope, item, "after.each").value_or(false);
}
constexpr Field<After> after_fields[] = {{"node", after_node}, {"on", after_on}, {"each", after_each}};

void one_after(const Scope& scope, const Item& item, std::vector<After>& edges) {
  After after;
  after.at = item.at;
  if (item.kind == Item::Kind::map) {
    read_fields<After>(scope, item, "after", after_fields, after);
    if (item.find("node") == nullptr)
      scope.error(item.at, "after: which node? 'node' is missing", "write {node: NAME, on: ok}");
  } else if (item.kind == Item::Kind::list || item.kind == Item::Kind::null) {
    scope.error(item.at, fmt::format("after: expected a node's name, got {}", describe(item.kind)));
  } else if (auto name = read_line(scope, item, "after")) {
    after.node = std::move(*name);
  }
  if (!after.node.empty()) edges.push_back(std::move(after));
}

void input_from(const Scope& scope, const Item& item, Input& input) {
  auto path = read_line(scope, item, "inputs.from");
  if (!path) return;
  if (path->starts_with("~")) {
    scope.error(item.at, "inputs: '~' is not expanded", "write the whole path");
  } else {
    input.from = std::move(*path);
  }
}

void input_to(const Scope& scope, const Item& item, Input& input) {
  auto path = read_line(scope, item, "inputs.to");
  if (!path) return;
  if (auto wrong = check_inside(*path); !wrong.empty())
    scope.error(item.at, fmt::format("inputs.to: {}", wrong));
  input.to = std::move(*path);
}

void input_render(const Scope& scope, const Item& item, Input& input) {
  input.render = read_bool(scope, item, "inputs.render").value_or(false);
}

constexpr Field<Input> input_fields[] = {{"from", input_from}, {"to", input_to}, {"render", input_render}};

void retry_max(const Scope& scope, const Item& item, Retry& retry) {
  retry.max = read_int(scope, item, "retry.max", 0, 1000).value_or(0);
}

std::optional<Seconds> duration(const Scope& scope, const Item& item, const What& what) {
  auto text = read_text(scope, item, what);
  if (!text) return std::nullopt;
  auto value = parse_duration(*text);
  if (!value) {
    scope.error(item.at, fmt::format("{}: '{}' is not a duration", what.text(), *text),
                "write 30s, 10m, 2h, 1d or HH:MM:SS");
  }
  return value;
}

void retry_backoff(const Scope& scope, const Item& item, Retry& retry) {
  if (auto value = duration(scope, item, "retry.backoff")) retry.backoff = *value;
}
void retry_max_delay(const Scope& scope, const Item& item, Retry& retry) {
  if (auto value = duration(scope, item, "retry.max_delay")) retry.max_delay = *value;
}

void retry_factor(const Scope& scope, const Item& item, Retry& retry) {
  double value = 0;
  const char* end = item.text.data() + item.text.size();
  const auto [stop, code] = std::from_chars(item.text.data(), end, value);
  if (item.kind != Item::Kind::number || code != std::errc() || stop != end ||
      !(value >= 1 && value <= 100)) {
    scope.error(item.at, "retry.factor: expected a number from 1 to 100");
  } else {
    retry.factor = value;
  }
}

void retry_on(const Scope& scope, const Item& item, Retry& retry) {
  static constexpr std::array<std::string_view, 5> names = {"failed", "timeout", "node_fail", "oom",
                                                            "preempted"};
  std::vector<const Item*> items;
  if (item.kind == Item::Kind::string) {
    items.push_back(&item);
  } else if (expect(scope, item, Item::Kind::list, "retry.on")) {
    for (const Item& child : item.children()) items.push_back(&child);
  }
  for (const Item* each : items) {
    auto text = read_text(scope, *each, "retry.on");
    if (!text) continue;
    if (std::ranges::find(names, *text) != names.end()) {
      retry.on.push_back(std::move(*text));
      continue;
    }
    scope.error(each->at, fmt::format("retry.on: expected {}, got '{}'", fmt::join(names, ", "), *text),
                suggestion(*text, names));
  }
}

void retry_permanent(const Scope& scope, const Item& item, Retry& retry) {
  std::vector<const Item*> items;
  if (item.kind == Item::Kind::number) {
    items.push_back(&item);
  } else if (expect(scope, item, Item::Kind::list, "retry.permanent")) {
    for (const Item& child : item.children()) items.push_back(&child);
  }
  for (const Item* each : items) {
    if (auto code = read_int(scope, *each, "retry.permanent", 1, 255)) retry.permanent.push_back(*code);
  }
}

void retry_resources(const Scope& scope, const Item& item, Retry& retry) {
  if (!expect(scope, item, Item::Kind::map, "retry.resources")) return;
  for (const Item& child : item.children()) {
    const auto names = resource_names();
    if (std::ranges::find(names, child.key) == names.end()) {
      unknown_key(scope, child, "retry.resources", names);
      continue;
    }
    auto text = read_text(scope, child, {"retry.resources", child.key});
    if (!text) continue;
    if (const auto wrong = check_raise(child.key, *text); !wrong.empty()) {
      scope.error(child.at, fmt::format("retry.resources: {}", wrong), "write x1.5 for a factor, or a value");
    } else {
      retry.resources.emplace_back(child.key, std::move(*text));
    }
  }
}

void retry_how(const Scope& scope, const Item& item, Retry& retry) {
  const auto text = read_text(scope, item, "retry.how");
  if (!text) return;
  retry.how = retry_how_from(*text);
  if (!retry.how)
    scope.error(item.at, fmt::format("retry.how: expected resubmit, requeue or in_place, got '{}'", *text));
}

constexpr Field<Retry> retry_fields[] = {{"max", retry_max},
                                         {"backoff", retry_backoff},
                                         {"factor", retry_factor},
                                         {"max_delay", retry_max_delay},
                                         {"on", retry_on},
                                         {"permanent", retry_permanent},
                                         {"resources", retry_resources},
                                         {"how", retry_how}};

}  // namespace

std::string check_parameter_name(std::string_view name) {
  if (!is_identifier(name)) {
    return fmt::format("'{}' is not a parameter's name: letters, digits and '_', no digit first", name);
  }
  if (std::ranges::find(reserved, name) != std::end(reserved)) {
    return fmt::format("'{}' cannot be a parameter's name: {{{{ {}.… }}}} has a meaning of its own", name,
                       name);
  }
  return {};
}

std::optional<Value> value_of(const Item& item) {
  switch (item.kind) {
    case Item::Kind::boolean:
      return Value::of(std::string(item.text), Value::Kind::boolean);
    case Item::Kind::number:
      return Value::of(std::string(item.text), Value::Kind::number);
    case Item::Kind::string:
      return Value::of(std::string(item.text));
    default:
      return std::nullopt;
  }
}

std::optional<Value> param_value(const Scope& scope, const Item& item, const What& what) {
  if (auto value = value_of(item)) return value;
  if (item.kind != Item::Kind::list) {
    scope.error(
        item.at,
        fmt::format("{}: expected a value or a list of values, got {}", what.text(), describe(item.kind)),
        item.kind == Item::Kind::null ? "write \"\" for an empty text" : "");
    return std::nullopt;
  }
  Value list{Value::Kind::list, {}, {}};
  list.items.reserve(item.size);
  for (const Item& child : item.children()) {
    if (auto value = value_of(child)) {
      list.items.push_back(std::move(*value));
    } else {
      scope.error(child.at, fmt::format("{}: a list holds texts, numbers, true and false, not {}",
                                        what.text(), describe(child.kind)));
    }
  }
  return list;
}

Params read_params(const Scope& scope, const Item& item) {
  Params params;
  if (!expect(scope, item, Item::Kind::map, "params")) return params;
  params.reserve(item.size);
  for (const Item& child : item.children()) {
    if (auto wrong = check_parameter_name(child.key); !wrong.empty()) {
      scope.error(child.key_at, fmt::format("params: {}", wrong));
    } else if (auto value = param_value(scope, child, {"params", child.key})) {
      params.emplace_back(std::string(child.key), std::move(*value));
    }
  }
  return params;
}

std::vector<std::pair<std::string, std::string>> read_env(const Scope& scope, const Item& item) {
  std::vector<std::pair<std::string, std::string>> env;
  if (!expect(scope, item, Item::Kind::map, "env")) return env;
  env.reserve(item.size);
  for (const Item& child : item.children()) {
    if (!is_identifier(child.key)) {
      scope.error(child.key_at,
                  fmt::format("env: '{}' is not a variable's name: letters, digits and '_', no digit first",
                              child.key));
    } else if (child.key.starts_with("CATENA_")) {
      scope.error(child.key_at,
                  fmt::format("env: '{}' is catena's own: names that begin with CATENA_ are", child.key),
                  "choose another name");
    } else if (auto text = read_text(scope, child, {"env", child.key})) {
      env.emplace_back(std::string(child.key), std::move(*text));
    }
  }
  return env;
}

std::vector<After> read_after(const Scope& scope, const Item& item) {
  std::vector<After> edges;
  if (item.kind != Item::Kind::list) {
    one_after(scope, item, edges);
    return edges;
  }
  edges.reserve(item.size);
  for (const Item& child : item.children()) one_after(scope, child, edges);
  return edges;
}

std::string check_inside(std::string_view path) {
  if (path.starts_with("/") || path.starts_with("~")) {
    return fmt::format("'{}' is not relative to the working directory", path);
  }
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (path.substr(start, end - start) == "..")
      return fmt::format("'{}' leaves the working directory", path);
    start = end + 1;
  }
  return {};
}

std::vector<Input> read_inputs(const Scope& scope, const Item& item) {
  std::vector<Input> inputs;
  if (!expect(scope, item, Item::Kind::list, "inputs")) return inputs;
  inputs.reserve(item.size);
  for (const Item& child : item.children()) {
    Input input;
    if (child.kind == Item::Kind::map) {
      read_fields<Input>(scope, child, "inputs", input_fields, input);
      if (child.find("from") == nullptr)
        scope.error(child.at, "inputs: 'from' is missing", "write {from: FILE, to: NAME}");
    } else {
      input_from(scope, child, input);
    }
    if (input.from.empty()) continue;
    const std::string target = target_of(input);
    auto same = [&](const Input& other) { return target_of(other) == target; };
    // A glob's files go where it is put, each under its own name.
    if (!has_glob(input.from) && !target.empty() && std::ranges::any_of(inputs, same)) {
      scope.error(child.at, fmt::format("inputs: two files would become '{}'", target),
                  "give one of them another name with 'to'");
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

std::vector<std::string> read_outputs(const Scope& scope, const Item& item) {
  std::vector<std::string> outputs;
  if (!expect(scope, item, Item::Kind::list, "outputs")) return outputs;
  outputs.reserve(item.size);
  for (const Item& child : item.children()) {
    auto path = read_line(scope, child, "outputs");
    if (!path) continue;
    if (auto wrong = check_inside(*path); !wrong.empty()) {
      scope.error(child.at, fmt::format("outputs: {}", wrong));
    } else {
      outputs.push_back(std::move(*path));
    }
  }
  return outputs;
}

std::optional<Retry> read_retry(const Scope& scope, const Item& item) {
  Retry retry;
  if (item.kind == Item::Kind::number) {
    retry_max(scope, item, retry);
    return retry;
  }
  if (item.kind != Item::Kind::map) {
    scope.error(item.at, fmt::format("retry: expected a number or a map, got {}", describe(item.kind)),
                "write retry: 3, or retry: {max: 3, backoff: 30s}");
    return std::nullopt;
  }
  read_fields<Retry>(scope, item, "retry", retry_fields, retry);
  if (item.find("max") == nullptr) scope.error(item.at, "retry: 'max' is missing", "write {max: 3}");
  if (!retry.resources.empty() && retry.how.value_or(RetryHow::resubmit) != RetryHow::resubmit)
    scope.error(
        item.at,
        fmt::format("retry: 'resources' cannot change in the same job (how: {})", to_string(*retry.how)),
        "leave one of the two out");
  return retry;
}

void read_resources(const Scope& scope, const Item& item, NodeSpec& spec) {
  if (!expect(scope, item, Item::Kind::map, "resources")) return;
  for (const Item& child : item.children()) {
    const auto names = resource_names();
    if (std::ranges::find(names, child.key) == names.end()) {
      const auto* habit = std::ranges::find(habits, child.key, [](const auto& entry) { return entry.first; });
      if (habit != std::end(habits)) {
        scope.error(child.key_at, fmt::format("unknown key '{}' in resources", child.key),
                    fmt::format("it is called '{}' here", habit->second));
      } else {
        unknown_key(scope, child, "resources", names);
      }
      continue;
    }
    auto text = read_text(scope, child, {"resources", child.key});
    if (!text) continue;
    if (has_template(*text)) {
      spec.templated_resources.emplace_back(std::string(child.key), std::move(*text));
    } else if (auto wrong = set_resource(spec.resources, child.key, *text); !wrong.empty()) {
      scope.error(child.at, fmt::format("resources: {}", wrong));
    }
  }
}

}  // namespace catena
