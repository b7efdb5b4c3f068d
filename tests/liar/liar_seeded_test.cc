// Random small graphs on a SLURM that lies, each drawn from a seed: catena is called again and again while
// the liar lies for a while and then tells the truth; then what catena says is compared with what was.
//
//   CATENA_LIAR_SEED=17 build/dev/tests/liar/liar_seeded_test    one seed again; a failure's folder is kept
//   CATENA_LIAR_SEEDS=500 …                                      that many in each block (50)
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "liar_run.h"

namespace catena {
namespace {

constexpr int threads = 12;  // most of the time is waiting
constexpr int default_seeds = 50;

struct DrawnNode {
  std::string name;
  std::vector<std::pair<std::string, int>> parents;  // ok, any, notok; which
  int failures = 0;                                  // so many of its bodies end with 3
  int retries = 0;
  bool slow = false;
};

using Drawn = std::vector<DrawnNode>;

Drawn draw(std::mt19937_64& random) {
  auto one_of = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Drawn nodes(static_cast<std::size_t>(3 + one_of(10)));
  for (int i = 0; i < static_cast<int>(nodes.size()); ++i) {
    auto& node = nodes[static_cast<std::size_t>(i)];
    node.name = fmt::format("n{}", i);
    std::set<int> parents;
    for (int k = i == 0 ? 0 : one_of(3); k > 0; --k) parents.insert(one_of(i));
    for (const int parent : parents) {
      const int kind = one_of(10);
      node.parents.emplace_back(kind < 6 ? "ok" : kind < 8 ? "any" : "notok", parent);
    }
    const int fails = one_of(20);
    node.failures = fails < 14 ? 0 : fails < 17 ? 1 : 99;
    node.retries = one_of(10) < 5 ? 0 : 1 + one_of(2);
    node.slow = one_of(4) == 0;
  }
  return nodes;
}

std::string yaml(const Drawn& nodes, const std::string& log) {
  std::string text = "name: drawn\nnodes:\n";
  for (const auto& node : nodes) {
    text += fmt::format("  {}:\n", node.name);
    std::string after;
    for (const auto& [on, parent] : node.parents)
      after += fmt::format("{}{{node: n{}, on: {}}}", after.empty() ? "" : ", ", parent, on);
    if (!after.empty()) text += "    after: [" + after + "]\n";
    if (node.retries > 0) text += fmt::format("    retry: {}\n", node.retries);
    text += "    run: |\n" +
            LiarRun::body(log, fmt::format("[ $(grep -c \"^start $CATENA_NODE \" '{}') -gt {} ] || exit 3{}",
                                           log, node.failures, node.slow ? "; sleep 0.3" : ""));
  }
  return text;
}

SlurmLiar::Settings draw_settings(std::mt19937_64& random, std::uint64_t seed) {
  using std::chrono::milliseconds;
  SlurmLiar::Settings settings;
  settings.seed = seed;
  settings.lying = 0.1 + 0.1 * static_cast<double>(random() % 4);
  settings.slots = 1 + static_cast<int>(random() % 4);
  settings.refuses_unknown_parents = random() % 2 == 0;
  settings.accounting_lag = milliseconds(random() % 3 * 600);
  const milliseconds ages[] = {milliseconds(1000), milliseconds(2000), std::chrono::minutes(5)};
  settings.min_job_age = ages[random() % 3];
  return settings;
}

// What is wrong, a sentence each.
class Audit {
 public:
  Audit(const Drawn& nodes, const LiarRun& run)
      : nodes_(nodes),
        run_(run),
        store_(run.box.dir / "home/catena.db", OpenMode::read_only),
        record_(store_.load("r")) {
    for (const auto& job : run.liar.jobs()) jobs_[job.node].push_back(job);
  }

  std::vector<std::string> problems() {
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      successes(i);
      rows(i);
      end(i);
    }
    events();
    whole_run();
    return std::move(problems_);
  }

 private:
  template <typename... Values>
  void say(fmt::format_string<Values...> text, Values&&... values) {
    problems_.push_back(fmt::format(text, std::forward<Values>(values)...));
  }
  NodeState state(NodeIndex i) const { return record_.nodes[i].state; }
  bool bad(NodeIndex i) const { return state(i) == NodeState::failed || state(i) == NodeState::timeout; }

  void successes(NodeIndex i) {
    const auto count = run_.count("ok", nodes_[i].name);
    const long expected = state(i) == NodeState::completed ? 1 : 0;
    if (count != expected)
      say("{} is {}, and its body succeeded {} times", nodes_[i].name, to_string(state(i)), count);
  }

  void rows(NodeIndex i) {
    std::map<std::string, std::string> rows;
    for (const auto& attempt : store_.attempts("r", i)) rows.emplace(attempt.token, attempt.native_id);
    std::set<std::string> seen;
    for (const auto& job : jobs_[nodes_[i].name]) {
      if (job.refused) continue;
      if (!seen.insert(job.token).second) say("{}: token {} has two jobs", job.node, job.token);
      const auto row = rows.find(job.token);
      if (row == rows.end()) {
        say("{}: job {} ({}) has no row in the store", job.node, job.id, job.token);
      } else if (!row->second.empty() && row->second != job.id) {
        say("{}: job {} is recorded as {}", job.node, job.id, row->second);
      }
    }
  }

  // Whether an edge can no longer be met, from how the parents ended.
  bool broken(NodeIndex i) {
    bool any = false;
    for (const auto& [on, at] : nodes_[i].parents) {
      const auto parent = static_cast<NodeIndex>(at);
      const bool skipped = state(parent) == NodeState::skipped;
      const bool breaks = on == "ok"      ? state(parent) != NodeState::completed
                          : on == "notok" ? !bad(parent) && !(skipped && by_failure_[parent])
                                          : false;
      any = any || breaks;
      if (breaks && on == "ok" && (!skipped || by_failure_[parent])) by_failure_[i] = true;
    }
    return any;
  }

  void end(NodeIndex i) {
    const auto& name = nodes_[i].name;
    const bool should_skip = broken(i);
    const auto refused = run_.liar.refused();
    const bool was_refused = std::ranges::find(refused, name) != refused.end();
    if (was_refused && state(i) == NodeState::failed) return;  // long before its parents ended, perhaps
    if (should_skip != (state(i) == NodeState::skipped))
      say("{} is {}, but its parents say that it {} run", name, to_string(state(i)),
          should_skip ? "cannot" : "can");
    if (state(i) == NodeState::skipped || state(i) == NodeState::completed) return;
    if (!bad(i)) return say("{} ended as {}, which nobody asked for", name, to_string(state(i)));
    int failures = 0;
    std::string last = "nothing";
    for (const auto& job : jobs_[name]) {
      if (job.refused || job.state == "CANCELLED") continue;
      last = job.state;
      failures += job.state == "COMPLETED" ? 0 : 1;
    }
    if (last == "nothing" || last == "COMPLETED" || last == "RUNNING" || last == "PENDING")
      say("{} is {}, but its last job is {}", name, to_string(state(i)), last);
    if ((last == "TIMEOUT") != (state(i) == NodeState::timeout))
      say("{} is {}, and its last job {}", name, to_string(state(i)), last);
    if (failures != nodes_[i].retries + 1)
      say("{} is {} after {} failures and {} retries", name, to_string(state(i)), failures,
          nodes_[i].retries);
  }

  void events() {
    std::map<NodeIndex, NodeState> before;
    for (const auto& event : store_.events("r", 0, no_node)) {
      if (event.kind != "state") continue;
      const auto from = node_state_from(event.from), to = node_state_from(event.to);
      if (!from || !to || !may_follow(*from, *to) || before[event.node] != *from)
        say("{}: {} -> {} after {}", nodes_[event.node].name, event.from, event.to,
            to_string(before[event.node]));
      if (to) before[event.node] = *to;
    }
  }

  void whole_run() {
    bool failed = false;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) failed = failed || bad(i);
    const auto expected = failed ? RunState::failed : RunState::completed;
    if (record_.run.state != expected)
      say("the run is {} and should be {}", to_string(record_.run.state), to_string(expected));
    for (const auto& job : run_.liar.jobs()) {
      if (job.state == "PENDING" || job.state == "RUNNING")
        say("job {} of {} is still {}", job.id, job.node, job.state);
    }
  }

  const Drawn& nodes_;
  const LiarRun& run_;
  SqliteStore store_;
  RunRecord record_;
  std::map<std::string, std::vector<SlurmLiar::Job>> jobs_;
  std::map<NodeIndex, bool> by_failure_;
  std::vector<std::string> problems_;
};

// What is wrong after the run of one seed; empty if all is well.
std::string run_seed(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto nodes = draw(random);
  LiarRun run(draw_settings(random, seed));
  std::string said = run.box.run("drawn", yaml(nodes, run.log()), "--id r").err;
  const auto lying_passes = 2 + random() % 8;
  bool over = false;
  for (std::uint64_t i = 0; i < lying_passes && !over; ++i) {
    over = run.passed();
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 300));
  }
  run.liar.tell_the_truth();
  over = over || run.box.until(
                     [&] {
                       std::this_thread::sleep_for(std::chrono::milliseconds(100));
                       return run.passed();
                     },
                     90);
  run.idle();
  std::string problems;
  if (over) {
    for (const auto& problem : Audit(nodes, run).problems()) problems += "  " + problem + "\n";
  } else {
    problems = "  the run does not end:\n" + run.box.catena("status r --offline").out;
  }
  if (!problems.empty()) {
    problems += "  kept in " + run.box.dir.string() + "\n";
    run.box.keep = true;
  }
  return problems;
}

class LiarSeeds : public testing::TestWithParam<int> {};

TEST_P(LiarSeeds, WhateverTheSchedulerSaysEachNodeSucceedsOnceAndNothingIsLeft) {
  const char* one = std::getenv("CATENA_LIAR_SEED");
  const char* many = std::getenv("CATENA_LIAR_SEEDS");
  const int count = one ? 1 : many ? std::stoi(many) : default_seeds;
  const auto first = one ? std::stoull(one) : static_cast<std::uint64_t>(1 + GetParam() * count);
  if (one && GetParam() != 0) GTEST_SKIP();
  std::atomic<int> next = 0;
  std::mutex mutex;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < std::min(threads, count); ++worker) {
    workers.emplace_back([&] {
      for (int i; (i = next++) < count;) {
        const auto seed = first + static_cast<std::uint64_t>(i);
        const auto problems = run_seed(seed);
        const std::lock_guard lock(mutex);
        if (!problems.empty()) ADD_FAILURE() << "CATENA_LIAR_SEED=" << seed << "\n" << problems;
      }
    });
  }
  for (auto& worker : workers) worker.join();
}

INSTANTIATE_TEST_SUITE_P(Blocks, LiarSeeds, testing::Range(0, 4));

}  // namespace
}  // namespace catena
