// catena plan FILE: what `run` would send, to the byte, and why; touches nothing.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/run_options.h"
#include "cli/verbs.h"
#include "core/arrays.h"
#include "core/program.h"
#include "core/retry.h"
#include "core/script.h"

namespace catena::cli {
namespace {

struct Planned {
  ReadFile file;
  std::unique_ptr<Workbench> bench;
  RunRow row;
  Plan plan;
};

Planned make(Context& context, const RunOptions& options) {
  Planned p{read_file(options.file), nullptr, {}, {}};
  p.bench = context.make_workbench(context.site(options.site_for(p.file.workflow)));
  p.row = options.row(p.file.workflow, p.bench->site.name, p.bench->scratch_base(p.file.workflow.directory),
                      options.id.empty() ? "plan" : options.id, context.clock().now());
  check_everything(p.file, p.row, *p.bench, SiteChecks::leave_out);
  const std::vector<NodeRow> nodes(p.file.graph.size());
  const std::vector<const Attempt*> attempts(p.file.graph.size());
  p.plan = make_plan(p.file.graph, nodes, attempts, may_be_tried_again(p.file.workflow, p.file.graph, nodes),
                     false);
  return p;
}

// The whole plan as one submission; `run` sends it in windows of the site's submit_batch.
Submission submission(const Planned& p) {
  const JobWriter writer(p.file.workflow, p.file.graph, p.row, p.bench->site, p.bench->dialect.get());
  return writer
      .write(p.plan.submit, std::vector<NodeRow>(p.file.graph.size()),
             std::vector<const Attempt*>(p.file.graph.size()))
      .submission;
}

void print_order(const Planned& p) {
  fmt::print("{}: {} nodes, {} edges, on {} ({}), in {}\n\n", p.row.name, p.file.graph.size(),
             p.file.graph.edge_count(), p.row.site, p.bench->site.scheduler, p.row.directory);
  std::size_t place = 0;
  for (const auto& planned : p.plan.submit) {
    const auto& node = p.file.graph.node(planned.node);
    std::string values;
    for (const auto& [name, value] : element_values(p.file.workflow.nodes[node.spec], node.element)) {
      values += fmt::format("{}{}={}", values.empty() ? "  [" : ", ", name, to_text(value));
    }
    fmt::print("{:>6}  {}{}: {}\n", ++place, node.name, values.empty() ? "" : values + "]", planned.reason);
  }
  std::string arrays;
  const std::vector<NodeRow> nodes(p.file.graph.size());
  const std::vector<const Attempt*> attempts(p.file.graph.size());
  const auto rules = array_rules(p.bench->site, p.bench->dialect.get(), p.row);
  for (const auto& unit : units(p.file.workflow, p.file.graph, p.plan.submit, nodes, attempts, rules)) {
    if (!unit.array()) continue;
    const auto& node = p.file.graph.node(p.plan.submit[unit.members.front()].node);
    arrays += fmt::format("{}{} ({})", arrays.empty() ? "" : ", ", p.file.workflow.nodes[node.spec].name,
                          unit.members.size());
  }
  if (!arrays.empty()) fmt::print("\nas job arrays: {}\n", arrays);
  if (!p.plan.later.empty()) fmt::print("\nsubmitted by a later pass (`catena sync`, `watch` or `wait`):\n");
  for (const auto& each : p.plan.later)
    fmt::print("        {}: {}\n", p.file.graph.node(each.node).name, each.reason);
}

// What `run` and `validate` look at first: of a node with elements, what its first one has.
void print_checks(const Planned& p) {
  if (!has_checks(p.file.workflow)) return;
  fmt::print("\nchecked before anything is submitted, on {}:\n", p.row.site);
  const RunFacts facts{p.row.id, p.row.directory, p.row.site};
  for (NodeIndex i = 0; i < p.file.graph.size(); ++i) {
    const auto& node = p.file.graph.node(i);
    if (p.file.workflow.nodes[node.spec].checks.empty() || node.element > 1) continue;
    Diagnostics none;
    for (const auto& check :
         render_node(p.file.workflow, p.file.graph, i, facts, p.bench->site.defaults, "", none).checks)
      fmt::print("        {}: {}\n", node.name, describe(check));
  }
}

void print_json(const Planned& p) {
  boost::json::array nodes;
  const RunFacts facts{p.row.id, p.row.directory, p.row.site};
  for (const auto& planned : p.plan.submit) {
    const auto& node = p.file.graph.node(planned.node);
    boost::json::array parents;
    for (const auto& parent : planned.parents) {
      parents.push_back(
          {{"node", p.file.graph.node(parent.node).name}, {"on", std::string(to_string(parent.on))}});
    }
    boost::json::object values;
    for (const auto& [name, value] : element_values(p.file.workflow.nodes[node.spec], node.element))
      values[name] = to_text(value);
    boost::json::array checks;
    if (!p.file.workflow.nodes[node.spec].checks.empty()) {
      Diagnostics none;
      const auto rendered =
          render_node(p.file.workflow, p.file.graph, planned.node, facts, p.bench->site.defaults, "", none);
      for (const auto& check : rendered.checks) checks.push_back(boost::json::string(describe(check)));
    }
    nodes.push_back({{"name", node.name},
                     {"parents", parents},
                     {"values", values},
                     {"reason", planned.reason},
                     {"checks", checks}});
  }
  boost::json::array later;
  for (const auto& each : p.plan.later)
    later.push_back({{"name", p.file.graph.node(each.node).name}, {"reason", each.reason}});
  const boost::json::object all{{"workflow", p.row.name},
                                {"site", p.row.site},
                                {"directory", p.row.directory},
                                {"nodes", nodes},
                                {"later", later}};
  fmt::print("{}\n", boost::json::serialize(all));
}

void print_scripts(const Planned& p, const std::string& wanted) {
  bool found = false;
  for (const auto& each : p.plan.later) {
    if (p.file.graph.node(each.node).name == wanted)
      throw Error(ErrorKind::conflict, fmt::format("{} has no script yet: it {}", wanted, each.reason));
  }
  for (const auto& job : submission(p).jobs) {
    const auto& name = p.file.graph.node(job.node).name;
    if (wanted != "all" && wanted != name) continue;
    found = true;
    if (wanted == "all") fmt::print("# ==== {}\n", name);
    if (p.bench->dialect)
      fmt::print("# submitted with\n{}\n\n", fmt::join(p.bench->dialect->directives(job), "\n"));
    fmt::print("{}", job.bare ? to_text(*job.bare) : job.script);
  }
  if (!found)
    throw Error(ErrorKind::not_found, fmt::format("there is no node '{}' in {}", wanted, p.row.file));
}

}  // namespace

void add_plan(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("plan", "show what `run` would send, and why; touches nothing");
  auto options = std::make_shared<RunOptions>();
  auto json = std::make_shared<bool>(false);
  auto program = std::make_shared<bool>(false);
  auto script = std::make_shared<std::string>();
  options->add_to(*verb);
  verb->add_flag("--json", *json, "order and reasons as JSON");
  verb->add_flag("--program", *program, "the submission program, and the scripts that it reads");
  verb->add_option("--script", *script, "the job script of one node, or of `all`")->type_name("NODE");
  verb->footer(
      "Example:  catena plan silicon-eos.yaml --site cluster --program\n"
      "With --id X it shows to the byte what `catena run --id X` sends; without, tokens and folders are "
      "those of the id `plan`.");
  verb->callback([&context, &chosen, options, json, program, script] {
    chosen.action = [&context, options, json, program, script] {
      const auto planned = make(context, *options);
      if (*json) {
        print_json(planned);
      } else if (!script->empty()) {
        print_scripts(planned, *script);
      } else if (*program) {
        if (!planned.bench->dialect) {
          throw Error(
              ErrorKind::usage,
              fmt::format("site {} has no scheduler, so there is no submission program", planned.row.site),
              "--script all shows what its jobs are");
        }
        auto all = submission(planned);
        fmt::print("{}", submission_program(*planned.bench->dialect, all));
        for (const auto& file : take_scripts(all)) fmt::print("\n# ==== {}\n{}", file.target, file.content);
      } else {
        print_order(planned);
        print_checks(planned);
      }
      return static_cast<int>(exit_ok);
    };
  });
}

}  // namespace catena::cli
