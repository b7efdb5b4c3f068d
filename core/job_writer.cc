#include "core/job_writer.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/retry.h"
#include "core/script.h"

namespace catena {

JobWriter::JobWriter(const Workflow& workflow, const Graph& graph, const RunRow& run, const Site& site,
                     const Dialect* dialect)
    : workflow_(workflow),
      graph_(graph),
      run_(run),
      site_(site),
      dialect_(dialect),
      facts_{run.id, run.directory, site.name} {}

Rendered JobWriter::render(NodeIndex node, Diagnostics& diagnostics) const {
  return render_node(workflow_, graph_, node, facts_, site_.defaults, site_.scheduler, diagnostics);
}

Rendered JobWriter::rendered(NodeIndex node) const {
  Diagnostics diagnostics;
  auto result = render(node, diagnostics);
  diagnostics.throw_if_any();
  return result;
}

JobWriter::Written JobWriter::write(const PlannedNode& planned, int attempt,
                                    std::vector<Dependency> dependencies, int failures) const {
  Written written{{}, rendered(planned.node)};
  const auto& node = graph_.node(planned.node);
  auto& job = written.job;
  job.node = planned.node;
  job.attempt = attempt;
  job.token = make_token(run_.directory, node.name, attempt);
  job.name = job_name(node.name, job.token);
  job.log_out = fmt::format("{}/{}/{}.{}.out", run_.directory, log_folder, node.name, attempt);
  job.log_err = fmt::format("{}/{}/{}.{}.err", run_.directory, log_folder, node.name, attempt);
  job.workdir = dialect_ ? run_.directory : written.node.workdir;
  const auto* retry = retry_of(workflow_, workflow_.nodes[node.spec]);
  if (retry && failures > 0) {
    written.node.resources = raised(std::move(written.node.resources), *retry, failures);
    const auto delay = retry_delay(*retry, failures);
    if (delay.count() > 0) written.node.resources.begin = fmt::format("+{}", delay.count());
  }
  const auto submit = dialect_ ? dialect_->submit_text() : SubmitText{};
  std::optional<TriesInJob> tries;
  if (retry) tries = tries_in_job(*retry, site_.retry, failures, submit.requeue);
  job.requeued = tries && !tries->requeue.empty();
  job.resources = written.node.resources;
  job.options = written.node.scheduler_options;
  job.dependencies = std::move(dependencies);
  // A node that nothing waits for cannot start too early: the hold, and a millisecond for its release, are
  // saved.
  job.held = job.dependencies.empty() && !graph_.children(planned.node).empty();
  job.other_than_ok_follows =
      std::ranges::any_of(graph_.children(planned.node), [](const Edge& e) { return e.on != On::ok; });
  ScriptInput input{workflow_.name,
                    facts_,
                    written.node,
                    node.element,
                    job,
                    site_,
                    dialect_ ? dialect_->directives(job) : std::vector<std::string>{},
                    submit.job_setup,
                    std::move(tries)};
  input.in_scratch = workflow_.nodes[node.spec].run_in == RunIn::scratch;
  if (is_service(workflow_.nodes[node.spec])) {
    input.users.emplace();
    for (const auto& [user, first] : planned.users) input.users->emplace_back(graph_.node(user).name, first);
  }
  input.uses_service = std::ranges::any_of(graph_.parents(planned.node), [&](const Edge& parent) {
    return is_service(workflow_.nodes[graph_.node(parent.node).spec]);
  });
  if (!dialect_) job.bare = bare_job(input);
  if (!job.bare) job.script = job_script(input);
  return written;
}

RenderedInput JobWriter::fill_in(NodeIndex node, const Rendered& rendered, std::string_view file,
                                 std::string_view text) const {
  Diagnostics diagnostics;
  auto result = render_input(workflow_, graph_, node, facts_, rendered, file, text, diagnostics);
  diagnostics.throw_if_any();
  return result;
}

void JobWriter::check(std::span<const PlannedNode> nodes, Diagnostics& diagnostics) const {
  std::uint32_t last_spec = ~0U;
  for (const auto& planned : nodes) {
    const auto& spec = workflow_.nodes[graph_.node(planned.node).spec];
    const bool same_spec = graph_.node(planned.node).spec == last_spec;
    last_spec = graph_.node(planned.node).spec;
    if (!dialect_ || same_spec ||
        (spec.scheduler_options.empty() && workflow_.defaults.scheduler_options.empty()))
      continue;
    for (const auto& problem : dialect_->check_options(render(planned.node, diagnostics).scheduler_options)) {
      diagnostics.add({workflow_.file, spec.at, spec.name, "scheduler_options: " + problem, ""});
    }
  }
}

}  // namespace catena
