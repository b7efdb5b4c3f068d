// A scheduler in memory with a clock of its own, and kill points in everything that the engine calls: a
// SIGKILL is an exception that nothing catches but the driver, which goes on from what the store holds.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/clock.h"
#include "core/error.h"
#include "memory_store.h"

namespace catena {

struct Killed {};

// Counts the points that are passed and dies at those that are asked for.
class KillPoints {
 public:
  explicit KillPoints(std::vector<int> at = {}) : at_(std::move(at)) {}
  void point(const std::string& name) {
    ++passed_;
    names_.insert(name);
    if (next_ < at_.size() && passed_ == at_[next_]) {
      ++next_;
      passed_ = 0;  // the next one counts from here
      died_.push_back(name);
      throw Killed{};
    }
  }
  bool all_reached() const { return next_ == at_.size(); }
  const std::set<std::string>& names() const { return names_; }
  std::string died() const {
    std::string text;
    for (const auto& name : died_) text += (text.empty() ? "" : ", then ") + name;
    return text;
  }

 private:
  std::vector<int> at_;
  std::size_t next_ = 0;
  int passed_ = 0;
  std::set<std::string> names_;
  std::vector<std::string> died_;
};

class MortalStore : public MemoryStore {
 public:
  explicit MortalStore(KillPoints& points) : points_(points) {}
  void apply(const std::string& run, const Changes& changes, Time now) override {
    points_.point("before a write to the store");
    MemoryStore::apply(run, changes, now);
    points_.point("after a write to the store");
  }

 private:
  KillPoints& points_;
};

class NoTransport : public Transport {
 public:
  std::string where() const override { return "memory"; }
  CommandResult stream(const Command&, const ByteSource&, const ByteSink&) override { return {}; }
  void put(std::span<const FileToPut>, const std::string&, const Progress&) override {}
  FilesGot get(std::span<const FilesToGet>, const Progress&) override { return {}; }
  void make_directories(std::span<const std::string>) override {}
  std::optional<FileInfo> stat(const std::string&) override { return std::nullopt; }
  void read(const std::string&, std::uintmax_t, const std::function<void(std::string_view)>&) override {}
};

// What becomes of the jobs behind one that cannot let them go: SLURM leaves them queued, PBS deletes them.
enum class Family { slurm, pbs };

class SimulatedScheduler : public Backend {
 public:
  struct SimulatedJob {
    std::string id, token, node;
    std::vector<std::pair<On, std::string>> parents;
    bool held = false;
    JobState state = JobState::queued;
    std::optional<Time> started, ended;
    Time submitted{};
  };

  SimulatedScheduler(KillPoints& points, Clock& clock, Family family)
      : points_(points), clock_(clock), family_(family) {}

  std::map<std::string, int> fails;  // node: how many of its first runs fail
  std::set<std::string> endless;     // nodes that run until they are cancelled
  std::size_t most_jobs = 0;         // a user's limit; 0: none
  bool program_survives = false;     // the submission program goes on when catena dies in the middle
  std::vector<SimulatedJob> jobs;
  std::map<std::string, int> runs, successes;

  void prepare(const std::string&, std::span<const std::string>, std::span<const FileToPut>,
               const Progress&) override {
    points_.point("before staging");
  }

  void submit(const Submission& submission, const AnswerSink& sink) override {
    points_.point("before the submission program");
    std::vector<std::string> ids(submission.jobs.size());
    bool alive = true;
    for (std::size_t i = 0; i < submission.jobs.size(); ++i) {
      const auto answer = take(submission.jobs[i], i, ids);
      if (alive) {
        try {
          points_.point("after sbatch, before its reply");
          sink(answer);
          points_.point("after sbatch and its reply");
        } catch (const Killed&) {
          if (!program_survives) throw;
          alive = false;
        }
      }
      if (answer.kind == Answer::Kind::limited) break;
    }
    if (!alive) throw Killed{};
  }

  Observation observe(std::span<const JobRef> asked) override {
    points_.point("before a query");
    Observation observation;
    observation.queue_seen = observation.accounting_seen = true;
    for (const auto& job : jobs) {
      if (std::ranges::none_of(asked, [&](const JobRef& ref) { return ref.token == job.token; })) continue;
      observation.reports.push_back(report(job));
    }
    points_.point("after a query");
    return observation;
  }

  std::optional<std::size_t> queued() override {
    points_.point("before the queue is counted");
    return static_cast<std::size_t>(std::ranges::count_if(jobs, live));
  }
  std::vector<std::string> control(Action action, std::span<const ControlTarget> targets) override {
    std::vector<std::string> refused;
    for (const auto& target : targets) {
      points_.point("before a control command");
      act(action, target, refused);
    }
    points_.point("after a control command");
    return refused;
  }
  void put_away(const std::vector<std::string>&) override { points_.point("before records are put away"); }
  Transport& transport() override { return transport_; }

  // One step of time: what runs ends, what may start starts.
  void step() {
    for (auto& job : jobs) {
      if (job.state == JobState::running && !endless.contains(job.node))
        end(job, runs[job.node] <= fails[job.node] ? JobState::failed : JobState::completed);
    }
    for (auto& job : jobs) {
      if (job.state != JobState::queued || job.held || !allowed(job)) continue;
      job.state = JobState::running;
      job.started = clock_.now();
      ++runs[job.node];
    }
  }

  static bool live(const SimulatedJob& job) {
    return job.state == JobState::queued || job.state == JobState::running;
  }

 private:
  SimulatedJob* find(const std::string& id) {
    const auto found = std::ranges::find(jobs, id, &SimulatedJob::id);
    return found == jobs.end() ? nullptr : &*found;
  }

  Answer take(const Job& job, std::size_t place, std::vector<std::string>& ids) {
    Answer answer;
    answer.job = place;
    SimulatedJob made;
    for (const auto& dependency : job.dependencies) {
      const auto id = dependency.in_submission ? ids[*dependency.in_submission] : dependency.native_id;
      if (id.empty()) {
        answer.kind = Answer::Kind::skipped;
        return answer;
      }
      made.parents.emplace_back(dependency.on, id);
    }
    const auto in_queue = static_cast<std::size_t>(std::ranges::count_if(jobs, live));
    if (most_jobs > 0 && in_queue >= most_jobs) {
      answer.kind = Answer::Kind::limited;
      answer.text = "AssocMaxSubmitJobLimit";
      return answer;
    }
    answer.kind = Answer::Kind::accepted;
    made.id = ids[place] = answer.native_id = std::to_string(100 + jobs.size());
    made.token = job.token;
    made.node = job.name.substr(0, job.name.rfind('.'));
    made.held = job.held;
    made.submitted = clock_.now();
    jobs.push_back(std::move(made));
    return answer;
  }

  void act(Action action, const ControlTarget& target, std::vector<std::string>& refused) {
    auto* job = find(target.native_id);
    if (!job || !live(*job)) {
      if (action != Action::cancel) refused.push_back(target.native_id + ": no such job");
      return;
    }
    switch (action) {
      case Action::release:
        job->held = false;
        break;
      case Action::hold:
        if (job->state == JobState::queued) job->held = true;
        break;
      case Action::cancel:
        end(*job, JobState::cancelled);
        break;
      case Action::repoint:
        job->parents = target.parents;
        break;
    }
  }

  enum class Edge { met, open, never };
  Edge edge(On on, const std::string& id) {
    const auto* parent = find(id);
    if (!parent) return Edge::never;
    if (on == On::start) return parent->started ? Edge::met : live(*parent) ? Edge::open : Edge::never;
    if (live(*parent)) return Edge::open;
    const bool good = parent->state == JobState::completed;
    return on == On::any || (on == On::ok) == good ? Edge::met : Edge::never;
  }
  bool allowed(const SimulatedJob& job) {
    return std::ranges::all_of(job.parents,
                               [&](const auto& p) { return edge(p.first, p.second) == Edge::met; });
  }
  void end(SimulatedJob& job, JobState how) {
    const auto id = job.id;
    job.state = how;
    job.ended = clock_.now();
    if (how == JobState::completed) ++successes[job.node];
    if (family_ != Family::pbs) return;
    for (auto& child : jobs) {
      if (child.state == JobState::queued && std::ranges::any_of(child.parents, [&](const auto& p) {
            return p.second == id && edge(p.first, id) == Edge::never;
          }))
        end(child, JobState::cancelled);
    }
  }

  Report report(const SimulatedJob& job) {
    Report report;
    report.token = job.token;
    report.native_id = job.id;
    report.source = live(job) ? Evidence::queue : Evidence::accounting;
    report.state = job.state;
    report.submitted = job.submitted;
    report.started = job.started;
    report.ended = job.ended;
    if (job.state == JobState::queued && (job.held || !allowed(job))) report.state = JobState::held;
    if (job.state == JobState::failed) report.exit_code = 1;
    if (job.state == JobState::completed) report.exit_code = 0;
    for (const auto& [on, id] : job.parents) {
      if (edge(on, id) != Edge::met)
        report.dependency += (report.dependency.empty() ? "" : ",") + std::string(to_string(on)) + ":" + id;
    }
    return report;
  }

  KillPoints& points_;
  Clock& clock_;
  Family family_;
  NoTransport transport_;
};

}  // namespace catena
