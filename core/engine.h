// The engine's passes: submit, observe, react. Each step is in the store before the next is taken, so that
// catena may be killed between any two instructions and the next call goes on from there. Holds no state of
// its own between calls.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/clock.h"
#include "core/extension.h"
#include "core/job_writer.h"
#include "core/observer.h"
#include "core/plan.h"
#include "core/site.h"
#include "core/store.h"

namespace catena {

// A run in memory, as the store has it.
struct Run {
  RunRow row;
  Workflow workflow;
  Graph graph;
  std::vector<NodeRow> nodes;                      // by NodeIndex
  std::vector<std::unique_ptr<Attempt>> attempts;  // by NodeIndex: the current one, or nullptr

  std::vector<const Attempt*> current() const;
};

Run make_run(RunRecord record, Workflow workflow, Graph graph);

// Where the runs of one site are carried out.
struct Place {
  const Site& site;
  Backend& backend;
  const Dialect* dialect = nullptr;  // nullptr: the local backend
  // The files that a node's inputs are made of: copies, and rendered texts. Throws Error(config, not_found).
  std::function<std::vector<FileToPut>(const JobWriter&, NodeIndex, const Rendered&)> input_files;
  // Where a node's outputs are brought to on this machine, as soon as it has completed; empty: they stay
  // where they are. A run has not ended before.
  std::function<std::filesystem::path(const RunRow&, const std::string& node)> outputs_to = {};
  // What is put into the run's directory before its first job: what the run is known by there.
  std::function<std::vector<FileToPut>(const RunRow&)> run_files = {};
  // The run with what jobs have added to it; nothing if it has all of that already. Throws Error(config,
  // not_found) with every mistake, any other kind where it cannot be said for now.
  std::function<std::optional<Extended>(const RunRow&, std::span<const Extension>)> extend = {};
};

struct Submitted {
  std::size_t accepted = 0, refused = 0, not_tried = 0, unsure = 0;
  std::size_t waiting = 0;  // for room: the user may not have more jobs in the queue
  std::size_t later = 0;    // for the end of a parent: Plan::later, Answer::Kind::parent_gone
  bool limited = false;     // the scheduler has said so, at limited_node
  NodeIndex limited_node = no_node;
  std::string refusal;  // the first one's text, in the scheduler's words
  std::string trouble;  // why jobs were not tried or are unsure, in the scheduler's words
};

class Engine {
 public:
  Engine(Store& store, Clock& clock, Observer& observer)
      : store_(store), clock_(clock), observer_(observer) {}

  // Asks the place once for all active jobs of these runs and records what it said. Trouble changes no state.
  // False: the site could not be asked.
  bool observe(std::span<Run* const> runs, const Place& place);

  // Acts on what is recorded: skips what can no longer run, submits what is due (roots held, then the
  // dependencies read back and the roots released), ends the run. A run's first submission is this, too.
  Submitted react(Run& run, const Place& place);

  // Cancels these nodes, or the whole run if none is named. Safe to repeat.
  void cancel(Run& run, const Place& place, std::span<const NodeIndex> nodes);

  // Nothing more is submitted or started; what runs goes on. Each safe to repeat; the run must not have
  // ended.
  void pause(Run& run, const Place& place);
  void resume(Run& run);  // react() releases and submits then

  // Takes up ended nodes again, and what was skipped because of them: react() then submits them. A run that
  // had ended is `recovering`. Throws Error(conflict) if one of them has not ended.
  // `snapshot`: what run.workflow was read from, where that is not the recorded text any more.
  void reopen(Run& run, std::span<const NodeIndex> nodes, const std::string& why,
              std::optional<Snapshot> snapshot = std::nullopt);

  // Gives nodes that do not run an end by the user's word: completed, failed or skipped. A job that waits is
  // taken out of the queue, its children wait for the rest of their parents; after `completed` what was
  // skipped because of them is taken up again. Throws Error(conflict) for a node that runs, or may.
  void mark(Run& run, const Place& place, std::span<const NodeIndex> nodes, NodeState end);

 private:
  class Recorder;
  void place_jobs(Run& run, const Place& place, const Plan& plan, Submitted& result);
  void submit_window(Run& run, const Place& place, const JobWriter& writer,
                     std::span<const PlannedNode> window, Submitted& result);
  void take_answer(Recorder& recorder, Run& run, const Job& job, const Answer& answer, Submitted& result);
  void check_dependencies(Run& run, const Place& place, std::span<const PlannedNode> submitted);
  void repoint_children(Run& run, const Place& place, std::span<const NodeIndex> parents,
                        std::span<const NodeRow> rows, std::span<const PlannedNode> but = {});
  std::size_t room(Run& run, const Place& place, std::size_t wanted);
  void learn_limit(Run& run, const Place& place, Submitted& result);
  void put_off(Run& run, const Plan& plan, Submitted& result);
  void wait_for_room(Run& run, const Plan& plan, Submitted& result);
  void hold_back(Run& run, const Place& place);
  void carry_out_marks(Run& run, const Place& place);
  bool end_services(Run& run, const Place& place);
  static void end_service(Recorder& recorder, Run& run, NodeIndex node, const std::string& native = {});
  void resubmit_missing(Run& run, const Place& place, std::span<const NodeIndex> children);
  void drop_met_dependencies(Run& run, const Place& place, std::span<const NodeIndex> nodes);
  void release(Run& run, const Place& place);
  void skip(Run& run, const Place& place, const std::vector<Skip>& skips);
  void stop(Run& run, const Place& place, const std::string& reason);
  struct Extensions {
    std::map<NodeIndex, std::string> refused;  // and why: their nodes fail when they have ended
    std::set<NodeIndex> later;                 // could not be looked at: their nodes' ends wait
    std::vector<std::pair<std::string, NodeIndex>>
        files;  // of both: to be read again until their nodes have ended
  };
  Extensions extend(Run& run, std::span<const SaidRecord* const> said, const Place& place);
  void grow(Run& run, const std::set<NodeIndex>& by, Extended extended);
  struct Pass;
  void settle(Run& run, const Site& site, const Observation& observation,
              std::span<const Report* const> reports, NodeIndex node, Pass& pass);
  void take_in(Run& run, std::span<const SaidRecord* const> said, Pass& pass);
  void tell(Recorder& recorder, const Run& run, NodeIndex node, const std::string& kind,
            const std::string& text, Time at);
  void show_progress(Run& run, std::span<const SaidRecord* const> said, Pass& pass);
  const Edge* broken_edge(const Run& run, NodeIndex node, Pass& pass) const;
  void submit_again(Recorder& recorder, Run& run, NodeIndex node, const std::string& why);
  bool take_out(const Run& run, std::span<const NodeIndex> nodes, const Place& place);
  bool settle_gone(Run& run, NodeIndex node, bool accounting_seen, Pass& pass);
  static void set_reason(Recorder& recorder, Run& run, std::span<const NodeIndex> nodes, const char* reason);
  std::vector<NodeIndex> held_fast(Recorder& recorder, Run& run, std::span<const NodeIndex> nodes,
                                   const Place& place);
  void free_stranded(Run& run, const Place& place, Pass& pass);
  void stage_out(Run& run, const Place& place);
  void finish(Run& run, const Place& place);

  Store& store_;
  Clock& clock_;
  Observer& observer_;
};

// What several reports of one job add up to: an exit record first, then accounting, then the queue. A signal
// from outside (time limit, cancel) is explained by accounting where it has a word. nullopt: nothing is
// known.
struct Outcome {
  JobState state = JobState::unknown;
  Report report;         // the facts, filled from every source
  bool waiting = false;  // it has ended, but the source that would say how has not spoken yet
};
std::optional<Outcome> merge(std::span<const Report* const> reports);

// What a place is asked by for the node's current job.
JobRef job_ref(const Run& run, NodeIndex node);

// The tokens and ids of a run's jobs that are or may be at the scheduler.
std::vector<JobRef> active_jobs(const Run& run);

// One line for a failed attempt: "exit 3", "killed by signal 9", "output missing: pw.out", "out of memory".
std::string failure_text(JobState state, const Report& report);

}  // namespace catena
