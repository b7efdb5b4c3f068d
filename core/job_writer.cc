#include "core/job_writer.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>

#include "core/retry.h"
#include "core/script.h"

namespace catena {

ArrayRules array_rules(const Site& site, const Dialect* dialect, const RunRow& run) {
  if (!dialect) return {};
  const auto submit = dialect->submit_text();
  // In a path with a backslash no scheduler's word for the index is filled in.
  const bool arrays = !submit.array.empty() && run.directory.find('\\') == std::string::npos;
  return {arrays ? site.max_array : 0, submit.array_lists, submit.elements_known};
}

JobWriter::JobWriter(const Workflow& workflow, const Graph& graph, const RunRow& run, const Site& site,
                     const Dialect* dialect)
    : workflow_(workflow),
      graph_(graph),
      run_(run),
      site_(site),
      dialect_(dialect),
      submit_(dialect ? dialect->submit_text() : SubmitText{}),
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

JobWriter::Written JobWriter::write(std::span<const PlannedNode> window, std::span<const NodeRow> nodes,
                                    std::span<const Attempt* const> attempts) const {
  std::unordered_map<NodeIndex, std::size_t> places;  // in the submission
  std::vector<PlannedNode> there;
  for (const auto& planned : window) {
    const bool ready = std::ranges::all_of(planned.parents, [&](const Edge& parent) {
      const auto* attempt = attempts[parent.node];
      return places.contains(parent.node) || (attempt && !attempt->native_id.empty());
    });
    if (!ready) continue;  // a parent was refused in an earlier window: the next decision skips this one
    there.push_back(planned);
    places.emplace(planned.node, 0);
  }
  const auto list = units(workflow_, graph_, there, nodes, attempts, array_rules(site_, dialect_, run_));
  std::size_t next = 0;
  for (const auto& unit : list) {
    for (const auto member : unit.members) places[there[member].node] = next++;
  }
  Written written{{run_.id, run_.directory, {}, {}}, {}, {}};
  auto& jobs = written.submission.jobs;
  for (const auto& unit : list) {
    const auto first = jobs.size();
    const auto follow = followers(there[unit.members.front()].node, unit.array());
    for (const auto member : unit.members) {
      const auto& planned = there[member];
      std::vector<Dependency> dependencies;
      for (const auto& parent : planned.parents) {
        auto& dependency = dependencies.emplace_back();
        dependency.on = parent.on;
        bool of_array = false;
        if (const auto place = places.find(parent.node); place != places.end()) {
          dependency.in_submission = place->second;
          of_array = jobs[place->second].array.has_value();
        } else {
          dependency.native_id = attempts[parent.node]->native_id;
          of_array = in_array(attempts[parent.node]->token);
        }
        dependency.each = unit.array() && of_array && parent.on == On::ok &&
                          is_element_edge(workflow_, graph_, planned.node, parent);
      }
      jobs.push_back(write(planned, nodes[planned.node], unit.array(), follow, std::move(dependencies),
                           written.nodes.emplace_back(rendered(planned.node))));
      written.reasons.push_back(planned.reason);
    }
    if (unit.array()) written.submission.arrays.push_back(array_of(std::span(jobs).subspan(first), first));
  }
  return written;
}

JobWriter::Followers JobWriter::followers(NodeIndex node, bool of_all_elements) const {
  Followers found;
  const auto look = [&](NodeIndex i) {
    const auto children = graph_.children(i);
    found.any = found.any || !children.empty();
    found.other_than_ok =
        found.other_than_ok || std::ranges::any_of(children, [](const Edge& e) { return e.on != On::ok; });
  };
  if (!of_all_elements) {
    look(node);
    return found;
  }
  const auto& one = graph_.node(node);
  for (auto i = node - (one.element - 1); i < graph_.size() && graph_.node(i).spec == one.spec; ++i) look(i);
  return found;
}

Job JobWriter::write(const PlannedNode& planned, const NodeRow& row, bool array, const Followers& followers,
                     std::vector<Dependency> dependencies, Rendered& rendered) const {
  const auto& node = graph_.node(planned.node);
  const int attempt = row.attempts + 1;
  Job job;
  job.node = planned.node;
  job.attempt = attempt;
  if (array) job.array = array_place(run_.directory, node, attempt, static_cast<int>(site_.max_array));
  job.token = array ? element_token(job.array->token, std::to_string(job.array->index))
                    : make_token(run_.directory, node.name, attempt);
  job.name = job_name(node.name, job.token);
  const auto log = log_path(run_.directory, node, attempt, job.array);
  job.log_out = log + ".out";
  job.log_err = log + ".err";
  job.workdir = dialect_ ? run_.directory : rendered.workdir;
  const auto* retry = retry_of(workflow_, workflow_.nodes[node.spec]);
  if (retry && row.failures > 0) {
    rendered.resources = raised(std::move(rendered.resources), *retry, row.failures);
    const auto delay = retry_delay(*retry, row.failures);
    if (delay.count() > 0) rendered.resources.begin = fmt::format("+{}", delay.count());
  }
  std::optional<TriesInJob> tries;
  if (retry) tries = tries_in_job(*retry, site_.retry, row.failures, submit_.requeue);
  job.requeued = tries && !tries->requeue.empty();
  job.resources = rendered.resources;
  job.options = rendered.scheduler_options;
  job.dependencies = std::move(dependencies);
  // A node that nothing waits for cannot start too early: the hold, and a millisecond for its release, are
  // saved.
  job.held = job.dependencies.empty() && followers.any;
  job.other_than_ok_follows = followers.other_than_ok;
  ScriptInput input{workflow_.name,    facts_,          rendered, node.element, job, site_,
                    submit_.job_setup, std::move(tries)};
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
  return job;
}

JobArray JobWriter::array_of(std::span<const Job> elements, std::size_t first) const {
  const auto& one = elements.front();
  JobArray array{first, elements.size(), {}};
  auto& scripts = array.scripts;
  scripts.target = fmt::format("{}/{}/{}", run_.directory, array_folder, one.token);
  std::vector<int> indices;
  for (const auto& element : elements) {
    indices.push_back(element.array->index);
    scripts.content += array_mark(element.token) + element.script;
  }
  array.indices = ranges_of(std::move(indices));
  return array;
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
      diagnostics.add({file_of(workflow_, spec), spec.at, spec.name, "scheduler_options: " + problem, ""});
    }
  }
}

}  // namespace catena
