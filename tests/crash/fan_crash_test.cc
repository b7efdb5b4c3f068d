// A fan of real jobs, some of which fail and are tried again, driven by a program that is killed every few
// seconds, whatever it does: ends complete, with one success a node and nothing left in the queue.
//
//   CATENA_FAN=1000         that many jobs (1000)
//   CATENA_CRASH_SEED=1     draws the kills, and which attempts fail
#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <random>

#include "crash_run.h"

namespace catena {
namespace {

int number(const char* name, int otherwise) {
  const char* text = getenv(name);
  return text && *text ? std::stoi(text) : otherwise;
}

class FanCrash : public testing::Test {
 protected:
  void SetUp() override {
    if (!getenv("CATENA_TEST_SLURM")) GTEST_SKIP() << "no private SLURM: scripts/test starts one";
    box.write("sites/slurm.ini",
              "[scheduler]\nkind = slurm\npoll = 1s\nsettle = 4s\n[transport]\nkind = local\n");
    // 5 % of the attempts fail, always the same ones.
    box.write("w.yaml", fmt::format("name: fan\nnodes:\n"
                                    "  root:\n    run: 'true'\n"
                                    "  work:\n    after: [root]\n    foreach: {{i: 1..{0}}}\n"
                                    "    retry: {{max: 5, backoff: 0s}}\n    run: |\n"
                                    "      echo \"start $CATENA_NODE $CATENA_TOKEN\" >> '{1}'\n"
                                    "      drawn=$(echo \"{2} $CATENA_NODE $CATENA_ATTEMPT\" | cksum)\n"
                                    "      [ $((${{drawn%% *}} % 20)) != 0 ] || exit 1\n"
                                    "      echo \"end $CATENA_NODE $CATENA_TOKEN\" >> '{1}'\n"
                                    "  gather:\n    after: [work]\n    run: |\n"
                                    "      echo \"start $CATENA_NODE $CATENA_TOKEN\" >> '{1}'\n"
                                    "      echo \"end $CATENA_NODE $CATENA_TOKEN\" >> '{1}'\n",
                                    jobs, (box.dir / "log").string(), seed));
  }
  // Runs `catena ARGUMENTS` and kills it after this time. Its exit status; nullopt: it was killed.
  std::optional<int> killed_after(std::vector<std::string> arguments, std::chrono::milliseconds time) const {
    arguments.insert(arguments.begin(), CATENA_BINARY);
    std::vector<char*> argv;
    for (auto& word : arguments) argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto out = (box.dir / "said").string();
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t pid = -1;
    const int error = posix_spawn(&pid, CATENA_BINARY, &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) throw std::runtime_error("catena cannot be started");
    const auto end = std::chrono::steady_clock::now() + time;
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        continue;
      }
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      break;
    }
    return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
  }
  bool over() const {
    if (!std::filesystem::exists(box.dir / "home/catena.db")) return false;
    const auto runs = SqliteStore(box.dir / "home/catena.db", OpenMode::read_only).runs({"r", false, 1});
    return !runs.empty() && terminal(runs.front().state);
  }

  const int jobs = number("CATENA_FAN", 1000), seed = number("CATENA_CRASH_SEED", 1);
  Sandbox box{"slurm"};
};

TEST_F(FanCrash, KilledEveryFewSecondsAFanEndsCompleteWithOneSuccessANode) {
  setenv("CATENA_HOME", (box.dir / "home").c_str(), 1);
  setenv("CATENA_SITE_PATH", (box.dir / "sites").c_str(), 1);
  std::mt19937 random(static_cast<unsigned>(seed));
  const auto some_time = [&] { return std::chrono::milliseconds(100 + random() % 3900); };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(9);
  int kills = 0;
  const auto file = (box.dir / "w.yaml").string();
  while (!over() && std::chrono::steady_clock::now() < limit) {
    const bool recorded = box.catena("status r --offline").status == 0;
    const auto said = recorded ? killed_after({"wait", "r"}, some_time())
                               : killed_after({"run", file, "--site", "slurm", "--id", "r"}, some_time());
    kills += said ? 0 : 1;
  }
  ASSERT_TRUE(over()) << kills << " kills; " << box.catena("status r").out << box.read("said");
  EXPECT_GT(kills, 3);

  SqliteStore store(box.dir / "home/catena.db", OpenMode::read_only);
  const auto record = store.load("r");
  EXPECT_EQ(to_string(record.run.state), "completed") << record.run.reason;
  std::map<std::string, int> starts, ends;
  for (const auto& line : split(box.read("log"), '\n')) {
    const auto words = split(line, ' ');
    ASSERT_EQ(words.size(), 3U) << line;
    ++(words[0] == "start" ? starts : ends)[words[1]];
  }
  std::map<std::string, Attempt> attempts;
  int failed = 0;
  for (const auto& node : store.nodes("r", Which::all, 0)) {
    EXPECT_EQ(to_string(node.row.state), "completed") << node.name;
    int ran = 0;
    for (const auto& attempt : store.attempts("r", node.node)) {
      EXPECT_FALSE(is_out(&attempt)) << node.name;
      ran += attempt.exit_code ? 1 : 0;
      attempts[attempt.token] = attempt;
    }
    if (node.name == "root") continue;
    EXPECT_EQ(ends[node.name], 1) << node.name;
    EXPECT_EQ(starts[node.name], ran) << node.name << " ran without a row, or has a row that did not run";
    failed += ran - 1;
  }
  EXPECT_GE(failed, jobs / 50) << "few have failed";

  const auto mine = [&](std::vector<KnownJob> all) {
    std::erase_if(all,
                  [&](const KnownJob& job) { return !job.directory.starts_with(box.dir.string() + "/"); });
    return all;
  };
  std::vector<KnownJob> known;
  EXPECT_TRUE(box.until([&] { return std::ranges::none_of(mine(squeue()), live); }, 20))
      << "left in the queue";
  EXPECT_TRUE(box.until(
      [&] {
        known = mine(sacct("now-1hour"));
        return static_cast<int>(known.size()) >= jobs + 2 + failed;
      },
      60))
      << "accounting has " << known.size() << " jobs";
  std::map<std::string, std::string> by_token;
  for (const auto& job : known) {
    const auto [first, fresh] = by_token.try_emplace(job.token(), job.id);
    EXPECT_TRUE(fresh || first->second == job.id) << job.name << ": " << first->second << " and " << job.id;
    const auto row = attempts.find(job.token());
    ASSERT_NE(row, attempts.end()) << job.name << " (" << job.id << ") has no row";
    EXPECT_EQ(row->second.native_id, job.id) << job.name;
  }
  fmt::print("{} jobs, {} failed attempts, {} attempts that were never queued, {} kills\n", known.size(),
             failed, attempts.size() - by_token.size(), kills);
  if (HasFailure()) box.keep = true;
}

}  // namespace
}  // namespace catena
