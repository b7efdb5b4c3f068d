// The program killed by SIGKILL at every point where it writes to its store or asks the world for something,
// on this machine's backend and on the real SLURM; and cut off at every such point from a login node: each
// node succeeds once, no token has two jobs, no job is without a row, and nothing is left in the queue.
//
//   CATENA_CRASH_POINT=17      only this one (or "17,5": killed again 5 points later); its folder is kept
//   CATENA_CRASH_SECOND=all    a second kill at each point after each first one, not at a drawn one
//   CATENA_CRASH_SEED=1        draws the second ones
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <random>

#include "crash_run.h"

namespace catena {
namespace {

constexpr std::size_t threads = 12;  // most of the time is waiting

std::string variable(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

class RealCrash : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (site() != "local" && !getenv("CATENA_TEST_SLURM"))
      GTEST_SKIP() << "no private SLURM: scripts/test starts one";
    if (site() == "ssh" && !getenv("CATENA_TEST_SSH"))
      GTEST_SKIP() << "no private SSH servers: scripts/test starts them";
  }
  static std::string site() { return GetParam(); }

  // A run without a kill: the points, in their order.
  static std::vector<std::string> all_points() {
    CrashRun run(site());
    EXPECT_TRUE(run.story("")) << "killed without being told to";
    for (const auto& problem : run.problems()) ADD_FAILURE() << "without a kill: " << problem;
    return run.passed();
  }

  // One run for each of these, many at a time; what they died of is kept.
  void kill_at(const std::vector<std::string>& places) {
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> pool;
    for (std::size_t i = 0; i < threads; ++i) {
      pool.emplace_back([&] {
        for (auto at = next++; at < places.size() && !HasFailure(); at = next++) kill_at(at, places[at]);
      });
    }
    for (auto& thread : pool) thread.join();
    if (site() != "local" && !HasFailure()) ask_accounting();
  }

  void kill_at(std::size_t index, const std::string& place) {
    auto run = std::make_unique<CrashRun>(site());
    const bool twice = place.find(',') != std::string::npos;
    if (!run->story(place)) run->go_on(index % 2 == 0, twice);
    std::string names;
    int deaths = 0;
    for (const auto& point : run->passed()) {
      if (!point.ends_with(here)) continue;
      const auto name = point.substr(0, point.size() - here.size());
      names += (names.empty() ? "" : ", then ") + name;
      ++deaths;
      const std::lock_guard lock(mutex_);
      died_.insert(name);
    }
    run->box.keep = !variable("CATENA_CRASH_POINT").empty();
    for (const auto& problem : run->problems()) {
      run->box.keep = true;
      ADD_FAILURE() << "CATENA_CRASH_POINT=" << place << " (" << names << ") in " << run->box.dir << ": "
                    << problem;
    }
    const std::lock_guard lock(mutex_);
    deaths_at_[place] = deaths;
    if (site() != "local") runs_.push_back(std::move(run));
  }

  // All that SLURM's accounting has of these runs; it comes a second or two later.
  void ask_accounting() {
    std::vector<KnownJob> jobs;
    Sandbox().until(
        [&] {
          jobs = sacct("now-1hour");
          return std::ranges::all_of(runs_, [&](const auto& run) { return run->all_known(jobs); });
        },
        30);
    for (const auto& run : runs_) {
      for (const auto& problem : run->problems_with(jobs))
        ADD_FAILURE() << "sacct, of " << run->box.dir << ": " << problem;
    }
    runs_.clear();
  }

  static constexpr std::string_view here = " HERE";
  std::mutex mutex_;
  std::vector<std::unique_ptr<CrashRun>> runs_;
  std::set<std::string> died_;            // at these points, by name
  std::map<std::string, int> deaths_at_;  // by place: 0, where the run was over before
};

TEST_P(RealCrash, KilledAtEachPointByNameARunEndsAsPlanned) {
  const auto points = all_points();
  ASSERT_GT(points.size(), 60U);
  std::vector<std::string> places;
  // Beside a login node the points are those of `slurm`, and each connection takes its time: some of them.
  const std::size_t step = site() == "ssh" && variable("CATENA_CRASH_ALL").empty() ? 4 : 1;
  for (std::size_t i = 1; i <= points.size(); i += step) places.push_back(std::to_string(i));
  if (const auto only = variable("CATENA_CRASH_POINT"); !only.empty()) places = {only};
  kill_at(places);
  if (HasFailure() || places.size() < points.size()) return;
  kill_at(CrashRun::missed(points, died_));
  EXPECT_THAT(CrashRun::missed(points, died_), testing::IsEmpty());
}

TEST_P(RealCrash, Scenarios3And4KilledAgainWhileItIsTakenUpARunEndsAsPlanned) {
  const auto all = variable("CATENA_CRASH_SECOND") == "all";
  const auto seed = variable("CATENA_CRASH_SEED").empty() ? 1 : std::stoi(variable("CATENA_CRASH_SEED"));
  std::mt19937 random(static_cast<unsigned>(seed));
  const auto points = all_points().size();
  std::vector<std::string> firsts;
  // Over a wire it takes longer: some of them.
  for (std::size_t i = 1; i <= points; i += site() == "ssh" && !all ? 4 : 1)
    firsts.push_back(std::to_string(i));
  const auto cases = firsts.size();
  // With `all`, until the run is over before the second is reached, whatever the first was.
  for (int second = 1; !firsts.empty() && !HasFailure(); ++second) {
    std::vector<std::string> places;
    for (const auto& first : firsts)
      places.push_back(fmt::format("{},{}", first, all ? second : 1 + static_cast<int>(random() % 30)));
    kill_at(places);
    if (!all) break;
    std::vector<std::string> longer;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (deaths_at_[places[i]] == 2) longer.push_back(firsts[i]);
    }
    firsts = std::move(longer);
  }
  std::size_t twice = 0;
  for (const auto& [place, deaths] : deaths_at_) twice += deaths == 2 ? 1 : 0;
  EXPECT_GT(twice, cases / 2) << "few were killed twice";
}

INSTANTIATE_TEST_SUITE_P(Sites, RealCrash, testing::Values("local", "slurm", "ssh"),
                         [](const auto& it) { return std::string(it.param); });

}  // namespace
}  // namespace catena
