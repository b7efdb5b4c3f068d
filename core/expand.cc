#include "core/expand.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <unordered_map>

#include "core/job.h"
#include "core/job_tool.h"
#include "core/late_names.h"
#include "core/quote.h"
#include "core/render.h"

namespace catena {
namespace {

std::uint32_t element_count(const NodeSpec& spec) {
  if (!spec.foreach || spec.foreach->axes.empty()) return 0;
  if (spec.foreach->zip) return static_cast<std::uint32_t>(spec.foreach->axes.front().values.size());
  std::size_t count = 1;
  for (const auto& axis : spec.foreach->axes) count *= axis.values.size();
  return static_cast<std::uint32_t>(count);
}

// Where the nodes of one spec stand in the graph.
struct Span {
  std::uint32_t spec = 0;
  NodeIndex first = 0;
  std::uint32_t count = 1;     // nodes
  std::uint32_t elements = 0;  // 0 without foreach
};

// "scf" -> all its nodes, "scf.3" -> one of them; count 0 if there is none.
std::pair<NodeIndex, std::uint32_t> resolve(std::string_view name,
                                            const std::unordered_map<std::string_view, Span>& spans) {
  if (auto found = spans.find(name); found != spans.end()) return {found->second.first, found->second.count};
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return {0, 0};
  const auto found = spans.find(name.substr(0, dot));
  std::uint32_t element = 0;
  const auto digits = name.substr(dot + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), element);
  if (found == spans.end() || error != std::errc{} || end != digits.data() + digits.size() || element < 1 ||
      element > found->second.elements) {
    return {0, 0};
  }
  return {found->second.first + element - 1, 1};
}

// "3 elements", "no foreach"
std::string elements_text(const std::unordered_map<std::string_view, Span>& spans, std::string_view node) {
  const auto found = spans.find(node);
  return found == spans.end() || found->second.elements == 0
             ? "no foreach"
             : fmt::format("{} elements", found->second.elements);
}

void report_unknown(const Workflow& workflow, const NodeSpec& spec, const After& after,
                    const std::unordered_map<std::string_view, Span>& spans, Diagnostics& diagnostics) {
  const auto dot = after.node.rfind('.');
  if (dot != std::string::npos) {
    const auto found = spans.find(std::string_view(after.node).substr(0, dot));
    if (found != spans.end()) {
      const auto& span = found->second;
      diagnostics.add({file_of(workflow, spec), after.at, spec.name,
                       "after: there is no element '" + after.node + "'",
                       span.elements == 0 ? "'" + after.node.substr(0, dot) + "' has no foreach"
                                          : "its elements count from 1 to " + std::to_string(span.elements)});
      return;
    }
  }
  std::vector<std::string_view> names;
  for (const auto& node : workflow.nodes) names.push_back(node.name);
  diagnostics.add({file_of(workflow, spec), after.at, spec.name, "after: unknown node '" + after.node + "'",
                   suggestion(after.node, names)});
}

// A service ends because nobody needs it any more: what waits for its end would wait for itself.
void report_services(const Workflow& workflow, const Graph& graph,
                     const std::unordered_map<std::string_view, Span>& spans, Diagnostics& diagnostics) {
  for (const auto& spec : workflow.nodes) {
    for (const auto& after : spec.after) {
      const auto [first, count] = resolve(after.node, spans);
      if (after.on == On::start || count == 0 || !is_service(workflow.nodes[graph.node(first).spec]))
        continue;
      diagnostics.add({file_of(workflow, spec), after.at, spec.name,
                       "after: '" + after.node +
                           "' is a service, which has no end to wait for: it lives as long as its users",
                       "write {node: " + after.node + ", on: start}"});
    }
  }
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& spec = workflow.nodes[graph.node(i).spec];
    if (!is_service(spec) || !graph.children(i).empty()) continue;
    diagnostics.add({file_of(workflow, spec), spec.at, spec.name,
                     "kind: no node uses the service " + graph.node(i).name + ", and it would never run",
                     "the nodes that use it have after: {node: " + spec.name + ", on: start}"});
  }
}

void report_cycle(const Workflow& workflow, const Graph& graph, Diagnostics& diagnostics) {
  const auto cycle = graph.cycle();
  if (cycle.empty()) return;
  std::string path;
  constexpr std::size_t shown = 12;
  for (std::size_t i = 0; i < cycle.size(); ++i) {
    if (cycle.size() > shown && i == shown / 2) {
      path += " -> …";
      i = cycle.size() - shown / 2;
    }
    if (!path.empty()) path += " -> ";
    path += graph.node(cycle[i]).name;
  }
  const auto& spec = workflow.nodes[graph.node(cycle.front()).spec];
  diagnostics.add({file_of(workflow, spec), spec.at, spec.name, "the nodes wait for each other: " + path,
                   "take one of these edges out"});
}

// The facts that {{ }} may name, for one node.
class Facts {
 public:
  Facts(const Workflow& workflow, const Graph& graph, NodeIndex index, const RunFacts& run) {
    const auto& node = graph.node(index);
    const auto& spec = workflow.nodes[node.spec];
    params_ = element_values(spec, node.element);
    for (const auto& [name, value] : spec.params) add_param(name, value);
    for (const auto& [name, value] : workflow.params) add_param(name, value);
    for (const auto& [name, value] : params_) values_.emplace_back(name, value);
    fact("node.name", node.name);
    fact("node.index", std::to_string(node.element), Value::Kind::number);
    fact("node.count", std::to_string(std::max(1U, element_count(spec))), Value::Kind::number);
    fact("run.id", run.id);
    fact("run.dir", run.directory);
    fact("workflow.name", workflow.name);
    fact("workflow.dir", workflow.directory);
    fact("site.name", run.site);
  }

  void fact(std::string name, std::string value, Value::Kind kind = Value::Kind::string) {
    values_.emplace_back(std::move(name), Value::of(std::move(value), kind));
  }
  const Value* find(std::string_view name) const { return catena::find(values_, name); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) names.push_back(name);
    return names;
  }
  const Params& params() const { return params_; }

 private:
  void add_param(const std::string& name, const Value& value) {
    if (!catena::find(params_, name)) params_.emplace_back(name, value);
  }
  Params params_;  // the node's own names win over the workflow's
  Params values_;
};

constexpr int deepest_parameter = 20;  // late parameters that are made of late parameters

// What late values stand for in one node, and those that were found in its texts.
class Late {
 public:
  Late(const Workflow& workflow, const Graph& graph, NodeIndex node, const RunFacts& run, const Facts& facts)
      : values_("LATE_" + make_token(run.directory, graph.node(node).name, 0) + "_"), facts_(facts) {
    source_.names.reference = [&workflow, &graph, node](const LateReference& reference) {
      return resolve(reference, workflow, graph, node);
    };
    source_.names.parameter = [this](std::string_view name) { return parameter(name); };
    source_.is_late = [this](std::string_view name) { return is_late(facts_.find(name)); };
  }
  Late(const Late&) = delete;
  Late& operator=(const Late&) = delete;

  static bool is_late(const Value* value) {
    return value && value->kind == Value::Kind::string && holds_late(value->text);
  }
  // For a text where they may stand, and for one where they may not.
  const LateSource& allowed(std::string_view place) {
    source_.values = &values_;
    source_.place = place;
    return source_;
  }
  const LateSource& refused() {
    source_.values = nullptr;
    return source_;
  }
  LateAnswer parameter(std::string_view name) {
    const auto* value = facts_.find(name);
    if (!value) {
      const auto names = facts_.names();
      const std::vector<std::string_view> known(names.begin(), names.end());
      return {{}, "unknown parameter '" + std::string(name) + "'", suggestion(name, known)};
    }
    if (!is_late(value)) return {constant(*value), {}, {}};
    if (depth_ == deepest_parameter) return {{}, "'" + std::string(name) + "' is made of itself", {}};
    ++depth_;
    auto answer = late_text(value->text, source_.names);
    --depth_;
    return answer;
  }
  LateValues& values() { return values_; }

 private:
  LateValues values_;
  const Facts& facts_;
  LateSource source_;
  int depth_ = 0;
};

class NodeRenderer {
 public:
  NodeRenderer(const Workflow& workflow, const NodeSpec& spec, Facts& facts, Late& late,
               Diagnostics& diagnostics)
      : workflow_(workflow), spec_(spec), facts_(facts), late_(late), diagnostics_(diagnostics) {}

  std::string text(std::string_view field, std::string_view source) {
    return fill_in(field, source, Quoting::none, late_.refused());
  }
  std::string command(std::string_view field, std::string_view source) {
    return fill_in(field, source, Quoting::shell, late_.refused());
  }
  // A text that may hold late values.
  std::string late_text(std::string_view field, std::string_view source, Quoting quoting,
                        std::string_view place) {
    return fill_in(field, source, quoting, late_.allowed(place));
  }

  // The parameters that only the job will know.
  void late_parameters(Rendered& result) {
    std::string all;
    for (const auto& [name, value] : facts_.params()) {
      if (!all.empty()) all += ',';
      all += json_quote(name) + ':';
      if (!Late::is_late(&value)) {
        all += to_json_text(value);
        continue;
      }
      const auto answer = late_.parameter(name);
      if (!answer.problem.empty()) {
        problem("params." + name, answer.problem, answer.hint);
        continue;
      }
      result.late_variables.emplace_back("CATENA_PARAM_" + name,
                                         late_.values().add(name, answer.steps, "single"));
      all += late_.values().add(name, answer.steps, "json");
    }
    if (!result.late_variables.empty()) result.late_params = "{" + all + "}";
  }

  void resources(Resources& target) {
    for (const auto& [name, source] : spec_.templated_resources) {
      const auto before = diagnostics_.list().size();
      const auto value = text("resources." + name, source);
      if (diagnostics_.list().size() != before) continue;
      if (const auto problem = set_resource(target, name, value); !problem.empty()) {
        diagnostics_.add(
            {file_of(workflow_, spec_), spec_.at, spec_.name, "resources." + name + ": " + problem, ""});
      }
    }
    if (const auto problem = check(target); !problem.empty()) {
      diagnostics_.add({file_of(workflow_, spec_), spec_.at, spec_.name, "resources: " + problem, ""});
    }
  }

 private:
  void problem(const std::string& where, const std::string& message, const std::string& hint) {
    diagnostics_.add({file_of(workflow_, spec_), spec_.at, spec_.name, where + ": " + message, hint});
  }
  std::string fill_in(std::string_view field, std::string_view source, Quoting quoting,
                      const LateSource& late) {
    if (!has_template(source)) return std::string(source);
    std::vector<RenderProblem> problems;
    auto result = render(
        source, quoting, [this](std::string_view name) { return facts_.find(name); }, facts_.names(),
        problems, &late);
    for (const auto& found : problems) {
      std::string where(field);
      if (found.at.line > 1) where += " (its line " + std::to_string(found.at.line) + ")";
      problem(where, found.message, found.hint);
    }
    return result;
  }
  const Workflow& workflow_;
  const NodeSpec& spec_;
  Facts& facts_;
  Late& late_;
  Diagnostics& diagnostics_;
};

std::string absolute(const std::string& base, const std::string& path) {
  return (std::filesystem::path(base) / path).lexically_normal().string();
}

// Whether the directory is one of these, or one above.
bool holds(const std::string& directory, const std::string& workflow, const std::string& run) {
  const auto base = directory.ends_with('/') ? directory : directory + "/";
  return (absolute(workflow, "") + "/").starts_with(base) || (run + "/").starts_with(base);
}

bool has_glob(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

// sh, bash, zsh, csh, fish …, with any options. A Python text has its own ways of quoting.
bool reads_shell(std::string_view shell) {
  const auto program = shell.substr(0, shell.find(' '));
  const auto name = program.substr(program.rfind('/') + 1);
  return name.ends_with("sh");
}

}  // namespace

Params element_values(const NodeSpec& spec, std::uint32_t element) {
  Params values;
  if (element == 0 || !spec.foreach) return values;
  std::size_t rest = element - 1;
  const auto& axes = spec.foreach->axes;
  if (spec.foreach->zip) {
    for (const auto& axis : axes) values.emplace_back(axis.name, axis.values[rest]);
    return values;
  }
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {  // the last axis runs fastest
    values.emplace_back(axis->name, axis->values[rest % axis->values.size()]);
    rest /= axis->values.size();
  }
  std::ranges::reverse(values);
  return values;
}

Graph expand(const Workflow& workflow, Diagnostics& diagnostics) {
  std::unordered_map<std::string_view, Span> spans;
  spans.reserve(workflow.nodes.size());
  std::vector<Node> nodes;
  nodes.reserve(workflow.nodes.size());
  std::vector<Span> in_order;
  in_order.reserve(workflow.nodes.size());
  for (std::uint32_t i = 0; i < workflow.nodes.size(); ++i) {
    const auto& spec = workflow.nodes[i];
    const auto elements = element_count(spec);
    const Span span{i, static_cast<NodeIndex>(nodes.size()), std::max(1U, elements), elements};
    in_order.push_back(span);
    spans.emplace(spec.name, span);
    if (elements == 0) nodes.push_back({spec.name, i, 0});
    for (std::uint32_t e = 1; e <= elements; ++e)
      nodes.push_back({spec.name + "." + std::to_string(e), i, e});
  }
  std::vector<Graph::Link> links;
  for (const auto& span : in_order) {
    const auto& spec = workflow.nodes[span.spec];
    for (const auto& after : spec.after) {
      const auto [first, count] = resolve(after.node, spans);
      if (count == 0) report_unknown(workflow, spec, after, spans, diagnostics);
      if (after.each) {
        if (count > 0 && (span.elements == 0 || !spans.contains(after.node) || count != span.elements)) {
          diagnostics.add({file_of(workflow, spec), after.at, spec.name,
                           fmt::format("after: each: '{}' has {}, and this node {}", after.node,
                                       elements_text(spans, after.node), elements_text(spans, spec.name)),
                           "each edge leads from an element to the one of the same number"});
          continue;
        }
        for (std::uint32_t e = 0; e < count; ++e) links.push_back({first + e, span.first + e, after.on});
        continue;
      }
      for (NodeIndex child = span.first; child < span.first + span.count; ++child) {
        for (NodeIndex parent = first; parent < first + count; ++parent)
          links.push_back({parent, child, after.on});
      }
    }
  }
  Graph graph(std::move(nodes), std::move(links));
  report_services(workflow, graph, spans, diagnostics);
  report_cycle(workflow, graph, diagnostics);
  return graph;
}

Rendered render_node(const Workflow& workflow, const Graph& graph, NodeIndex index, const RunFacts& run,
                     const Resources& defaults, std::string_view dialect, Diagnostics& diagnostics) {
  const auto& node = graph.node(index);
  const auto& spec = workflow.nodes[node.spec];
  Facts facts(workflow, graph, index, run);
  Late late(workflow, graph, index, run, facts);
  NodeRenderer renderer(workflow, spec, facts, late, diagnostics);

  Rendered result;
  result.name = node.name;
  const auto workdir = spec.workdir.empty() ? node.name : renderer.text("workdir", spec.workdir);
  result.workdir = absolute(run.directory, workdir);
  if (spec.run_in == RunIn::scratch && holds(result.workdir, workflow.directory, run.directory))
    diagnostics.add({file_of(workflow, spec), spec.at, spec.name,
                     "run_in: its working directory " + result.workdir +
                         " is that of the workflow or holds the run: all of it would be copied to scratch",
                     "give the node a workdir of its own"});
  facts.fact("node.dir", result.workdir);

  for (const auto& input : spec.inputs) {
    Input rendered = input;
    rendered.from = absolute(workflow.directory, renderer.text("inputs", input.from));
    rendered.to = renderer.text("inputs", input.to);
    if (rendered.to.empty() && !has_glob(rendered.from))
      rendered.to = std::filesystem::path(rendered.from).filename();
    result.inputs.push_back(std::move(rendered));
  }
  facts.fact("node.input", result.inputs.empty() ? "" : result.inputs.front().to);

  result.shell = !spec.shell.empty()                ? spec.shell
                 : !workflow.defaults.shell.empty() ? workflow.defaults.shell
                                                    : "bash";
  result.body = spec.raw_body
                    ? spec.body
                    : renderer.late_text("run", spec.body,
                                         reads_shell(result.shell) ? Quoting::shell : Quoting::none, "text");
  result.resources = merge(merge(defaults, workflow.defaults.resources), spec.resources);
  renderer.resources(result.resources);
  result.params = facts.params();
  renderer.late_parameters(result);

  for (const auto* env : {&workflow.env, &workflow.defaults.env, &spec.env}) {  // later ones win
    for (const auto& [name, value] : *env) {
      std::erase_if(result.env, [&, name = name](const auto& entry) { return entry.first == name; });
      result.env.emplace_back(name, renderer.late_text("env." + name, value, Quoting::none, "single"));
    }
  }
  for (const auto& output : spec.outputs) result.outputs.push_back(renderer.text("outputs", output));
  for (auto wanted : spec.results) {
    wanted.file = renderer.text("results." + wanted.name, wanted.file);
    wanted.command = renderer.command("results." + wanted.name, wanted.command);
    result.results.push_back(std::move(wanted));
  }
  for (auto wanted : spec.checks) {
    wanted.subject = renderer.text("checks", wanted.subject);
    wanted.limit = renderer.text("checks", wanted.limit);
    wanted.message = renderer.text("checks", wanted.message);
    result.checks.push_back(std::move(wanted));
  }
  result.stdout_file = spec.stdout_file;
  result.stderr_file = spec.stderr_file;
  for (const auto* options : {&workflow.defaults.scheduler_options, &spec.scheduler_options}) {
    if (auto found = options->find(std::string(dialect)); found != options->end()) {
      for (const auto& option : found->second)
        result.scheduler_options.push_back(renderer.text("scheduler_options", option));
    }
  }
  if (!late.values().empty()) result.late = late.values().definitions();
  // Without a parent there is nothing to wait for.
  if (!graph.parents(index).empty() && std::ranges::any_of(result.inputs, &Input::render))
    result.late_inputs = run.directory + "/" + std::string(late_input_folder) + "/" + result.name;
  return result;
}

std::string work_directory(const Workflow& workflow, const Graph& graph, NodeIndex index,
                           const RunFacts& run) {
  const auto& node = graph.node(index);
  const auto& spec = workflow.nodes[node.spec];
  if (!has_template(spec.workdir))
    return absolute(run.directory, spec.workdir.empty() ? node.name : spec.workdir);
  Facts facts(workflow, graph, index, run);
  Late late(workflow, graph, index, run, facts);
  Diagnostics none;  // what is wrong was found before the node was submitted
  return absolute(run.directory,
                  NodeRenderer(workflow, spec, facts, late, none).text("workdir", spec.workdir));
}

RenderedInput render_input(const Workflow& workflow, const Graph& graph, NodeIndex index, const RunFacts& run,
                           const Rendered& rendered, std::string_view file, std::string_view text,
                           Diagnostics& diagnostics) {
  Facts facts(workflow, graph, index, run);
  facts.fact("node.dir", rendered.workdir);
  facts.fact("node.input", rendered.inputs.empty() ? "" : rendered.inputs.front().to);
  Late late(workflow, graph, index, run, facts);
  std::vector<RenderProblem> problems;
  RenderedInput result{render(
                           text, Quoting::none, [&](std::string_view name) { return facts.find(name); },
                           facts.names(), problems, &late.allowed("text")),
                       false};
  for (auto& problem : problems) {
    diagnostics.add(
        {std::string(file), problem.at, rendered.name, std::move(problem.message), std::move(problem.hint)});
  }
  if (late.values().empty()) return result;
  const bool cut = !text.ends_with('\n');
  return {"catena late\n" + late.values().definitions() + (cut ? "text cut\n" : "text\n") + result.text,
          true};
}

void check(const Workflow& workflow, const Graph& graph, Diagnostics& diagnostics) {
  const RunFacts facts{"check", "/run", "site"};
  for (NodeIndex i = 0; i < graph.size(); ++i) {
    const auto& node = graph.node(i);
    const bool all = !workflow.nodes[node.spec].templated_resources.empty();
    if (node.element > 1 && !all) continue;
    const auto before = diagnostics.list().size();
    render_node(workflow, graph, i, facts, {}, "", diagnostics);
    if (diagnostics.list().size() == before) continue;
    while (i + 1 < graph.size() && graph.node(i + 1).spec == node.spec)
      ++i;  // its other elements have the same mistakes
  }
}

}  // namespace catena
