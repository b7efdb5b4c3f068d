// One run of a small graph by the real program that is killed on its way, taken up again, and then compared
// with what the scheduler and the bodies themselves say happened.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapters/local/job_table.h"
#include "adapters/local/line_file.h"
#include "adapters/store/sqlite_store.h"
#include "cut_proxy.h"
#include "known_jobs.h"

namespace catena {

class CrashRun {
 public:
  explicit CrashRun(const std::string& site) : box(site) {
    box.write("sites/slurm.ini",
              "[scheduler]\nkind = slurm\npoll = 1s\nsettle = 3s\n[transport]\nkind = local\n");
    box.write("sites/local.ini",
              "[scheduler]\nkind = local\nsettle = 1s\n[limits]\ncpus = 8\nmemory = 8G\nkill_grace = 1s\n");
    if (site == "ssh") through_a_proxy();
    box.write("w.yaml", workflow());
  }
  virtual ~CrashRun() { done_ = true; }
  CrashRun(const CrashRun&) = delete;
  CrashRun& operator=(const CrashRun&) = delete;

  // How a node ends, and how often its body starts; that of a node that completes ends once.
  struct End {
    NodeState state;
    int starts;
  };
  using Ends = std::map<std::string, End>;
  static const Ends& planned() {
    static const Ends all{
        {"a", {NodeState::completed, 1}},      {"left", {NodeState::completed, 2}},
        {"right", {NodeState::completed, 1}},  {"join", {NodeState::completed, 1}},
        {"bad", {NodeState::failed, 1}},       {"after_bad", {NodeState::skipped, 0}},
        {"if_bad", {NodeState::completed, 1}},
    };
    return all;
  }

  // A diamond whose left side fails the first time, what follows a failure, and what follows it not.
  std::string workflow() const {
    return "name: crash\nnodes:\n" + node("a", "") +
           node("left", "after: [a], retry: {max: 1, backoff: 0s}",
                fmt::format("[ \"$(grep -c '^start left ' '{0}')\" -gt 1 ] || {{ echo \"fail left "
                            "$CATENA_TOKEN\" >> '{0}'; exit 1; }}",
                            log())) +
           node("right", "after: [a]") + node("join", "after: [left, {node: right, on: any}]") +
           node("bad", "after: [a]",
                fmt::format("[ -e '{}/mended' ] || {{ echo \"fail bad $CATENA_TOKEN\" >> '{}'; exit 3; }}",
                            box.dir.string(), log())) +
           node("after_bad", "after: [bad]") + node("if_bad", "after: {node: bad, on: notok}");
  }

  // The whole story by the program with kill points, which is killed where `at` says (CATENA_CRASH_AT). The
  // bodies wait to be let go on, so that each call finds the same every time. False: it was killed, or cut
  // off.
  bool story(const std::string& at) {
    at_ = at;
    if (!mortal("run w.yaml --id r --site " + box.site())) return false;
    let_go("a");
    await([&] { return wrote("start left") && wrote("start right") && wrote("start bad") && ended() == 1; });
    if (!mortal("sync r")) return false;
    for (const char* name : {"left", "right", "bad"}) let_go(name);
    await([&] { return wrote("start if_bad") && ended() == 4; });
    if (!mortal("sync r")) return false;
    let_all_go();
    await([&] { return wrote("end join") && ended() == 7; });
    for (int i = 0; i < 10 && !over(); ++i) {
      if (!mortal("sync r")) return false;
    }
    return true;
  }

  // What a user does after it: calls again, until the run has ended. `mortal_again`: the first of these calls
  // is by the program that is killed, too. Both ways of going on are taken: `wait`, and `sync` again and
  // again.
  void go_on(bool by_sync, bool mortal_again) {
    let_all_go();
    if (!recorded()) submitted_before_recorded_ = !all_jobs().empty();
    for (int i = 0; i < 300 && !over(); ++i) {
      std::string call = by_sync ? "sync r" : "wait r --timeout 100s";
      if (!recorded()) call = "run w.yaml --id r --site " + box.site();
      if (mortal_again) {
        mortal_again = mortal(call);
      } else {
        said_ = box.catena(call);
      }
      if (by_sync) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
  }

  // What is wrong, a sentence each; empty: all is well.
  std::vector<std::string> problems(const Ends& ends = planned(), RunState run = RunState::failed) {
    if (!over()) {
      complain("the run does not end: " + said_.out + said_.err + box.catena("status r").out);
      return problems_;
    }
    if (submitted_before_recorded_) complain("a job was submitted of a run that is not recorded");
    SqliteStore store(box.dir / "home/catena.db", OpenMode::read_only);
    const auto record = store.load("r");
    const auto nodes = store.nodes("r", Which::all, 0);
    for (const auto& each : nodes) {
      const auto wanted = ends.at(each.name);
      if (each.row.state != wanted.state)
        complain(fmt::format("{} is {} ({})", each.name, to_string(each.row.state), each.row.reason));
      for (const auto& attempt : store.attempts("r", each.node)) {
        attempts_[attempt.token] = attempt;
        if (is_out(&attempt)) complain(fmt::format("{}: an attempt is still out", each.name));
      }
      if (count("start " + each.name) != wanted.starts)
        complain(fmt::format("{} was started {} times", each.name, count("start " + each.name)));
      if (count("end " + each.name) != (wanted.state == NodeState::completed ? 1 : 0))
        complain(fmt::format("{} succeeded {} times", each.name, count("end " + each.name)));
    }
    if (record.run.state != run) complain(fmt::format("the run is {}", to_string(record.run.state)));
    for (const auto& line : split(box.read("log"), '\n')) {
      if (!attempts_.contains(line.substr(line.rfind(' ') + 1))) complain("without a row: " + line);
    }
    box.until([&] { return std::ranges::none_of(all_jobs(), live); }, 20);
    check_jobs(all_jobs(), box.site() == "local");  // squeue forgets what has ended
    return problems_;
  }

  // Whether these are all jobs that have run.
  bool all_known(const std::vector<KnownJob>& jobs) const {
    std::set<std::string> tokens;
    for (const auto& job : jobs) tokens.insert(job.token());
    return std::ranges::all_of(attempts_, [&](const auto& attempt) {
      return !attempt.second.started || tokens.contains(attempt.first);
    });
  }
  // The same of what another source says of the jobs.
  std::vector<std::string> problems_with(const std::vector<KnownJob>& jobs) {
    problems_.clear();
    check_jobs(of_this_run(jobs), true);
    return problems_;
  }

  // The names of the points that were passed; where it was killed or cut, with " HERE".
  std::vector<std::string> passed() const { return split(box.read("points"), '\n'); }
  // Points by what is done there: in which states a pass leaves what it saw at once is the machine's.
  template <typename Names>
  static std::set<std::string> kinds(const Names& names) {
    constexpr std::string_view apply = "store.apply ";
    std::set<std::string> all;
    for (const std::string& name : names) {
      all.insert(name.starts_with(apply) ? std::string(apply) + name.substr(name.rfind(' ') + 1) : name);
    }
    return all;
  }
  // Kinds of points at which nobody has died: how many passes a run takes is the machine's, so that its last
  // ones need not come again at their number. They can be asked for by name.
  template <typename Names, typename Died>
  static std::vector<std::string> missed(const Names& names, const Died& died) {
    const auto all = kinds(names), some = kinds(died);
    std::vector<std::string> rest;
    std::ranges::set_difference(all, some, std::back_inserter(rest));
    return rest;
  }

  Sandbox box;

 protected:
  // Runs `catena CALL` by the program with kill points. False: it was killed, or cut off.
  virtual bool mortal(const std::string& call) {
    box.binary = CATENA_CRASH_BINARY;
    box.environment =
        "CATENA_CRASH_LOG='" + (box.dir / "points").string() + "' CATENA_CRASH_AT='" + at_ + "'";
    if (proxy_) box.environment += " CATENA_CRASH_CUT='" + (box.dir / "cut").string() + "'";
    cut_ = false;
    said_ = box.catena(call);
    box.binary = CATENA_BINARY;
    box.environment.clear();
    return said_.status != 128 + SIGKILL && !cut_;
  }
  void let_go(const std::string& name) const { box.write("go." + name, ""); }
  void let_all_go() const { box.write("go", ""); }
  bool wrote(const std::string& words) const { return count(words) > 0; }
  int count(const std::string& words) const {
    int n = 0;
    for (const auto& line : split(box.read("log"), '\n')) n += line.starts_with(words + " ") ? 1 : 0;
    return n;
  }
  // How many jobs have run and written how they ended.
  long ended() const {
    long n = 0;
    if (box.site() == "local") {
      for (const auto& job : local_jobs()) n += job.state == "completed" || job.state == "failed" ? 1 : 0;
      return n;
    }
    std::error_code error;
    for (const char* folder : {"spool", "taken"}) {
      const auto path = run_directory() / ".catena" / folder;
      for (const auto& file : std::filesystem::directory_iterator(path, error))
        n += file.path().extension() == ".exit" ? 1 : 0;
    }
    return n;
  }
  std::filesystem::path run_directory() const { return box.dir / "catena-runs/crash-r"; }
  void await(const std::function<bool()>& condition) {
    if (!box.until(condition, 60))
      complain("the jobs do not go on: " + box.read("log") + said_.out + said_.err);
  }

  // Opened anew each time: one that was half made stays empty for who has it open.
  std::vector<RunRow> rows() const {
    const auto file = box.dir / "home/catena.db";
    if (!std::filesystem::exists(file)) return {};
    return SqliteStore(file, OpenMode::read_only).runs({"r", false, 1});
  }
  bool recorded() const { return !rows().empty(); }
  bool over() const {
    const auto all = rows();
    return !all.empty() && terminal(all.front().state);
  }
  void complain(const std::string& sentence) { problems_.push_back(sentence); }

  std::string log() const { return (box.dir / "log").string(); }
  std::string node(const std::string& name, const std::string& fields, const std::string& then = "") const {
    std::string text = "  " + name + ":\n";
    for (std::size_t at = 0; at < fields.size();) {
      // "after: …, retry: …": the second one begins after the bracket that closes the first.
      const auto end = std::min(fields.find(", retry", at), fields.size());
      text += "    " + fields.substr(at, end - at) + "\n";
      at = end + 2;
    }
    text += fmt::format(
        "    run: |\n      echo \"start {0} $CATENA_TOKEN\" >> '{1}'\n"
        "      for i in $(seq 3000); do [ -e '{2}/go' ] || [ -e '{2}/go.{0}' ] && break; sleep 0.05; done\n",
        name, log(), box.dir.string());
    if (!then.empty()) text += "      " + then + "\n";
    return text + fmt::format("      echo \"end {0} $CATENA_TOKEN\" >> '{1}'\n", name, log());
  }

  std::string at_;  // CATENA_CRASH_AT
  Said said_;

 private:
  // The login node is reached through a wire that is cut when the program asks for it.
  void through_a_proxy() {
    const auto variable = [](const char* name) { return std::string(getenv(name)); };
    const auto directory = variable("CATENA_TEST_SSH_DIR");
    proxy_ = std::make_unique<CutProxy>(
        static_cast<std::uint16_t>(std::stoi(variable("CATENA_TEST_SSH_PORT_DEFAULT"))));
    auto key = shell_output("ssh-keygen -l -f " + directory + "/keys/host_ed25519.pub");
    key = key.substr(key.find("SHA256:"));
    box.write("config", "Host *\n  IdentityFile " + directory +
                            "/laptop/id_ed25519\n  IdentitiesOnly yes\n  IdentityAgent none\n");
    box.write("sites/ssh.ini",
              fmt::format("[scheduler]\nkind = slurm\npoll = 1s\nsettle = 3s\n[transport]\nhost = 127.0.0.1\n"
                          "ssh_config = {0}/config\nport = {1}\nuser = {2}\nhost_key = {3}\n"
                          "connect_timeout = 20s\nscratch = {0}/catena-runs\n",
                          box.dir.string(), proxy_->port(), variable("CATENA_TEST_SSH_USER"),
                          key.substr(0, key.find(' '))));
    // What the jobs of that user write.
    box.write("log", "");
    std::filesystem::create_directories(box.dir / "catena-runs");
    using std::filesystem::perms;
    std::filesystem::permissions(box.dir, perms(0755));
    std::filesystem::permissions(box.dir / "log", perms(0666));
    std::filesystem::permissions(box.dir / "catena-runs", perms(0777));
    cutter_ = std::jthread([this] {
      const auto asked = box.dir / "cut";
      while (!done_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (!std::filesystem::exists(asked)) continue;
        proxy_->cut_now();
        cut_ = true;
        std::filesystem::remove(asked);
      }
    });
  }

  std::vector<KnownJob> all_jobs() const {
    return box.site() == "local" ? local_jobs() : of_this_run(squeue());
  }
  std::vector<KnownJob> local_jobs() const {
    const local::RunFiles files(run_directory().string());
    local::JobTable table;
    for (const auto& line : split(read_text(files.queue), '\n')) {
      if (auto read = local::read_queue_line(line)) table.add(std::move(*read));
    }
    for (const auto& line : split(read_text(files.journal), '\n')) {
      if (auto read = local::read_journal_line(line)) table.apply(*read);
    }
    std::vector<KnownJob> jobs;
    for (local::JobIndex i = 0; i < table.size(); ++i) {
      const bool ended = table[i].phase == local::LocalJob::Phase::ended;
      jobs.push_back({table[i].line.id, table[i].line.token,
                      ended ? std::string(local::to_string(table[i].outcome)) : "RUNNING", ""});
    }
    return jobs;
  }
  // No token has two jobs, each job has a row with its id, none is left; of `all` jobs, none that ran is
  // missing.
  void check_jobs(const std::vector<KnownJob>& jobs, bool all) {
    std::map<std::string, std::string> by_token;
    for (const auto& job : jobs) {
      const auto [first, fresh] = by_token.try_emplace(job.token(), job.id);
      if (!fresh && first->second != job.id)
        complain(fmt::format("jobs {} and {} are both {}", first->second, job.id, job.name));
      const auto row = attempts_.find(job.token());
      if (row == attempts_.end()) {
        complain(fmt::format("job {} ({}) has no row", job.id, job.name));
      } else if (row->second.native_id != job.id) {
        complain(
            fmt::format("job {} ({}) has a row with the id '{}'", job.id, job.name, row->second.native_id));
      }
      if (live(job)) complain(fmt::format("job {} ({}) is left: {}", job.id, job.name, job.state));
    }
    for (const auto& [token, attempt] : attempts_) {
      if (all && attempt.started && !by_token.contains(token))
        complain(fmt::format("the scheduler does not know {}, which has run", token));
    }
  }
  std::vector<KnownJob> of_this_run(const std::vector<KnownJob>& jobs) const {
    std::vector<KnownJob> mine;
    for (const auto& job : jobs) {
      if (job.directory.starts_with(box.dir.string() + "/")) mine.push_back(job);
    }
    return mine;
  }

  bool submitted_before_recorded_ = false;
  std::map<std::string, Attempt> attempts_;
  std::vector<std::string> problems_;
  std::unique_ptr<CutProxy> proxy_;
  std::atomic<bool> cut_ = false, done_ = false;
  std::jthread cutter_;
};

}  // namespace catena
