#include "core/engine.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"

namespace catena {
namespace {

// The reason of an attempt that was asked to end, until it has.
constexpr const char* cancel_requested = "cancel requested";
constexpr const char* stranded = "the scheduler let it wait for parents that had ended";

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

std::string_view retry_word(JobState state) {
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

const Retry* retry_of(const Workflow& workflow, const NodeSpec& spec) {
  if (spec.retry) return &*spec.retry;
  return workflow.defaults.retry ? &*workflow.defaults.retry : nullptr;
}

bool retry_due(const Run& run, NodeIndex node, JobState how) {
  const auto* retry = retry_of(run.workflow, run.workflow.nodes[run.graph.node(node).spec]);
  if (!retry || run.row.stop_requested || run.nodes[node].failures > retry->max) return false;
  const auto word = retry_word(how);
  return !word.empty() && (retry->on.empty() || std::ranges::find(retry->on, word) != retry->on.end());
}

Seconds retry_delay(const Run& run, NodeIndex node) {
  const auto* retry = retry_of(run.workflow, run.workflow.nodes[run.graph.node(node).spec]);
  if (!retry) return Seconds{0};
  double delay = static_cast<double>(retry->backoff.count());
  for (int i = 1; i < run.nodes[node].failures; ++i) delay *= retry->factor;
  return Seconds{static_cast<std::int64_t>(std::min(delay, static_cast<double>(retry->max_delay.count())))};
}

bool outputs_due(const Run& run, NodeIndex node) {
  return run.nodes[node].state == NodeState::completed && !run.nodes[node].fetched &&
         !run.workflow.nodes[run.graph.node(node).spec].outputs.empty();
}

OnFailure on_failure(const Workflow& workflow, const NodeSpec& spec) {
  return spec.on_failure.value_or(workflow.defaults.on_failure.value_or(OnFailure::proceed));
}

}  // namespace

// Collects the changes of one step, keeps the run in memory equal to the store, and tells the observer once
// they are stored.
class Engine::Recorder {
 public:
  Recorder(Engine& engine, Run& run) : engine_(engine), run_(run), now_(engine.clock_.now()) {}

  void state(NodeIndex node, NodeState to, const std::string& reason, const std::string& native = {}) {
    auto& row = run_.nodes[node];
    if (row.state == to) {
      if (row.reason == reason) return;
      row.reason = reason;
      touch(node);
      return;
    }
    if (!may_follow(row.state, to)) {
      event(node, "ignored", fmt::format("{} after {}: {}", to_string(to), to_string(row.state), reason));
      return;
    }
    Event e;
    e.kind = "state";
    e.node = node;
    e.attempt = row.attempts;
    e.from = to_string(row.state);
    e.to = to_string(to);
    const bool adds = !native.empty() && native != reason && native != e.to;
    e.text = !adds ? reason : reason.empty() ? native : reason + " (" + native + ")";
    e.time = now_;
    changes_.events.push_back(std::move(e));
    --run_.row.counts[row.state];
    ++run_.row.counts[to];
    row.state = to;
    row.reason = reason;
    touch(node);
  }
  void event(NodeIndex node, std::string kind, std::string text) {
    Event e;
    e.kind = std::move(kind);
    e.node = node;
    e.attempt = node == no_node ? 0 : run_.nodes[node].attempts;
    e.text = std::move(text);
    e.time = now_;
    changes_.events.push_back(std::move(e));
  }
  void attempt(NodeIndex node) { attempts_.push_back(node); }
  void touch(NodeIndex node) { touched_.push_back(node); }
  void run_state(RunState state, const std::string& reason) {
    if (run_.row.state == state && run_.row.reason == reason) return;
    Event e;
    e.kind = "run";
    e.from = to_string(run_.row.state);
    e.to = to_string(state);
    e.text = reason;
    e.time = now_;
    changes_.events.push_back(std::move(e));
    run_.row.state = state;
    run_.row.reason = reason;
    changes_.run = {state, reason};
  }
  void stop_requested() {
    run_.row.stop_requested = true;
    changes_.stop_requested = true;
  }
  void observed() {
    run_.row.observed = now_;
    changes_.observed = now_;
  }
  void result(ResultRow row) { changes_.results.push_back(std::move(row)); }
  Time now() const { return now_; }

  void commit() {
    auto unique = [](std::vector<NodeIndex>& list) {
      std::ranges::sort(list);
      list.erase(std::unique(list.begin(), list.end()), list.end());
    };
    unique(touched_);
    unique(attempts_);
    for (const auto node : touched_) changes_.nodes.emplace_back(node, run_.nodes[node]);
    for (const auto node : attempts_) changes_.attempts.push_back(*run_.attempts[node]);
    touched_.clear();
    attempts_.clear();
    if (changes_.empty()) return;
    engine_.store_.apply(run_.row.id, changes_, now_);
    ++run_.row.revision;
    for (const auto& e : changes_.events) {
      engine_.observer_.event(run_.row, e.node == no_node ? std::string_view() : run_.graph.node(e.node).name,
                              e);
    }
    changes_ = {};
  }

 private:
  Engine& engine_;
  Run& run_;
  Time now_;
  Changes changes_;
  std::vector<NodeIndex> touched_, attempts_;
};

// What one pass over a run carries from node to node.
struct Engine::Pass {
  Recorder recorder;
  std::vector<bool> by_failure;       // core/plan.h's skipped_by_failure, kept up to date
  std::string stop_reason;            // a failed node's on_failure: stop
  std::vector<NodeIndex> stranded{};  // wait at the scheduler for what has long come
};

namespace {

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

std::vector<JobRef> active_jobs(const Run& run) {
  std::vector<JobRef> jobs;
  for (const auto& attempt : run.attempts) {
    if (!attempt || attempt->state == AttemptState::ended || attempt->state == AttemptState::dropped)
      continue;
    jobs.push_back({attempt->token, job_name(run.graph.node(attempt->node).name, attempt->token),
                    attempt->native_id, run.row.directory, attempt->submitted.value_or(attempt->intended)});
  }
  return jobs;
}

// --- submit
// ---------------------------------------------------------------------------------------------------------------

void Engine::place_jobs(Run& run, const Place& place, const Plan& plan, Submitted& result) {
  if (!plan.submit.empty()) {
    Recorder recorder(*this, run);
    recorder.run_state(RunState::running, "");
    recorder.commit();
    const JobWriter writer(run.workflow, run.graph, run.row, place.site, place.dialect);
    std::span<const PlannedNode> rest = plan.submit;
    while (!rest.empty() && result.trouble.empty()) {
      const auto window = rest.first(std::min(rest.size(), place.site.submit_batch));
      rest = rest.subspan(window.size());
      submit_window(run, place, writer, window, result);
    }
    result.not_tried += rest.size();
    check_dependencies(run, place, plan.submit);
    repoint_children(run, place, plan.submit);
  }
  // Where the scheduler has gone away in the middle, the roots stay held: the next pass completes the chain
  // and releases them.
  if (result.not_tried == 0 && result.unsure == 0) release(run, place);
}

void Engine::submit_window(Run& run, const Place& place, const JobWriter& writer,
                           std::span<const PlannedNode> window, Submitted& result) {
  Submission submission{run.row.id, run.row.directory, {}};
  std::vector<std::string> directories;
  std::vector<FileToPut> files;
  std::unordered_map<NodeIndex, std::size_t> places;
  Recorder intent(*this, run);
  for (const auto& planned : window) {
    std::vector<Dependency> dependencies;
    bool parents_there = true;
    for (const auto& parent : planned.parents) {
      if (auto found = places.find(parent.node); found != places.end()) {
        dependencies.push_back({parent.on, found->second, {}});
      } else if (const auto& attempt = run.attempts[parent.node]; attempt && !attempt->native_id.empty()) {
        dependencies.push_back({parent.on, std::nullopt, attempt->native_id});
      } else {
        parents_there = false;  // refused in an earlier window: the next decision skips this one
      }
    }
    if (!parents_there) continue;
    auto& row = run.nodes[planned.node];
    const auto delay =
        row.attempts > 0 && row.state == NodeState::retrying ? retry_delay(run, planned.node) : Seconds{0};
    auto written = writer.write(planned, row.attempts + 1, std::move(dependencies), delay);
    if (!place.dialect) directories.push_back(written.node.workdir);
    for (auto& file : place.input_files(writer, planned.node, written.node)) files.push_back(std::move(file));

    row.attempts += 1;
    row.reason = planned.reason;
    auto attempt = std::make_unique<Attempt>();
    attempt->node = planned.node;
    attempt->number = row.attempts;
    attempt->token = written.job.token;
    attempt->intended = intent.now();
    attempt->stdout_file = written.job.log_out;
    attempt->stderr_file = written.job.log_err;
    run.attempts[planned.node] = std::move(attempt);
    intent.attempt(planned.node);
    intent.touch(planned.node);
    places.emplace(planned.node, submission.jobs.size());
    submission.jobs.push_back(std::move(written.job));
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
    ++result.not_tried;
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
                     run.nodes[job.node].reason);
      break;
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
    children.push_back({attempt->token, job_name(run.graph.node(planned.node).name, attempt->token),
                        attempt->native_id, run.row.directory, *attempt->submitted});
    by_token.emplace(attempt->token, &planned);
  }
  if (children.empty() || !place.dialect) return;
  const auto observation = place.backend.observe(children);
  for (const auto& trouble : observation.trouble) observer_.trouble(trouble);
  for (const auto& report : observation.reports) {
    const auto found = by_token.find(report.token);
    if (found == by_token.end() || report.source != Evidence::queue || !report.dependency.empty()) continue;
    if (report.state != JobState::queued && report.state != JobState::held) continue;
    const auto& planned = *found->second;
    const bool parent_open = std::ranges::any_of(planned.parents, [&](const Edge& edge) {
      const auto& parent = run.attempts[edge.node];
      return parent && parent->state == AttemptState::staged;  // held by us: it cannot have started
    });
    if (!parent_open) continue;
    auto& attempt = *run.attempts[planned.node];
    const ControlTarget target{attempt.native_id, {}, run.row.directory};
    place.backend.control(Action::cancel, {&target, 1});
    Recorder recorder(*this, run);
    attempt.state = AttemptState::dropped;
    recorder.attempt(planned.node);
    recorder.state(planned.node, NodeState::pending,
                   "the scheduler dropped its dependency; to be submitted again");
    recorder.commit();
  }
}

// The children of a node that was submitted again wait for the job that failed: they are pointed at the new
// one.
void Engine::repoint_children(Run& run, const Place& place, std::span<const PlannedNode> submitted) {
  std::vector<ControlTarget> targets;
  std::vector<NodeIndex> children;
  const auto current = run.current();
  for (const auto& planned : submitted) {
    const auto& parent = run.attempts[planned.node];
    if (!parent || parent->number < 2 || parent->native_id.empty()) continue;
    for (const auto& edge : run.graph.children(planned.node)) children.push_back(edge.node);
  }
  std::ranges::sort(children);
  children.erase(std::unique(children.begin(), children.end()), children.end());
  const auto by_failure = skipped_by_failure(run.graph, run.nodes, current);
  for (const auto child : children) {
    const auto& attempt = run.attempts[child];
    if (!attempt || attempt->native_id.empty() || run.nodes[child].state != NodeState::held) continue;
    ControlTarget target{attempt->native_id, {}, run.row.directory};
    for (const auto& edge : run.graph.parents(child)) {
      const auto* parent = current[edge.node];
      if (fate(edge.on, run.nodes[edge.node], parent, by_failure[edge.node]) == Fate::open && parent) {
        target.parents.emplace_back(edge.on, parent->native_id);
      }
    }
    targets.push_back(std::move(target));
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
  for (const auto& words : place.backend.control(Action::release, targets)) observer_.trouble(words);
  Recorder recorder(*this, run);
  for (const auto node : roots) {
    run.attempts[node]->state = AttemptState::submitted;
    recorder.attempt(node);
    recorder.state(node, NodeState::queued, "released");
  }
  recorder.commit();
}

// --- observe
// --------------------------------------------------------------------------------------------------------------

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
  for (auto* run : runs) {
    Pass pass{{*this, *run}, skipped_by_failure(run->graph, run->nodes, run->current()), {}, {}};
    for (const auto node : run->graph.order()) {  // parents first: a child's end is read in their light
      const auto& attempt = run->attempts[node];
      if (!attempt || attempt->state == AttemptState::ended || attempt->state == AttemptState::dropped)
        continue;
      const auto found = by_token.find(attempt->token);
      settle(*run, place.site, observation, found == by_token.end() ? none : found->second, node, pass);
    }
    if (observation.queue_seen) pass.recorder.observed();
    pass.recorder.commit();
    free_stranded(*run, place, pass);
    if (!pass.stop_reason.empty() && !run->row.stop_requested) stop(*run, place, pass.stop_reason);
  }
  place.backend.put_away(observation.spooled);
  return observation.queue_seen;
}

// PBS leaves a job waiting for ever whose parent was deleted before it had started. It is submitted again
// when a later pass has seen that it is gone.
void Engine::free_stranded(Run& run, const Place& place, Pass& pass) {
  if (pass.stranded.empty()) return;
  std::vector<ControlTarget> targets;
  for (const auto node : pass.stranded)
    targets.push_back({run.attempts[node]->native_id, {}, run.row.directory});
  for (const auto node : pass.stranded) {
    run.attempts[node]->reason = stranded;
    pass.recorder.attempt(node);
  }
  pass.recorder.commit();
  for (const auto& words : place.backend.control(Action::cancel, targets)) observer_.trouble(words);
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
    const bool waited = now - attempt.submitted.value_or(attempt.intended) >= site.settle;
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
  if (outcome->waiting &&
      attempt.reason == cancel_requested) {  // the signal was ours: no need to hear it from accounting
    outcome->waiting = false;
    outcome->state = JobState::cancelled;
  }
  if (outcome->waiting && now - report.ended.value_or(now) < site.settle) return;
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

  auto to = node_state(outcome->state);
  if (!terminal(to)) {
    if (to == NodeState::held && attempt.state == AttemptState::staged)
      return recorder.state(node, to, run.nodes[node].reason);
    if (to == NodeState::held && !report.dependency.empty() &&
        waits_for_nothing(run, site, node, pass.by_failure, now))
      pass.stranded.push_back(node);
    const auto waits_for = report.dependency.empty() || to != NodeState::held
                               ? report.reason
                               : report.reason + " " + report.dependency;
    recorder.state(node, to, to == NodeState::running ? report.host : waits_for, report.native);
    return;
  }

  const bool was_stranded = attempt.reason == stranded && !run.row.stop_requested;
  attempt.state = AttemptState::ended;
  attempt.ended = report.ended.value_or(now);
  attempt.exit_code = report.exit_code;
  attempt.signal = report.signal;
  auto reason = to == NodeState::completed ? std::string() : failure_text(outcome->state, report);
  attempt.reason = reason;
  recorder.attempt(node);
  for (const auto& [name, value] : report.results) recorder.result({node, attempt.number, name, value});

  if (to == NodeState::cancelled && was_stranded) {
    attempt.state = AttemptState::dropped;
    recorder.state(node, NodeState::pending, std::string(stranded) + "; to be submitted again");
    return;
  }
  if (to == NodeState::cancelled && !attempt.started && !run.row.stop_requested) {
    // Taken out before it ran. By the scheduler, if a parent's failure made it impossible; else by somebody.
    bool parent_tried_again = false;
    for (const auto& edge : run.graph.parents(node)) {
      const auto& parent = run.nodes[edge.node];
      if (fate(edge.on, parent, run.attempts[edge.node].get(), pass.by_failure[edge.node]) == Fate::broken) {
        to = NodeState::skipped;
        pass.by_failure[node] =
            edge.on != On::notok && (parent.state != NodeState::skipped || pass.by_failure[edge.node]);
        reason = why_broken(run.graph.node(edge.node).name, edge.on, parent.state);
        break;
      }
      // Pending once more: it was taken out itself, with a parent of its own that is tried again.
      parent_tried_again = parent_tried_again || parent.state == NodeState::retrying || parent.attempts > 1 ||
                           (parent.state == NodeState::pending && parent.attempts > 0);
    }
    if (to == NodeState::cancelled && parent_tried_again) {
      attempt.state = AttemptState::dropped;
      recorder.state(node, NodeState::pending,
                     "taken out by the scheduler with its failed parent; to be submitted again");
      return;
    }
  }
  if (to != NodeState::completed && to != NodeState::cancelled && to != NodeState::skipped)
    ++run.nodes[node].failures;
  if (to != NodeState::completed && retry_due(run, node, outcome->state)) {
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

// --- react
// ----------------------------------------------------------------------------------------------------------------

Submitted Engine::react(Run& run, const Place& place) {
  Submitted result;
  if (terminal(run.row.state)) return result;
  auto plan = make_plan(run.graph, run.nodes, run.current(), run.row.stop_requested);
  skip(run, place, plan.skip);
  place_jobs(run, place, plan, result);
  if (run.row.stop_requested)
    cancel(run, place, {});  // what a killed call left, and what was found meanwhile
  if (result.refused > 0) {  // what depends on the refused ones is skipped now
    skip(run, place, make_plan(run.graph, run.nodes, run.current(), true).skip);
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
  if (!targets.empty()) {
    for (const auto& words : place.backend.control(Action::cancel, targets)) observer_.trouble(words);
  }
  Recorder recorder(*this, run);
  for (const auto& each : skips) {
    if (const auto& attempt = run.attempts[each.node]; attempt && active(run.nodes[each.node].state)) {
      attempt->state = AttemptState::ended;
      attempt->ended = recorder.now();
      attempt->reason = "cancelled: " + each.reason;
      recorder.attempt(each.node);
    }
    recorder.state(each.node, NodeState::skipped, each.reason);
  }
  recorder.commit();
}

void Engine::stop(Run& run, const Place& place, const std::string& reason) {
  Recorder request(*this, run);
  request.stop_requested();
  request.run_state(run.row.state, reason);
  request.event(no_node, "stop", reason);
  request.commit();
  cancel(run, place, {});
}

void Engine::cancel(Run& run, const Place& place, std::span<const NodeIndex> nodes) {
  if (nodes.empty() && !run.row.stop_requested) return stop(run, place, "cancelled by the user");
  const std::unordered_set<NodeIndex> wanted(nodes.begin(), nodes.end());
  std::vector<ControlTarget> targets;
  std::vector<NodeIndex> asked;
  for (const auto node : run.graph.order()) {
    if (terminal(run.nodes[node].state) || (!wanted.empty() && !wanted.contains(node))) continue;
    const auto& attempt = run.attempts[node];
    if (attempt && attempt->reason == cancel_requested) continue;
    asked.push_back(node);
    if (active(run.nodes[node].state) && attempt && !attempt->native_id.empty()) {
      targets.push_back({attempt->native_id, {}, run.row.directory});
    }
  }
  std::ranges::reverse(targets);  // children before parents, so that none is set free by its parent's end
  if (!targets.empty()) {
    for (const auto& words : place.backend.control(Action::cancel, targets)) observer_.trouble(words);
  }
  Recorder recorder(*this, run);
  const auto reason =
      run.row.stop_requested && !run.row.reason.empty() ? run.row.reason : "cancelled by the user";
  for (const auto node : asked) {
    const auto& attempt = run.attempts[node];
    const auto state = run.nodes[node].state;
    const bool out =
        attempt && attempt->state != AttemptState::ended && attempt->state != AttemptState::dropped;
    if (out && attempt->native_id.empty()) continue;  // perhaps at the scheduler: first it has to be found
    if (state == NodeState::running || state == NodeState::unknown) {
      attempt->reason = cancel_requested;  // it ends when the scheduler says so
      recorder.attempt(node);
      recorder.event(node, cancel_requested, reason);
      continue;
    }
    if (out) {
      attempt->state = AttemptState::ended;
      attempt->ended = recorder.now();
      attempt->reason = reason;
      recorder.attempt(node);
    }
    recorder.state(node, NodeState::cancelled, reason);
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
