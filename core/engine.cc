#include "core/engine.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/program.h"
#include "core/recorder.h"
#include "core/retry.h"

namespace catena {
namespace {

bool outputs_due(const Run& run, NodeIndex node) {
  return run.nodes[node].state == NodeState::completed && !run.nodes[node].fetched &&
         !run.workflow.nodes[run.graph.node(node).spec].outputs.empty();
}

// The jobs that PBS takes for no parent: elements of a job array. What waits for one was not there when the
// array went out: a job has added it.
std::vector<bool> unnamed_elements(const Run& run, const Place& place) {
  if (!place.dialect || place.dialect->submit_text().elements_known) return {};
  std::vector<bool> all(run.graph.size());
  for (const auto& attempt : run.attempts) {
    if (is_out(attempt.get())) all[attempt->node] = in_array(attempt->token);
  }
  return all;
}

}  // namespace

std::vector<const Attempt*> Run::current() const {
  std::vector<const Attempt*> list;
  list.reserve(attempts.size());
  for (const auto& attempt : attempts) list.push_back(attempt.get());
  return list;
}

Run make_run(RunRecord record, Workflow workflow, Graph graph) {
  Run run{std::move(record.run), std::move(workflow), std::move(graph), std::move(record.nodes), {}};
  run.attempts.resize(run.graph.size());
  for (auto& attempt : record.attempts) {
    const auto node = attempt.node;
    run.attempts[node] = std::make_unique<Attempt>(std::move(attempt));
  }
  return run;
}

JobRef job_ref(const Run& run, NodeIndex node) {
  const auto& attempt = *run.attempts[node];
  // While the id is not known, `submitted` says since when it is looked for.
  const auto since =
      attempt.native_id.empty() ? attempt.intended : attempt.submitted.value_or(attempt.intended);
  return {attempt.token, job_name(run.graph.node(node).name, attempt.token), attempt.native_id,
          run.row.directory, since};
}

std::vector<JobRef> active_jobs(const Run& run) {
  std::vector<JobRef> jobs;
  for (const auto& attempt : run.attempts) {
    if (is_out(attempt.get())) jobs.push_back(job_ref(run, attempt->node));
  }
  return jobs;
}

void Engine::place_jobs(Run& run, const Place& place, const Plan& plan, Submitted& result) {
  if (!plan.submit.empty()) {
    Recorder recorder(*this, run);
    recorder.run_state(RunState::running, "");
    recorder.commit();
    const JobWriter writer(run.workflow, run.graph, run.row, place.site, place.dialect);
    std::span<const PlannedNode> rest = plan.submit;
    rest = rest.first(room(run, place, rest.size()));
    const bool crowded = rest.size() < plan.submit.size();
    while (!rest.empty() && result.trouble.empty() && !result.limited) {
      const auto window = rest.first(std::min(rest.size(), place.site.submit_batch));
      rest = rest.subspan(window.size());
      submit_window(run, place, writer, window, result);
    }
    if (!result.limited) result.not_tried += rest.size();
    if (result.limited) learn_limit(run, place, result);
    if (crowded || result.limited) wait_for_room(run, plan, result);
    check_dependencies(run, place, plan.submit);
    std::vector<NodeIndex> again;
    for (const auto& planned : plan.submit) {
      const auto& attempt = run.attempts[planned.node];
      if (attempt && attempt->number > 1 && !attempt->native_id.empty()) again.push_back(planned.node);
    }
    repoint_children(run, place, again, run.nodes, plan.submit);
  }
  // Where the scheduler has gone away in the middle, the roots stay held: the next pass completes the chain
  // and releases them. Where it takes no more jobs for now, room is only made by those that run.
  if (result.not_tried == 0 && result.unsure == 0) release(run, place);
}

void Engine::submit_window(Run& run, const Place& place, const JobWriter& writer,
                           std::span<const PlannedNode> window, Submitted& result) {
  const auto current = run.current();
  auto written = writer.write(window, run.nodes, current);
  auto& submission = written.submission;
  std::vector<std::string> directories;
  std::vector<FileToPut> files;
  if (place.dialect) files = take_scripts(submission);
  const bool first = std::ranges::none_of(
      run.attempts, [](const auto& attempt) { return attempt && !attempt->native_id.empty(); });
  if (first && place.run_files) std::ranges::move(place.run_files(run.row), std::back_inserter(files));
  Recorder intent(*this, run);
  for (std::size_t i = 0; i < submission.jobs.size(); ++i) {
    const auto& job = submission.jobs[i];
    if (!place.dialect) directories.push_back(written.nodes[i].workdir);
    for (auto& file : place.input_files(writer, job.node, written.nodes[i])) files.push_back(std::move(file));

    auto& row = run.nodes[job.node];
    row.attempts += 1;
    row.reason = std::move(written.reasons[i]);
    auto attempt = std::make_unique<Attempt>();
    attempt->node = job.node;
    attempt->number = row.attempts;
    attempt->token = job.token;
    attempt->intended = intent.now();
    attempt->stdout_file = job.log_out;
    attempt->stderr_file = job.log_err;
    run.attempts[job.node] = std::move(attempt);
    intent.attempt(job.node);
    intent.touch(job.node);
  }
  place.backend.prepare(run.row.directory, directories, files, [&](std::uintmax_t done, std::uintmax_t all) {
    observer_.progress("staging in", done, all);
  });
  intent.commit();

  std::vector<bool> answered(submission.jobs.size());
  std::optional<Recorder> recorder;
  place.backend.submit(submission, [&](const Answer& answer) {
    answered[answer.job] = true;
    if (!recorder) recorder.emplace(*this, run);
    take_answer(*recorder, run, submission.jobs[answer.job], answer, result);
    if (answer.more) return;
    recorder->commit();
    recorder.reset();
  });
  Recorder untried(*this, run);
  for (std::size_t i = 0; i < answered.size(); ++i) {
    if (answered[i]) continue;
    const auto node = submission.jobs[i].node;
    run.attempts[node]->state = AttemptState::dropped;
    untried.attempt(node);
    if (!result.limited) ++result.not_tried;
  }
  untried.commit();
}

void Engine::take_answer(Recorder& recorder, Run& run, const Job& job, const Answer& answer,
                         Submitted& result) {
  auto& attempt = *run.attempts[job.node];
  recorder.attempt(job.node);
  switch (answer.kind) {
    case Answer::Kind::accepted:
      ++result.accepted;
      attempt.native_id = answer.native_id;
      attempt.submitted = recorder.now();
      attempt.state = job.held ? AttemptState::staged : AttemptState::submitted;
      recorder.event(job.node, "submitted", answer.native_id);
      recorder.state(job.node, job.held || !job.dependencies.empty() ? NodeState::held : NodeState::queued,
                     answer.text.empty() ? run.nodes[job.node].reason : answer.text);
      break;
    case Answer::Kind::parent_gone:
      if (std::ranges::any_of(job.dependencies, [](const auto& d) { return !d.native_id.empty(); })) {
        ++result.later;
        attempt.state = AttemptState::dropped;
        recorder.state(job.node, run.nodes[job.node].state,
                       "a parent has left the scheduler's memory: to be submitted when its end is known");
        break;
      }
      [[fallthrough]];  // all its parents are in this very submission
    case Answer::Kind::refused:
      ++result.refused;
      if (result.refusal.empty()) result.refusal = answer.text;
      attempt.state = AttemptState::ended;
      attempt.reason = answer.text;
      recorder.state(job.node, NodeState::failed, "refused by the scheduler: " + answer.text);
      break;
    case Answer::Kind::skipped:
      attempt.state = AttemptState::dropped;
      break;
    case Answer::Kind::limited:
      result.limited = true;
      result.refusal = answer.text;
      result.limited_node = job.node;
      attempt.state = AttemptState::dropped;
      break;
    case Answer::Kind::unavailable:
      ++result.not_tried;
      attempt.state = AttemptState::dropped;
      result.trouble = answer.text;
      recorder.event(job.node, "unavailable", answer.text);
      break;
    case Answer::Kind::unsure:
      ++result.unsure;
      attempt.reason = answer.text;
      result.trouble = answer.text;
      recorder.state(job.node, NodeState::unknown, "the scheduler's reply was lost: " + answer.text);
      break;
  }
}

// A dependency on a parent that the scheduler does not know is dropped in silence (SLURM 22.05), and the
// child would run at once.
void Engine::check_dependencies(Run& run, const Place& place, std::span<const PlannedNode> submitted) {
  std::vector<JobRef> children;
  std::unordered_map<std::string_view, const PlannedNode*> by_token;
  for (const auto& planned : submitted) {
    const auto& attempt = run.attempts[planned.node];
    if (planned.parents.empty() || !attempt || attempt->state != AttemptState::submitted) continue;
    children.push_back(job_ref(run, planned.node));
    by_token.emplace(attempt->token, &planned);
  }
  if (children.empty() || !place.dialect) return;
  const auto observation = place.backend.observe(children);
  for (const auto& trouble : observation.trouble) observer_.trouble(trouble);
  std::vector<NodeIndex> dropped;
  for (const auto& report : observation.reports) {
    const auto found = by_token.find(report.token);
    if (found == by_token.end() || report.source != Evidence::queue || !report.dependency.empty()) continue;
    if (report.state != JobState::queued && report.state != JobState::held) continue;
    const auto& planned = *found->second;
    const bool parent_open = std::ranges::any_of(planned.parents, [&](const Edge& edge) {
      const auto& parent = run.attempts[edge.node];
      return parent && parent->state == AttemptState::staged;  // held by us: it cannot have started
    });
    if (parent_open) dropped.push_back(planned.node);
  }
  if (dropped.empty()) return;
  Recorder recorder(*this, run);
  const auto held = held_fast(recorder, run, dropped, place);
  if (held.empty() || !take_out(run, held, place)) return;
  for (const auto node : held) {
    run.attempts[node]->state = AttemptState::dropped;
    recorder.attempt(node);
    recorder.state(node, NodeState::pending, "the scheduler dropped its dependency; to be submitted again");
  }
  recorder.commit();
}

// How many of `wanted` jobs the queue takes now, by the site's limit and by what a refusal has taught.
std::size_t Engine::room(Run& run, const Place& place, std::size_t wanted) {
  auto most = place.site.max_jobs;
  if (run.row.most_jobs > 0 && (most == 0 || run.row.most_jobs < most)) most = run.row.most_jobs;
  if (most == 0) return wanted;
  const auto queued = place.backend.queued();
  if (!queued) {
    observer_.trouble("the queue could not be asked for room: nothing is submitted before it answers");
    return 0;
  }
  if (*queued == 0 && run.row.most_jobs > 0) {  // the limit may be another one by now
    Recorder recorder(*this, run);
    recorder.most_jobs(0);
    recorder.commit();
    most = place.site.max_jobs > 0 ? place.site.max_jobs : wanted;
  }
  return std::min(wanted, most > *queued ? most - *queued : 0);
}

void Engine::learn_limit(Run& run, const Place& place, Submitted& result) {
  const auto queued = place.backend.queued();
  if (!queued) return;
  Recorder recorder(*this, run);
  if (*queued > 0) {
    recorder.most_jobs(*queued);
    recorder.event(no_node, "limit", fmt::format("{} jobs are in the queue: {}", *queued, result.refusal));
    result.refusal.clear();
  } else {  // an empty queue will not become emptier
    ++result.refused;
    recorder.state(result.limited_node, NodeState::failed, "refused by the scheduler: " + result.refusal);
  }
  recorder.commit();
}

void Engine::wait_for_room(Run& run, const Plan& plan, Submitted& result) {
  if (!result.trouble.empty()) return;
  Recorder recorder(*this, run);
  for (const auto& planned : plan.submit) {
    const auto state = run.nodes[planned.node].state;
    if ((state != NodeState::pending && state != NodeState::retrying) ||
        is_out(run.attempts[planned.node].get()))
      continue;
    ++result.waiting;
    recorder.state(planned.node, state, "waits for room in the queue: the user may have no more jobs in it");
  }
  recorder.commit();
}

void Engine::put_off(Run& run, const Plan& plan, Submitted& result) {
  Recorder recorder(*this, run);
  for (const auto& each : plan.later) recorder.state(each.node, run.nodes[each.node].state, each.reason);
  recorder.commit();
  result.later += plan.later.size();
}

// Children at the scheduler whose parents have a new job, or need not be waited for any more, are pointed at
// the parents that are left, by these rows; but for those that have just been submitted: they wait for the
// right jobs already.
void Engine::repoint_children(Run& run, const Place& place, std::span<const NodeIndex> parents,
                              std::span<const NodeRow> rows, std::span<const PlannedNode> but) {
  std::vector<ControlTarget> targets;
  std::vector<NodeIndex> children;
  const auto current = run.current();
  for (const auto parent : parents) {
    for (const auto& edge : run.graph.children(parent)) children.push_back(edge.node);
  }
  std::ranges::sort(children);
  children.erase(std::unique(children.begin(), children.end()), children.end());
  std::unordered_set<NodeIndex> new_ones;
  for (const auto& planned : but) new_ones.insert(planned.node);
  std::erase_if(children, [&](NodeIndex child) { return new_ones.contains(child); });
  if (children.empty()) return;
  const auto by_failure = skipped_by_failure(run.graph, rows, current);
  for (const auto child : children) {
    const auto& attempt = run.attempts[child];
    if (!is_out(attempt.get()) || attempt->native_id.empty() || rows[child].state != NodeState::held)
      continue;
    ControlTarget target{attempt->native_id, {}, run.row.directory};
    bool broken = false;  // it will be skipped; without that edge it could start before
    bool too_soon =
        false;  // a parent is still to be submitted again, and its new job is what this one waits for
    for (const auto& edge : run.graph.parents(child)) {
      const auto* parent = current[edge.node];
      const auto now = fate(edge.on, rows[edge.node], parent, by_failure[edge.node]);
      broken = broken || now == Fate::broken;
      if (now != Fate::open || !parent) continue;
      too_soon = too_soon || !is_out(parent) || parent->native_id.empty();
      target.parents.emplace_back(edge.on, parent->native_id);
    }
    if (!broken && !too_soon) targets.push_back(std::move(target));
  }
  if (targets.empty()) return;
  for (const auto& words : place.backend.control(Action::repoint, targets)) observer_.trouble(words);
  resubmit_missing(run, place, children);
}

// A scheduler without accounting does not tell that it has taken out a child with the attempt that failed.
// The new attempt is not released yet: what is not in the queue now has not run.
void Engine::resubmit_missing(Run& run, const Place& place, std::span<const NodeIndex> children) {
  std::vector<JobRef> jobs;
  std::vector<NodeIndex> asked;
  for (const auto child : children) {
    const auto& attempt = run.attempts[child];
    if (!attempt || attempt->state != AttemptState::submitted || attempt->native_id.empty() ||
        attempt->started || run.nodes[child].state != NodeState::held)
      continue;
    const bool waits = std::ranges::any_of(run.graph.parents(child), [&](const Edge& edge) {
      const auto& parent = run.nodes[edge.node];
      return parent.attempts > 1 && active(parent.state) && parent.state != NodeState::unknown &&
             (edge.on == On::ok || parent.failures == 0);
    });
    if (!waits) continue;
    jobs.push_back(job_ref(run, child));
    asked.push_back(child);
  }
  if (jobs.empty() || !place.dialect) return;
  const auto observation = place.backend.observe(jobs);
  for (const auto& trouble : observation.trouble) observer_.trouble(trouble);
  if (!observation.queue_seen || !observation.accounting_seen) return;
  std::vector<NodeIndex> missing;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (std::ranges::none_of(observation.reports, [&](const Report& r) { return r.token == jobs[i].token; }))
      missing.push_back(asked[i]);
  }
  if (missing.empty() || !take_out(run, missing, place)) return;
  Recorder recorder(*this, run);
  for (const auto node : missing) submit_again(recorder, run, node, removed_with_a_parent);
  recorder.commit();
}

// What has ended while these were held is not left to the scheduler: until its next round it shows such a
// dependency as if it were still waited for.
void Engine::drop_met_dependencies(Run& run, const Place& place, std::span<const NodeIndex> nodes) {
  std::vector<ControlTarget> targets;
  const auto by_failure = skipped_by_failure(run.graph, run.nodes, run.current());
  for (const auto node : nodes) {
    const auto& attempt = *run.attempts[node];
    ControlTarget target{attempt.native_id, {}, run.row.directory};
    bool met = false, decided = true;
    for (const auto& edge : run.graph.parents(node)) {
      const auto* parent = run.attempts[edge.node].get();
      const auto now = fate(edge.on, run.nodes[edge.node], parent, by_failure[edge.node]);
      if (now == Fate::open && is_out(parent)) {
        target.parents.emplace_back(edge.on, parent->native_id);
      } else if (now != Fate::met) {
        decided = false;  // it is skipped, or pointed at the parent's next attempt
      } else if (parent && parent->ended && attempt.submitted && *parent->ended >= *attempt.submitted) {
        met = true;
      }
    }
    if (met && decided) targets.push_back(std::move(target));
  }
  if (targets.empty()) return;
  for (const auto& words : place.backend.control(Action::repoint, targets)) observer_.trouble(words);
}

void Engine::release(Run& run, const Place& place) {
  std::vector<ControlTarget> targets;
  std::vector<NodeIndex> roots;
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    if (run.attempts[i] && run.attempts[i]->state == AttemptState::staged) {
      roots.push_back(i);
      targets.push_back({run.attempts[i]->native_id, {}, run.row.directory});
    }
  }
  if (targets.empty()) return;
  drop_met_dependencies(run, place, roots);
  // What was not done is not known job by job: those that are still held are released again by the next pass.
  const auto refused = place.backend.control(Action::release, targets);
  for (const auto& words : refused) observer_.trouble(words);
  if (!refused.empty()) return;
  Recorder recorder(*this, run);
  for (const auto node : roots) {
    run.attempts[node]->state = AttemptState::submitted;
    recorder.attempt(node);
    const bool waits = std::ranges::any_of(run.graph.parents(node), [&](const Edge& edge) {
      return fate(edge.on, run.nodes[edge.node], run.attempts[edge.node].get(), false) != Fate::met;
    });
    recorder.state(node, waits ? NodeState::held : NodeState::queued, "released");
  }
  recorder.commit();
}

Submitted Engine::react(Run& run, const Place& place) {
  Submitted result;
  if (terminal(run.row.state)) return result;
  carry_out_marks(run, place);
  const auto planned = [&] {
    return make_plan(run.graph, run.nodes, run.current(),
                     may_be_tried_again(run.workflow, run.graph, run.nodes), run.row.stop_requested,
                     unnamed_elements(run, place));
  };
  auto plan = planned();
  skip(run, place, plan.skip);
  if (end_services(run, place)) plan = planned();
  if (run.row.state == RunState::paused) {
    hold_back(run, place);
  } else {
    place_jobs(run, place, plan, result);
    put_off(run, plan, result);
  }
  if (run.row.stop_requested)
    cancel(run, place, {});  // what a killed call left, and what was found meanwhile
  if (result.refused > 0) {  // what depends on the refused ones is skipped now
    skip(run, place, make_plan(run.graph, run.nodes, run.current(), {}, true).skip);
  }
  stage_out(run, place);
  finish(run, place);
  return result;
}

void Engine::skip(Run& run, const Place& place, const std::vector<Skip>& skips) {
  if (skips.empty()) return;
  std::vector<ControlTarget> targets;
  for (const auto& each : skips) {
    const auto& attempt = run.attempts[each.node];
    if (attempt && active(run.nodes[each.node].state))
      targets.push_back({attempt->native_id, {}, run.row.directory});
  }
  bool taken_out = true;
  if (!targets.empty()) {
    for (const auto& words : place.backend.control(Action::cancel, targets)) {
      observer_.trouble(words);
      taken_out = false;
    }
  }
  Recorder recorder(*this, run);
  for (const auto& each : skips) {
    if (const auto& attempt = run.attempts[each.node]; attempt && active(run.nodes[each.node].state)) {
      if (!taken_out) continue;  // it may still be in the queue: the next pass tries again
      attempt->state = AttemptState::ended;
      attempt->ended = recorder.now();
      attempt->reason = "cancelled: " + each.reason;
      recorder.attempt(each.node);
    }
    recorder.state(each.node, NodeState::skipped, each.reason);
  }
  recorder.commit();
}

void Engine::stage_out(Run& run, const Place& place) {
  if (!place.outputs_to) return;
  std::vector<NodeIndex> nodes;
  std::vector<FilesToGet> sets;
  const JobWriter writer(run.workflow, run.graph, run.row, place.site, place.dialect);
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    if (!outputs_due(run, i)) continue;
    auto node = writer.rendered(i);
    nodes.push_back(i);
    sets.push_back({node.workdir, std::move(node.outputs), place.outputs_to(run.row, node.name)});
  }
  if (nodes.empty()) return;
  FilesGot got;
  try {
    got = place.backend.transport().get(
        sets, [&](std::uintmax_t done, std::uintmax_t all) { observer_.progress("staging out", done, all); });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::transport) throw;
    observer_.trouble(fmt::format("outputs are not here yet: {}", error.what()));
    return;  // the next pass tries again
  }
  for (const auto& sentence : got.left_out) observer_.trouble(sentence);
  std::vector<std::size_t> files(nodes.size());
  std::vector<std::uintmax_t> bytes(nodes.size());
  for (const auto& file : got.files) {
    ++files[file.set];
    bytes[file.set] += file.size;
  }
  Recorder recorder(*this, run);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    run.nodes[nodes[i]].fetched = true;
    recorder.touch(nodes[i]);
    recorder.event(nodes[i], "fetched",
                   fmt::format("{} file{}, {} to {}", files[i], files[i] == 1 ? "" : "s",
                               format_size(static_cast<Bytes>(bytes[i])), sets[i].target.string()));
  }
  recorder.commit();
}

void Engine::finish(Run& run, const Place& place) {
  std::string failed, cancelled;
  std::size_t failures = 0;
  for (NodeIndex i = 0; i < run.graph.size(); ++i) {
    const auto& row = run.nodes[i];
    if (!terminal(row.state) || (place.outputs_to && outputs_due(run, i))) return;
    if (row.state == NodeState::failed || row.state == NodeState::timeout) {
      if (++failures == 1) failed = fmt::format("{}: {}", run.graph.node(i).name, row.reason);
    } else if (row.state == NodeState::cancelled && cancelled.empty()) {
      cancelled = fmt::format("{}: {}", run.graph.node(i).name, row.reason);
    }
  }
  if (failures > 1) failed += fmt::format(" (and {} more)", failures - 1);
  Recorder recorder(*this, run);
  if (failures > 0) {
    recorder.run_state(RunState::failed, failed);
  } else if (!cancelled.empty()) {
    recorder.run_state(RunState::cancelled, cancelled);
  } else {
    recorder.run_state(RunState::completed, "");
  }
  recorder.commit();
}

}  // namespace catena
