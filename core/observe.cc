#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/recorder.h"
#include "core/retry.h"

namespace catena {
namespace {

constexpr const char* progress_mark = ": ";  // between where a job runs and how far it is

NodeState node_state(JobState state) {
  switch (state) {
    case JobState::held:
      return NodeState::held;
    case JobState::queued:
      return NodeState::queued;
    case JobState::running:
      return NodeState::running;
    case JobState::completed:
      return NodeState::completed;
    case JobState::timeout:
      return NodeState::timeout;
    case JobState::cancelled:
      return NodeState::cancelled;
    case JobState::failed:
    case JobState::node_fail:
    case JobState::oom:
    case JobState::preempted:
      return NodeState::failed;
    case JobState::unknown:
      break;
  }
  return NodeState::unknown;
}

// "123" of "123;lab": what two sources may give of one id.
bool same_job(const std::string& recorded, const std::string& reported) {
  return recorded.empty() || reported.empty() || recorded == reported;
}

bool retry_due(const Run& run, NodeIndex node, JobState how, std::optional<int> exit_code) {
  const auto* retry = retry_of(run.workflow, run.workflow.nodes[run.graph.node(node).spec]);
  return retry && !run.row.stop_requested && retry_follows(*retry, run.nodes[node].failures, how, exit_code);
}

OnFailure on_failure(const Workflow& workflow, const NodeSpec& spec) {
  return spec.on_failure.value_or(workflow.defaults.on_failure.value_or(OnFailure::proceed));
}

// All that the node waits for has come, and so long ago that the scheduler must have heard of it.
bool waits_for_nothing(const Run& run, const Site& site, NodeIndex node, const std::vector<bool>& by_failure,
                       Time now) {
  return std::ranges::all_of(run.graph.parents(node), [&](const Edge& edge) {
    const auto* attempt = run.attempts[edge.node].get();
    if (fate(edge.on, run.nodes[edge.node], attempt, by_failure[edge.node]) != Fate::met) return false;
    if (!attempt) return true;
    const auto since = attempt->ended ? attempt->ended : attempt->started;  // `start` is met by a start
    return since && now - *since >= site.settle;
  });
}

// PBS deletes every dependent of a job that it deletes for a dependency that cannot be met, whatever the kind
// of edge: the child was queued behind a parent that was skipped afterwards.
bool taken_out_with(const NodeRow& parent, const Attempt* parents, const Attempt& child) {
  return parent.state == NodeState::skipped && parents && parents->ended && child.submitted &&
         *parents->ended >= std::chrono::floor<Seconds>(*child.submitted);  // servers count seconds
}

// Whether a job that was taken out before it started was so because of a parent, though catena's own record
// lets it run: the parent is tried again, was marked completed, was itself taken out (PBS then removes what
// depends on it in whatever way), or has ended otherwise to the scheduler. `removed`: the scheduler says that
// it was not a person.
bool taken_out_with_a_parent(const Run& run, NodeIndex node, bool removed) {
  bool by_parent = false, known = true;
  for (const auto& edge : run.graph.parents(node)) {
    const auto& parent = run.nodes[edge.node];
    // Pending once more: it was taken out itself, with a parent of its own that is tried again.
    by_parent = by_parent || parent.state == NodeState::retrying || parent.attempts > 1 ||
                (parent.state == NodeState::pending && parent.attempts > 0) ||
                parent.reason == marked_by_user(NodeState::completed) ||
                taken_out_with(parent, run.attempts[edge.node].get(), *run.attempts[node]);
    known = known && parent.state != NodeState::unknown;
  }
  return by_parent || (removed && known && !run.graph.parents(node).empty());
}

// Whether the parent cannot have let this job start: it never ran, or the attempt that the job waited for
// failed and no other has completed.
bool kept_back(const Run& run, NodeIndex node, const Edge& edge) {
  const auto& parent = run.nodes[edge.node];
  const auto* attempt = run.attempts[edge.node].get();
  const auto submitted = run.attempts[node]->submitted;
  if (!attempt || !submitted || parent.state == NodeState::completed || parent.state == NodeState::unknown)
    return false;
  // Of a parent that had ended before, the scheduler was never told.
  if (terminal(parent.state)) return !attempt->started && attempt->ended && *attempt->ended > *submitted;
  if (parent.state == NodeState::pending) return !attempt->started;
  const bool tried_since = attempt->intended > *submitted;
  return (edge.on == On::ok || parent.failures == 0) && (parent.state == NodeState::retrying || tried_since);
}

std::string try_text(const Report::Try& each) {
  return each.reason.empty() ? fmt::format("exit {}", each.exit_code) : each.reason;
}

// Of a job that has begun anew: " (try 3 in the same job)".
std::string which_try(const Report& report) {
  return report.tries.empty() ? "" : fmt::format(" (try {} in the same job)", report.tries.size() + 1);
}

}  // namespace

bool Engine::observe(std::span<Run* const> runs, const Place& place) {
  std::vector<JobRef> jobs;
  for (const auto* run : runs) {
    for (auto& job : active_jobs(*run)) jobs.push_back(std::move(job));
  }
  if (jobs.empty()) return true;
  const auto observation = place.backend.observe(jobs);
  for (const auto& trouble : observation.trouble) observer_.trouble(trouble);

  std::unordered_map<std::string_view, std::vector<const Report*>> by_token;
  for (const auto& report : observation.reports) by_token[report.token].push_back(&report);
  const std::vector<const Report*> none;
  std::vector<const SaidRecord*> said;
  for (const auto& each : observation.said) said.push_back(&each);
  std::ranges::sort(said, {}, &SaidRecord::order);
  std::vector<Extensions> found_by;
  found_by.reserve(runs.size());
  for (auto* run : runs) {
    const auto& extensions = found_by.emplace_back(said.empty() ? Extensions{} : extend(*run, said, place));
    Pass pass{{*this, *run}, place, skipped_by_failure(run->graph, run->nodes, run->current()), {},
              extensions,    {}};
    if (!said.empty()) take_in(*run, said, pass);
    for (const auto node : run->graph.order()) {  // parents first: a child's end is read in their light
      const auto& attempt = run->attempts[node];
      if (!is_out(attempt.get()) || extensions.later.contains(node)) continue;
      const auto found = by_token.find(attempt->token);
      settle(*run, place.site, observation, found == by_token.end() ? none : found->second, node, pass);
    }
    if (!said.empty()) show_progress(*run, said, pass);
    if (observation.queue_seen) pass.recorder.observed();
    pass.recorder.commit();
    free_stranded(*run, place, pass);
    if (!pass.stop_reason.empty() && !run->row.stop_requested) stop(*run, place, pass.stop_reason);
  }
  // A record of an end that was not taken for the end (yet) is read again by the next pass, and so is an
  // extension that waits for its node's end.
  auto taken = observation.spooled;
  if (!taken.empty()) {
    std::unordered_set<std::string> open;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      for (const auto& job : active_jobs(*runs[i])) open.insert("/" + job.token + ".exit");
      for (const auto& [file, node] : found_by[i].files) {
        if (is_out(runs[i]->attempts[node].get())) open.insert("/" + file);
      }
    }
    std::erase_if(taken, [&](const std::string& file) {
      const auto slash = file.rfind('/');
      return slash != file.npos && open.contains(file.substr(slash));
    });
  }
  place.backend.put_away(taken);
  return observation.queue_seen;
}

// What jobs have said becomes results and events of their nodes: of the attempt that is out, nobody else's.
void Engine::take_in(Run& run, std::span<const SaidRecord* const> said, Pass& pass) {
  const auto nodes = nodes_out(run);
  for (const auto* each : said) {
    const auto found = nodes.find(each->token);
    if (found == nodes.end()) continue;
    const auto node = found->second;
    const auto& attempt = *run.attempts[node];
    if (each->kind == "extend") continue;
    if (each->kind == "put") {
      pass.recorder.result({node, attempt.number, each->name, each->value});
      continue;
    }
    tell(pass.recorder, run, node, each->kind, each->text, each->time);
  }
}

// A pass that was killed before it had put the job's word away has recorded it already.
void Engine::tell(Recorder& recorder, const Run& run, NodeIndex node, const std::string& kind,
                  const std::string& text, Time at) {
  const auto known = store_.events(run.row.id, 0, node);
  const bool told = std::ranges::any_of(known, [&](const Event& event) {
    return event.kind == kind && event.text == text && event.time == at &&
           event.attempt == run.attempts[node]->number;
  });
  if (!told) recorder.event(node, kind, text, at);
}

// How far a running node is, behind where it runs.
void Engine::show_progress(Run& run, std::span<const SaidRecord* const> said, Pass& pass) {
  std::unordered_map<std::string_view, const SaidRecord*> last;
  for (const auto* each : said) {
    if (each->kind == "progress") last[each->token] = each;
  }
  if (last.empty()) return;
  for (NodeIndex node = 0; node < run.graph.size(); ++node) {
    const auto& attempt = run.attempts[node];
    if (!is_out(attempt.get()) || run.nodes[node].state != NodeState::running) continue;
    const auto& where = run.nodes[node].reason;
    if (const auto found = last.find(attempt->token); found != last.end())
      pass.recorder.state(node, NodeState::running,
                          where.substr(0, where.find(progress_mark)) + progress_mark + found->second->text);
  }
}

// PBS leaves a job waiting for ever whose parent was deleted before it had started. It is submitted again
// when a later pass has seen that it is gone. A slow scheduler may be about to start it: only what cannot
// start any more is cancelled.
void Engine::free_stranded(Run& run, const Place& place, Pass& pass) {
  if (pass.stranded.empty()) return;
  const auto held = held_fast(pass.recorder, run, pass.stranded, place);
  if (held.empty()) return;
  set_reason(pass.recorder, run, held, stranded);
  take_out(run, held, place);
}

void Engine::set_reason(Recorder& recorder, Run& run, std::span<const NodeIndex> nodes, const char* reason) {
  for (const auto node : nodes) {
    run.attempts[node]->reason = reason;
    recorder.attempt(node);
  }
  recorder.commit();
}

// Puts our hold on jobs that wait, and asks again: those that have it can be cancelled, and none of them has
// run. They are marked before: what does not succeed here, the next pass goes on with.
std::vector<NodeIndex> Engine::held_fast(Recorder& recorder, Run& run, std::span<const NodeIndex> nodes,
                                         const Place& place) {
  set_reason(recorder, run, nodes, stranding);
  std::vector<ControlTarget> targets;
  std::vector<JobRef> jobs;
  std::unordered_map<std::string_view, NodeIndex> open;
  for (const auto node : nodes) {
    const auto& attempt = *run.attempts[node];
    targets.push_back({attempt.native_id, {}, run.row.directory});
    jobs.push_back(job_ref(run, node));
    open.emplace(attempt.token, node);
  }
  const auto refused = place.backend.control(Action::hold, targets);
  for (const auto& words : refused) observer_.trouble(words);
  if (!refused.empty()) return {};  // one that has just started; the next pass looks again
  const auto observation = place.backend.observe(jobs);
  for (const auto& trouble : observation.trouble) observer_.trouble(trouble);
  std::set<NodeIndex> held;
  for (const auto& report : observation.reports) {
    const auto found = open.find(report.token);
    if (found != open.end() && report.source == Evidence::queue && report.state == JobState::held)
      held.insert(found->second);
  }
  for (const auto& report : observation.reports) {
    const auto found = open.find(report.token);
    if (found != open.end() && (report.source != Evidence::queue || report.started))
      held.erase(found->second);
  }
  return {held.begin(), held.end()};
}

// The first edge of the node that can no longer be met, if any.
const Edge* Engine::broken_edge(const Run& run, NodeIndex node, Pass& pass) const {
  for (const auto& edge : run.graph.parents(node)) {
    const auto& parent = run.nodes[edge.node];
    if (fate(edge.on, parent, run.attempts[edge.node].get(), pass.by_failure[edge.node]) != Fate::broken)
      continue;
    pass.by_failure[node] =
        edge.on != On::notok && (parent.state != NodeState::skipped || pass.by_failure[edge.node]);
    return &edge;
  }
  return nullptr;
}

void Engine::submit_again(Recorder& recorder, Run& run, NodeIndex node, const std::string& why) {
  run.attempts[node]->state = AttemptState::dropped;
  recorder.attempt(node);
  recorder.state(node, NodeState::pending, why + "; to be submitted again");
}

// The end of a job that nobody tells of: it has left the queue, and there is no accounting (a PBS without a
// history) and no record. It has not run where its parents did not let it, and an array's element that is
// cancelled while it waits leaves no trace. False: how it ended is not known.
bool Engine::settle_gone(Run& run, NodeIndex node, bool accounting_seen, Pass& pass) {
  auto& attempt = *run.attempts[node];
  const bool stopping = is_stopping(attempt);
  const bool cancelled = attempt.reason == cancel_requested || stopping;
  if (!cancelled && (attempt.started || run.row.stop_requested)) return false;
  const auto* broken = cancelled ? nullptr : broken_edge(run, node, pass);
  const bool never_let = attempt.reason == stranded ||
                         std::ranges::any_of(run.graph.parents(node),
                                             [&](const Edge& edge) { return kept_back(run, node, edge); });
  const bool traceless = accounting_seen && in_array(attempt.token);
  if ((!cancelled && !broken && !never_let && !traceless) || !take_out(run, {&node, 1}, pass.place))
    return false;
  if (never_let && !cancelled && !broken) {
    submit_again(pass.recorder, run, node, attempt.reason == stranded ? stranded : removed_with_a_parent);
    return true;
  }
  attempt.state = AttemptState::ended;
  attempt.ended = pass.recorder.now();
  pass.recorder.attempt(node);
  if (stopping) {
    attempt.reason = unused_service;
    end_service(pass.recorder, run, node);
  } else if (cancelled) {
    pass.recorder.state(node, NodeState::cancelled, "the scheduler does not know its job any more");
  } else if (!broken) {
    attempt.reason = "taken out of the queue while it waited";
    pass.recorder.state(node, NodeState::cancelled, attempt.reason);
  } else {
    pass.recorder.state(
        node, NodeState::skipped,
        why_broken(run.graph.node(broken->node).name, broken->on, run.nodes[broken->node].state));
  }
  return true;
}

// A listing that leaves a job out is no proof that it is gone: before its place is given to another, or its
// end recorded, it is cancelled. False: it may still be there.
bool Engine::take_out(const Run& run, std::span<const NodeIndex> nodes, const Place& place) {
  std::vector<ControlTarget> targets;
  for (const auto node : nodes) targets.push_back({run.attempts[node]->native_id, {}, run.row.directory});
  const auto refused = place.backend.control(Action::cancel, targets);
  for (const auto& words : refused) observer_.trouble(words);
  return refused.empty();
}

void Engine::settle(Run& run, const Site& site, const Observation& observation,
                    std::span<const Report* const> reports, NodeIndex node, Pass& pass) {
  auto& recorder = pass.recorder;
  auto& attempt = *run.attempts[node];
  std::vector<const Report*> ours;
  for (const auto* report : reports) {
    if (same_job(attempt.native_id, report->native_id)) {
      ours.push_back(report);
    } else {
      observer_.trouble(fmt::format("job {} carries the token of {} (job {}): it is not taken",
                                    report->native_id, run.graph.node(node).name, attempt.native_id));
    }
  }
  auto outcome = merge(ours);
  const auto now = recorder.now();
  if (!outcome) {
    if (!observation.queue_seen) return;
    const bool never_answered = attempt.native_id.empty();
    if (never_answered && !attempt.submitted) {
      // A long program, or a command that hung, may have ended long after the intent: the wait begins now.
      attempt.submitted = now;
      recorder.attempt(node);
    }
    const bool waited = now - attempt.submitted.value_or(attempt.intended) >= site.settle;
    if (!never_answered && waited && settle_gone(run, node, observation.accounting_seen, pass)) return;
    if (never_answered && waited && observation.accounting_seen) {
      attempt.state = AttemptState::dropped;
      recorder.attempt(node);
      recorder.state(node, NodeState::pending, "the scheduler never got it; to be submitted again");
    } else if (never_answered || waited) {
      recorder.state(node, NodeState::unknown,
                     never_answered ? "submitted perhaps: the scheduler has not shown it yet"
                                    : "the scheduler does not know its job, and no record says how it ended");
    }
    return;
  }
  const auto& report = outcome->report;
  // The signal was ours: no need to hear it from accounting.
  if (outcome->waiting && (attempt.reason == cancel_requested || is_stopping(attempt))) {
    outcome->waiting = false;
    outcome->state = JobState::cancelled;
  }
  // It may have been queued again: only a queue and an accounting that answer can say that it is not there.
  const bool asked = observation.queue_seen && observation.accounting_seen;
  if (outcome->waiting && (!asked || now - report.ended.value_or(now) < site.settle)) return;
  if (outcome->state == JobState::unknown) {
    recorder.state(node, NodeState::unknown, "unknown state at the scheduler: " + report.native);
    return;
  }

  const bool adopted = attempt.native_id.empty() && !report.native_id.empty();
  if (adopted) {
    attempt.native_id = report.native_id;
    attempt.submitted = report.submitted.value_or(attempt.intended);
    // Whether it is a root that waits for our release is not known any more; releasing it again does no harm.
    attempt.state = report.dependency.empty() && outcome->state == JobState::held ? AttemptState::staged
                                                                                  : AttemptState::submitted;
    recorder.event(node, "submitted", report.native_id + " (found by its token)");
  }
  const bool started_now = report.started && !attempt.started;
  if (report.started) attempt.started = report.started;
  if (!report.host.empty()) attempt.host = report.host;
  if (!report.stdout_file.empty()) attempt.stdout_file = report.stdout_file;
  if (!report.stderr_file.empty()) attempt.stderr_file = report.stderr_file;
  const bool new_native = attempt.native != report.native;
  attempt.native = report.native;
  if (adopted || started_now || new_native) recorder.attempt(node);

  if (const auto refused = pass.extensions.refused.find(node);
      refused != pass.extensions.refused.end() && outcome->state == JobState::completed) {
    outcome->state = JobState::failed;
    outcome->report.reason = refused->second;
    outcome->report.source = Evidence::record;
  }
  auto to = node_state(outcome->state);
  if (!terminal(to)) {
    if (to == NodeState::running && attempt.state == AttemptState::staged) {
      attempt.state =
          AttemptState::submitted;  // our hold came too late, or a release whose answer was a failure did not
      recorder.attempt(node);
    }
    if (to == NodeState::held && attempt.state == AttemptState::staged)
      return recorder.state(node, to, run.nodes[node].reason);
    const bool begun_to_free = attempt.reason == stranding || attempt.reason == stranded;
    if (to == NodeState::held &&
        (begun_to_free ||
         (!report.dependency.empty() && waits_for_nothing(run, site, node, pass.by_failure, now)))) {
      pass.stranded.push_back(node);
    } else if (begun_to_free) {
      attempt.reason.clear();
      recorder.attempt(node);
    }
    const auto waits_for = report.dependency.empty() || to != NodeState::held
                               ? report.reason
                               : report.reason + " " + report.dependency;
    const auto where = report.host + which_try(report);
    const auto& known = run.nodes[node];
    const bool told = known.state == to && known.reason.starts_with(where + progress_mark);
    recorder.state(node, to,
                   to != NodeState::running ? waits_for
                   : told                   ? known.reason
                                            : where,
                   report.native);
    return;
  }

  const bool was_stranded = attempt.reason == stranded && !attempt.started && !run.row.stop_requested;
  const auto marked = mark_of(attempt);
  const bool stopping = is_stopping(attempt);
  attempt.state = AttemptState::ended;
  attempt.ended = report.ended.value_or(now);
  attempt.exit_code = report.exit_code;
  attempt.signal = report.signal;
  // A service that has seen by itself that nobody uses it says so in its record.
  const bool ended_unused = to == NodeState::completed && report.source == Evidence::record &&
                            is_service(run.workflow.nodes[run.graph.node(node).spec]);
  auto reason = ended_unused                 ? report.reason
                : to == NodeState::completed ? std::string()
                                             : failure_text(outcome->state, report) + which_try(report);
  for (const auto& each : report.tries)
    recorder.event(node, "try", try_text(each) + ": tried again in the same job", each.ended);
  attempt.reason = reason;
  recorder.attempt(node);
  for (const auto& [name, value] : report.results) recorder.result({node, attempt.number, name, value});

  if (stopping) {  // however its end looks: it was to end, and nobody was left whom it could fail
    attempt.reason = unused_service;
    return end_service(recorder, run, node, report.native);
  }
  if (to == NodeState::cancelled && marked) {
    attempt.reason = marked_by_user(*marked);
    recorder.state(node, *marked, attempt.reason, report.native);
    return;
  }
  if (to == NodeState::cancelled && was_stranded) return submit_again(pass.recorder, run, node, stranded);
  if (to == NodeState::cancelled && !attempt.started && !run.row.stop_requested) {
    // Taken out before it ran. By the scheduler, because of a parent; else by somebody.
    if (const auto* edge = broken_edge(run, node, pass)) {
      to = NodeState::skipped;
      reason = why_broken(run.graph.node(edge->node).name, edge->on, run.nodes[edge->node].state);
    } else if (taken_out_with_a_parent(run, node, report.removed)) {
      return submit_again(pass.recorder, run, node, removed_with_a_parent);
    }
  }
  if (to != NodeState::completed && to != NodeState::cancelled && to != NodeState::skipped)
    run.nodes[node].failures += 1 + static_cast<int>(report.tries.size());
  if (to != NodeState::completed && !report.permanent &&
      retry_due(run, node, outcome->state, report.exit_code)) {
    recorder.state(node, NodeState::retrying, reason, report.native);
    return;
  }
  recorder.state(node, to, reason, report.native);
  const auto& spec = run.workflow.nodes[run.graph.node(node).spec];
  if ((to == NodeState::failed || to == NodeState::timeout) &&
      on_failure(run.workflow, spec) == OnFailure::stop) {
    pass.stop_reason = run.graph.node(node).name + " failed, and its on_failure is stop";
  }
}

}  // namespace catena
