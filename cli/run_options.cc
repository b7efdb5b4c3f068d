#include "cli/run_options.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "adapters/batch/input_files.h"
#include "adapters/checks/checks.h"
#include "core/plan.h"

namespace catena::cli {

void RunOptions::add_to(CLI::App& verb) {
  verb.add_option("file", file, "the workflow file (YAML, or JSON if it ends in .json)")
      ->required()
      ->type_name("FILE");
  verb.add_option("--site", site, "the site to run on (catena sites lists them)")->type_name("SITE");
  verb.add_option("--id", id, "the run's id; fresh by default")->type_name("ID");
}

std::string RunOptions::site_for(const Workflow& workflow) const {
  return !site.empty() ? site : workflow.site;
}

RunRow RunOptions::row(const Workflow& workflow, const std::string& site_name, const std::string& base,
                       const std::string& run_id, Time now) const {
  const bool good = run_id.size() <= 64 && !run_id.empty() && std::ranges::all_of(run_id, [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             c == '-' || c == '_';
                    });
  if (!good)
    throw Error(ErrorKind::usage, fmt::format("--id {}: an id is made of letters, digits, - and _", run_id));
  RunRow row;
  row.id = run_id;
  row.name = workflow.name;
  row.file = std::filesystem::absolute(file).lexically_normal().string();
  row.site = site_name;
  row.directory = fmt::format("{}/{}-{}", base, workflow.name, run_id);
  row.created = row.updated = now;
  return row;
}

void add_no_checks(CLI::App& verb, SiteChecks& checks) {
  verb.add_flag_callback(
      "--no-checks", [&checks] { checks = SiteChecks::leave_out; }, "leave out the nodes' checks");
}

bool has_checks(const Workflow& workflow) {
  return std::ranges::any_of(workflow.nodes, [](const NodeSpec& spec) { return !spec.checks.empty(); });
}

void check_everything(const ReadFile& file, const RunRow& row, const Workbench& bench, SiteChecks wanted,
                      NodeIndex first) {
  Diagnostics diagnostics;
  check(file.workflow, file.graph, diagnostics);
  diagnostics.throw_if_any();
  const std::vector<NodeRow> nodes(file.graph.size());
  const std::vector<const Attempt*> attempts(file.graph.size());
  const auto plan = make_plan(file.graph, nodes, attempts, {}, false);
  const JobWriter writer(file.workflow, file.graph, row, bench.site, bench.dialect.get());
  std::vector<PlannedNode> asked;
  std::ranges::copy_if(plan.submit, std::back_inserter(asked),
                       [first](const PlannedNode& planned) { return planned.node >= first; });
  writer.check(asked, diagnostics);
  const RunFacts facts{row.id, row.directory, bench.site.name};
  checks::Checks checks;
  for (NodeIndex i = first; i < file.graph.size(); ++i) {
    const auto& spec = file.workflow.nodes[file.graph.node(i).spec];
    const bool look = wanted == SiteChecks::run && !spec.checks.empty();
    if (spec.inputs.empty() && !look) continue;
    const auto node = render_node(file.workflow, file.graph, i, facts, bench.site.defaults, "", diagnostics);
    const auto missing = missing_inputs(node);
    for (const auto& sentence : missing)
      diagnostics.add({file_of(file.workflow, spec), spec.at, node.name, sentence, ""});
    const auto mistakes = diagnostics.list().size();
    // A name that is wrong in an input is wrong in all elements.
    if (missing.empty() && file.graph.node(i).element <= 1) {
      input_files(node, [&](const std::string& path, const std::string& text) {
        return render_input(file.workflow, file.graph, i, facts, node, path, text, diagnostics);
      });
    }
    if (!look || diagnostics.list().size() > mistakes) continue;
    checks.add(node, [&](const std::string& from, const std::string& text) {
      return writer.fill_in(i, node, from, text).text;
    });
  }
  checks.run(*bench.transport, bench.site);
  checks.report(diagnostics);
  diagnostics.throw_if_any();
}

}  // namespace catena::cli
