// What a user asks of a run, killed at every point, and asked for again: the run ends as if it had been asked
// once.
//
//   CATENA_CRASH_POINT=17      only this one; its folder is kept
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "crash_run.h"

namespace catena {
namespace {

class VerbRun : public CrashRun {
 public:
  VerbRun(const std::string& site, const std::string& at) : CrashRun(site) { at_ = at; }

  void cancel() {
    start();
    insist("cancel r");
    to_its_end();
  }
  void pause_and_resume() {
    start();
    insist("pause r");
    let_all_go();
    await([&] { return ended() == 4; });
    for (int i = 0; i < 3; ++i) {
      box.catena("sync r");
      std::this_thread::sleep_for(std::chrono::milliseconds(500));  // for what must not start
    }
    for (const char* started : {"start join", "start if_bad"}) {
      if (wrote(started)) complain(std::string(started) + " in a paused run");
    }
    if (count("start left") > 1) complain("left is tried again in a paused run");
    insist("resume r");
    to_its_end();
  }
  void recover() {
    start();
    let_all_go();
    to_its_end();
    box.write("mended", "");
    if (!mortal("recover r") && over()) {  // else it is being recovered, or is whole
      if (rows().front().state == RunState::failed) box.catena("recover r");
    }
    to_its_end();
  }
  void adopt() {
    start();
    std::filesystem::remove_all(box.dir / "home");
    if (!mortal("adopt catena-runs/crash-r --site " + box.site())) {
      said_ = box.catena("adopt catena-runs/crash-r --site " + box.site());
      const bool there = said_.err.find("in the store already") != std::string::npos;
      if (said_.status != 0 && !there) complain("it is not adopted: " + said_.err);
    }
    let_all_go();
    to_its_end();
  }

  // A job that runs has added two nodes; the pass that takes them in is killed.
  void extend() {
    box.write("more.yaml", "nodes:\n" + node("b", "") + node("c", "after: [b]"));
    auto adding = node("a", "");
    adding.insert(adding.find("      for i in"),
                  "      catena extend '" + (box.dir / "more.yaml").string() + "'\n");
    box.write("w.yaml", "name: crash\nnodes:\n" + adding);
    said_ = box.catena("run w.yaml --id r --site " + box.site());
    await([&] { return has_added(); });
    if (!mortal("sync r")) {
      box.catena("sync r");
    } else if (SqliteStore(box.dir / "home/catena.db", OpenMode::read_only).load("r").nodes.size() != 3) {
      complain("the pass does not take in what the job has added");
    }
    let_all_go();
    to_its_end();
  }

 private:
  // Three bodies run and wait to be let go on; the store knows it.
  void start() {
    said_ = box.catena("run w.yaml --id r --site " + box.site());
    let_go("a");
    await([&] { return wrote("start left") && wrote("start right") && wrote("start bad") && ended() == 1; });
    box.catena("sync r");
  }
  bool has_added() const {
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(run_directory() / ".catena/spool", error)) {
      const auto name = file.path().filename().string();
      if (name.find(".said.extend-") != name.npos && !name.ends_with(".part")) return true;
    }
    return false;
  }
  void insist(const std::string& call) {
    if (mortal(call)) {
      if (said_.status != 0) complain(call + ": " + said_.err);
      return;
    }
    said_ = box.catena(call);
    if (said_.status != 0) complain(call + ", again: " + said_.err);
  }
  void to_its_end() {
    box.until([&] { return over() || (said_ = box.catena("sync r"), over()); }, 60);
  }
};

struct Verb {
  std::string name;
  void (VerbRun::*story)();
  CrashRun::Ends ends;
  RunState run;
};

CrashRun::Ends with(std::initializer_list<CrashRun::Ends::value_type> others) {
  CrashRun::Ends all(others);
  all.insert(CrashRun::planned().begin(), CrashRun::planned().end());
  return all;
}

const std::vector<Verb>& verbs() {
  using S = NodeState;
  static const std::vector<Verb> all{
      {"cancel", &VerbRun::cancel,
       with({{"left", {S::cancelled, 1}},
             {"right", {S::cancelled, 1}},
             {"bad", {S::cancelled, 1}},
             {"join", {S::cancelled, 0}},
             {"after_bad", {S::cancelled, 0}},
             {"if_bad", {S::cancelled, 0}}}),
       RunState::cancelled},
      {"pause", &VerbRun::pause_and_resume, CrashRun::planned(), RunState::failed},
      {"recover", &VerbRun::recover, with({{"bad", {S::completed, 2}}, {"after_bad", {S::completed, 1}}}),
       RunState::completed},
      {"extend",
       &VerbRun::extend,
       {{"a", {S::completed, 1}}, {"b", {S::completed, 1}}, {"c", {S::completed, 1}}},
       RunState::completed},
      {"adopt", &VerbRun::adopt, CrashRun::planned(), RunState::failed},
  };
  return all;
}

class VerbCrash : public testing::TestWithParam<std::tuple<const char*, std::size_t>> {};

TEST_P(VerbCrash, KilledAtEachPointAndAskedForAgainTheRunEndsAsAskedOnce) {
  const std::string site = std::get<0>(GetParam());
  if (site == "slurm" && !getenv("CATENA_TEST_SLURM"))
    GTEST_SKIP() << "no private SLURM: scripts/test starts one";
  const auto& verb = verbs()[std::get<1>(GetParam())];
  VerbRun whole(site, "");
  (whole.*verb.story)();
  for (const auto& problem : whole.problems(verb.ends, verb.run))
    ADD_FAILURE() << "without a kill: " << problem;
  const auto points = whole.passed();
  ASSERT_GT(points.size(), 10U);
  const char* text = getenv("CATENA_CRASH_POINT");
  const std::size_t only = text && *text ? std::stoul(text) : 0;
  std::mutex mutex;
  std::set<std::string> died_at;  // points by name
  const auto kill_at = [&](const std::vector<std::string>& places) {
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> pool;
    for (int i = 0; i < 12; ++i) {
      pool.emplace_back([&] {
        for (auto at = next++; at < places.size() && !HasFailure(); at = next++) {
          VerbRun run(site, places[at]);
          (run.*verb.story)();
          const auto passed = run.passed();
          const auto died =
              std::ranges::find_if(passed, [](const std::string& name) { return name.ends_with(" HERE"); });
          if (died != passed.end()) {
            const std::lock_guard lock(mutex);
            died_at.insert(died->substr(0, died->rfind(' ')));
          }
          run.box.keep = only > 0;
          for (const auto& problem : run.problems(verb.ends, verb.run)) {
            run.box.keep = true;
            ADD_FAILURE() << "CATENA_CRASH_POINT=" << places[at] << " ("
                          << (died == passed.end() ? "" : *died) << ") in " << run.box.dir << ": " << problem;
          }
        }
      });
    }
    for (auto& thread : pool) thread.join();
  };
  if (only > 0) {
    kill_at({std::to_string(only)});
    EXPECT_EQ(died_at.size(), 1U);
    return;
  }
  std::vector<std::string> places;
  for (std::size_t at = 1; at <= points.size(); ++at) places.push_back(std::to_string(at));
  kill_at(places);
  kill_at(CrashRun::missed(points, died_at));
  EXPECT_THAT(CrashRun::missed(points, died_at), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Sites, VerbCrash,
                         testing::Combine(testing::Values("local", "slurm"),
                                          testing::Range(std::size_t{0}, verbs().size())),
                         [](const auto& it) {
                           return verbs()[std::get<1>(it.param)].name + "_" + std::get<0>(it.param);
                         });

}  // namespace
}  // namespace catena
