// Bare jobs: what a worker does around a body is what the job script does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>

#include "adapters/local/launcher.h"
#include "adapters/local/process_table.h"
#include "adapters/local/supervisor.h"
#include "adapters/local/worker.h"
#include "core/script.h"
#include "local_support.h"

namespace catena {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::eventually;
using testing::Form;
using ::testing::HasSubstr;
using testing::LocalRun;
using ::testing::Pair;
using testing::slurp;

// One node, as a script and bare.
class BareBesideScript : public ::testing::Test {
 protected:
  BareBesideScript() {
    node_.name = "scf.1";
    node_.shell = "bash";
    site_.name = "here";
    begin();
  }
  void begin() {
    run_ = std::make_unique<LocalRun>();
    node_.workdir = run_->file("scf.1");
    facts_ = {"r1", run_->directory(), "here"};
  }

  // Runs both. Their tokens differ, as their names and logs do.
  void run(const std::string& body) {
    node_.body = body;
    std::vector<Job> jobs;
    for (const char* token : {"script", "bare"}) {
      auto job = run_->job(token, "");
      job.workdir = node_.workdir;
      job.name = node_.name + "." + token;
      const ScriptInput input{"demo", facts_, node_, 1, job, site_, ""};
      job.script = job_script(input);
      if (job.token == "bare") {
        job.bare = bare_job(input);
        ASSERT_TRUE(job.bare);
      }
      jobs.push_back(job);
    }
    if (make_workdir_) std::filesystem::create_directories(node_.workdir);
    run_->submit(jobs);
    run_->ends();
    const auto observation = run_->observe();
    script_ = LocalRun::said(observation, "script", Evidence::record);
    bare_ = LocalRun::said(observation, "bare", Evidence::record);
    ASSERT_TRUE(script_ && bare_);
  }

  // The sorted lines of a log, without what must differ.
  std::set<std::string> lines(const std::string& token) const {
    std::set<std::string> all;
    std::istringstream in(slurp(run_->file("logs/" + token + ".out")));
    for (std::string line; std::getline(in, line);) {
      for (const char* name : {"SHLVL=", "OLDPWD=", "_=", "CATENA_TOKEN=", "CATENA_JOB_ID="}) {
        if (line.starts_with(name)) line = name;
      }
      if (line != "OLDPWD=" && line != "_=" && line != "SHLVL=") all.insert(line);
    }
    return all;
  }

  std::unique_ptr<LocalRun> run_;
  RunFacts facts_;
  Rendered node_;
  Site site_;
  bool make_workdir_ = true;
  std::optional<Report> script_, bare_;
};

TEST_F(BareBesideScript, TheBodySeesTheSameWorld) {
  node_.params = {{"alat", Value::of("10.20", Value::Kind::number)}, {"word", Value::of("a \"b\" 'c'\nd")}};
  site_.environment = {{"OMP_NUM_THREADS", "4"}, {"GREETING", "the site's"}};
  node_.env = {{"GREETING", "it's $HOME"}, {"PATH", "/opt/none:/usr/bin:/bin"}};
  run("env; pwd; umask; ulimit -a; readlink /proc/self/fd/0; cat <&0; echo $#\n");
  EXPECT_EQ(lines("bare"), lines("script"));
  EXPECT_TRUE(lines("bare").contains("GREETING=it's $HOME"));
  EXPECT_TRUE(lines("bare").contains("PWD=" + node_.workdir));
}

TEST_F(BareBesideScript, TheRecordsSayTheSame) {
  const auto keys = [](std::string text) {
    std::set<std::string> found;
    for (auto at = text.find("\":"); at != std::string::npos; at = text.find("\":", at + 1)) {
      const auto begin = text.rfind('"', at - 1);
      found.insert(text.substr(begin + 1, at - begin - 1));
    }
    return found;
  };
  run("exit 3\n");
  const auto log = slurp(run_->file(".catena/local/records"));
  const auto split = log.find("\n\n", 1);
  ASSERT_NE(split, std::string::npos);
  EXPECT_EQ(keys(log.substr(0, split)), keys(slurp(run_->file(".catena/spool/script.start"))));
  EXPECT_EQ(keys(log.substr(split)), keys(slurp(run_->file(".catena/spool/script.exit"))));
  EXPECT_EQ(bare_->host, script_->host);
}

TEST_F(BareBesideScript, EveryWayOutOfABodyEndsAlike) {
  node_.outputs = {"here*.txt", "no[t] here.txt"};
  for (const auto* body :
       {"exit 3", "set -e; false", "kill -9 $$", "exec sh -c 'exit 4'", "(", "exit 128",
        "exec 1>&- 2>&- 0<&-; exit 5", "touch here1.txt", "touch here1.txt 'not here.txt'"}) {
    SCOPED_TRACE(body);
    begin();
    run(body);
    EXPECT_EQ(bare_->exit_code, script_->exit_code);
    EXPECT_EQ(bare_->signal, script_->signal);
    EXPECT_EQ(bare_->state, script_->state);
    EXPECT_EQ(bare_->reason, script_->reason);
    EXPECT_EQ(run_->journaled("bare")->native, run_->journaled("script")->native);
  }
}

TEST_F(BareBesideScript, AShellOfSeveralWordsIsFoundInTheJobsOwnPath) {
  std::filesystem::create_directories(run_->file("tools"));
  std::filesystem::create_symlink("/usr/bin/perl", run_->file("tools/mine"));
  node_.env = {{"PATH", run_->file("tools") + ":/usr/bin:/bin"}};
  node_.shell = "mine -w";
  run("print 6 * 7, \"\\n\";\n");
  EXPECT_EQ(lines("bare"), std::set<std::string>{"42"});
  EXPECT_EQ(lines("bare"), lines("script"));
}

TEST_F(BareBesideScript, AShellThatIsNotThereIsSaidWith127) {
  node_.shell = "no-such-shell";
  run("echo ran\n");
  EXPECT_EQ(bare_->exit_code, 127);
  EXPECT_EQ(bare_->exit_code, script_->exit_code);
  EXPECT_THAT(slurp(run_->file("logs/bare.err")), HasSubstr("no-such-shell: not found"));
}

TEST_F(BareBesideScript, AWorkingDirectoryThatIsNotThereIsSaid) {
  make_workdir_ = false;
  run("echo ran\n");
  EXPECT_EQ(bare_->reason, "cannot enter the working directory " + node_.workdir);
  EXPECT_EQ(bare_->exit_code, 1);
  EXPECT_EQ(slurp(run_->file("logs/bare.out")), "");
}

// --- workers

TEST(ProcessTable, ABodyIsFoundByItsToken) {
  local::Launch launch;
  launch.argv = {"sleep", "100"};
  std::string variable = "CATENA_TOKEN=found-by-its-token";
  char* environment[] = {variable.data(), nullptr};
  launch.environment = environment;
  const auto pid = local::launch(launch);
  // In the middle of its exec it shows nothing yet.
  EXPECT_TRUE(eventually([&] { return local::body_of("found-by-its-token") == pid; }));
  EXPECT_EQ(local::body_of("found-by-its"), std::nullopt);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(local::body_of("found-by-its-token"), std::nullopt);
}

std::vector<local::JournalLine> starts(const LocalRun& run) {
  std::vector<local::JournalLine> list;
  local::LineReader(run.file(".catena/local/journal")).read([&](std::string_view text) {
    auto line = local::read_journal_line(text);
    if (line && line->what == local::JournalLine::What::start) list.push_back(*line);
  });
  return list;
}

TEST(LocalWorker, EqualBodiesShareAFileAndOthersDoNot) {
  LocalRun run(Form::bare);
  std::vector<Job> jobs;
  for (int i = 0; i < 3; ++i) {
    auto job = run.job("j" + std::to_string(i), "");
    job.bare->body = i < 2 ? "echo \"$CATENA_TOKEN\"\n" : "echo other\n";
    jobs.push_back(job);
  }
  run.submit(jobs);
  run.ends();
  EXPECT_EQ(slurp(run.file("logs/j0.out")), "j0\n");
  EXPECT_EQ(slurp(run.file("logs/j1.out")), "j1\n");
  EXPECT_EQ(slurp(run.file("logs/j2.out")), "other\n");
  EXPECT_FALSE(std::filesystem::exists(run.file(".catena/bodies/j1")));
}

TEST(LocalWorker, OneRunsManyJobsAndLeavesWithItsSupervisor) {
  LocalRun run(Form::bare, {.cpus = 2, .memory = Bytes{4} << 30, .kill_grace = Seconds{1}});
  std::vector<Job> jobs;
  for (int i = 0; i < 30; ++i) jobs.push_back(run.job("j" + std::to_string(i), "true"));
  run.submit(jobs);
  run.ends();
  std::set<std::int64_t> pids;
  for (const auto& start : starts(run)) pids.insert(start.pid);
  EXPECT_EQ(pids.size(), 2U);
  for (const auto pid : pids)
    EXPECT_TRUE(eventually([&] { return !local::process_start(static_cast<pid_t>(pid)); })) << pid;
}

TEST(LocalWorker, WhenItIsKilledItsBodyEndsWithItAndTheNextJobGetsAnother) {
  LocalRun run(Form::bare, {.cpus = 1, .memory = Bytes{4} << 30, .kill_grace = Seconds{1}});
  run.submit({run.job("doomed", "echo $$ > pid; while :; do sleep 0.1; done"), run.job("next", "true")});
  ASSERT_TRUE(eventually([&] { return !slurp(run.file("pid")).empty(); }));
  const auto body = static_cast<pid_t>(std::stol(slurp(run.file("pid"))));
  const auto all = starts(run);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(getpgid(body), body) << "the body has a group of its own";
  kill(static_cast<pid_t>(all[0].pid), SIGKILL);
  EXPECT_THAT(run.ends(), ElementsAre(Pair("doomed", "failed"), Pair("next", "completed")));
  EXPECT_TRUE(eventually([&] { return !local::process_start(body); })) << "the body outlived its worker";
  EXPECT_THAT(LocalRun::said(run.observe(), "doomed", Evidence::record)->reason, HasSubstr("killed"));
  EXPECT_THAT(run.attempts(), ElementsAre(Pair("doomed", 1), Pair("next", 1)));
}

TEST(LocalWorker, AJobWhoseWorkerNeverBeganItIsStartedAndOneThatBeganIsNot) {
  LocalRun run(Form::bare);
  const std::vector<Job> jobs = {run.job("never", "true"), run.job("began", "true"),
                                 run.job("ended", "true")};
  LocalBackend broken("/bin/false", {});
  EXPECT_ANY_THROW(broken.submit({"r1", run.directory(), jobs}, [](const Answer&) {}));
  {
    // What a supervisor leaves that was killed with its workers. The pid is alive: it must not be taken for
    // theirs.
    local::LineWriter journal(run.file(".catena/local/journal"));
    local::JournalLine line;
    line.what = local::JournalLine::What::supervisor;
    line.boot = local::boot_id();
    line.host = local::host_name();
    journal.append(to_line(line));
    line.what = local::JournalLine::What::start;
    line.pid = getpid();
    line.pid_start = 1;
    local::RecordWriter records(run.file(".catena/local/records"));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      line.id = "local." + std::to_string(i + 1);
      line.token = jobs[i].token;
      journal.append(to_line(line));
      Report report;
      report.token = line.token;
      report.exit_code = 5;
      if (line.token != "never") records.append(write_start_record(report));
      if (line.token == "ended") records.append(write_exit_record(report));
    }
  }
  run.submit(jobs);
  EXPECT_THAT(run.ends(),
              ElementsAre(Pair("began", "failed"), Pair("ended", "failed"), Pair("never", "completed")));
  EXPECT_EQ(run.journaled("ended")->exit_code, 5);
  EXPECT_THAT(run.attempts(), ElementsAre(Pair("never", 1)));
}

constexpr std::chrono::milliseconds for_ever{3600 * 1000};

// 200 nodes, and nobody supervises from the middle on: what runs ends with its own record all the same.
// Nothing that was sent ahead comes back, so that the queue's order holds.
TEST(LocalWorker, WhatRunsEndsWithItsRecordThoughTheSupervisorWasKilled) {
  LocalRun run(Form::bare,
               {.cpus = 8, .memory = Bytes{4} << 30, .kill_grace = Seconds{1}, .longest_ahead = for_ever});
  std::vector<Job> jobs;
  for (int i = 0; i < 200; ++i)
    jobs.push_back(
        run.job("j" + std::to_string(i), i < 100 ? "true" : "until [ -e flag ]; do sleep 0.02; done"));
  run.submit(jobs);
  ASSERT_TRUE(eventually([&] { return run.attempts().size() == 108; }));
  run.kill_supervisor();
  local::replace_file(run.file("flag"), "");
  std::set<std::int64_t> workers;
  for (const auto& start : starts(run)) workers.insert(start.pid);
  EXPECT_EQ(workers.size(), 8U);
  for (const auto pid : workers)
    EXPECT_TRUE(eventually([&] { return !local::process_start(static_cast<pid_t>(pid)); })) << "it stays";
  for (const auto& [token, count] : run.attempts()) EXPECT_TRUE(run.recorded(token)) << token;
  EXPECT_EQ(run.attempts().size(), 108U) << "something was started with nobody to decide it";
  run.reopen();
  run.observe();  // starts the successor
  const auto ends = run.ends();
  EXPECT_EQ(ends.size(), 200U);
  EXPECT_THAT(ends, Each(Pair(::testing::_, "completed")));
  EXPECT_EQ(run.attempts().size(), 200U);
  EXPECT_THAT(run.attempts(), Each(Pair(::testing::_, 1)));
}

// --- a job that is sent ahead

// A worker with the test in its supervisor's place.
class WorkerAlone : public ::testing::Test {
 protected:
  WorkerAlone() : run_(Form::bare), files_(run_.directory()) {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends_), 0);
  }
  ~WorkerAlone() override {
    leave_alone();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  void begin(const std::vector<Job>& jobs, std::chrono::milliseconds longest_ahead = for_ever) {
    LocalBackend nobody("/bin/false", {});
    EXPECT_ANY_THROW(nobody.submit({"r1", run_.directory(), jobs}, [](const Answer&) {}));
    local::LineReader queue(files_.queue);
    queue.read([&](std::string_view line) {
      orders_.push_back({.at = queue.offset() - 1 - line.size(), .size = line.size()});
    });
    pid_ = fork();
    if (pid_ > 0) return;
    close(ends_[0]);
    std::atomic<pid_t> body = 0;
    _exit(local::work(ends_[1], files_, {.longest_ahead = longest_ahead}, body));
  }
  void order(std::size_t job) { EXPECT_GT(send(ends_[0], &orders_[job], sizeof(local::Order), 0), 0); }
  void stop(std::size_t job) {
    const local::Order order{.kind = local::Order::Kind::stop, .at = orders_[job].at};
    EXPECT_GT(send(ends_[0], &order, sizeof order, 0), 0);
  }
  std::string answer() {
    std::array<char, 16384> text;
    const auto got = recv(ends_[0], text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }
  Report ended() { return read_record(answer().substr(1)).value(); }
  void leave_alone() {
    for (auto& end : ends_) {
      if (end >= 0) close(end);
      end = -1;
    }
  }
  bool began(const std::string& token) { return run_.attempts().contains(token); }
  static constexpr auto until_flag = "until [ -e flag ]; do sleep 0.01; done";

  LocalRun run_;
  local::RunFiles files_;
  int ends_[2] = {-1, -1};
  pid_t pid_ = 0;
  std::vector<local::Order> orders_;
};

TEST_F(WorkerAlone, BeginsWhatWasSentAheadWhenTheJobBeforeHasEnded) {
  begin({run_.job("first", "sleep 0.005; exit 3"), run_.job("second", "exit 4")});
  order(0);
  order(1);
  EXPECT_EQ(ended().exit_code, 3);
  EXPECT_EQ(ended().exit_code, 4);
}

TEST_F(WorkerAlone, GivesBackWhatWaitsBehindALongJob) {
  begin({run_.job("long", until_flag), run_.job("second", "true")}, std::chrono::milliseconds{20});
  order(0);
  order(1);
  EXPECT_EQ(answer(), "<");
  local::replace_file(run_.file("flag"), "");
  EXPECT_EQ(ended().token, "long");
  order(1);
  EXPECT_EQ(ended().token, "second");
  EXPECT_THAT(run_.attempts(), ElementsAre(Pair("long", 1), Pair("second", 1)));
}

TEST_F(WorkerAlone, AStopIsForTheJobThatItNames) {
  begin({run_.job("first", "true"), run_.job("second", until_flag), run_.job("third", "true")});
  order(0);
  order(1);
  EXPECT_EQ(ended().token, "first");
  ASSERT_TRUE(eventually([&] { return began("second"); }));
  order(2);
  stop(0);  // it came too late
  stop(2);
  EXPECT_EQ(answer(), "<");
  local::replace_file(run_.file("flag"), "");
  const auto second = ended();
  EXPECT_EQ(second.token, "second");
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_EQ(second.signal, std::nullopt);
}

// Whether the second order was read or still lies in the socket.
TEST_F(WorkerAlone, BeginsNothingMoreOnceItsSupervisorIsGone) {
  begin({run_.job("first", "kill -STOP $PPID"), run_.job("second", "true")});
  order(0);
  ASSERT_TRUE(eventually([&] { return began("first"); }));
  order(1);
  int status = 0;
  ASSERT_EQ(waitpid(pid_, &status, WUNTRACED), pid_);
  ASSERT_TRUE(WIFSTOPPED(status));
  leave_alone();
  kill(pid_, SIGCONT);
  ASSERT_EQ(waitpid(pid_, &status, 0), pid_);
  pid_ = 0;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(run_.recorded("first"));
  EXPECT_FALSE(began("second"));
}

// A run whose only worker runs the job `long`, and has `next` waiting behind it.
class SentAhead : public ::testing::Test {
 protected:
  static std::unique_ptr<LocalRun> run(std::chrono::milliseconds longest_ahead) {
    const local::Limits limits{
        .cpus = 1, .memory = Bytes{4} << 30, .kill_grace = Seconds{1}, .longest_ahead = longest_ahead};
    return std::make_unique<LocalRun>(Form::bare, limits);
  }
  ~SentAhead() override {
    if (worker_ > 0) let_long_end();
  }
  void begin(Seconds walltime_of_next = Seconds{0}) {
    std::vector<Job> jobs;
    for (int i = 0; i < 3; ++i) jobs.push_back(run_->job("quick" + std::to_string(i), "true"));
    jobs.push_back(run_->job("long", "until [ -e flag ]; do sleep 0.01; done"));
    jobs.push_back(run_->job("next", "true"));
    jobs.back().resources.walltime = walltime_of_next;
    run_->submit(jobs);
    ASSERT_TRUE(eventually([&] { return run_->attempts().contains("long") && start_of("next"); }))
        << "nothing was sent ahead";
    const auto start = *start_of("next");
    EXPECT_EQ(start.pid, start_of("long")->pid);
    worker_ = static_cast<pid_t>(start.pid);
  }
  std::optional<local::JournalLine> start_of(const std::string& token) const {
    for (const auto& start : starts(*run_)) {
      if (start.token == token) return start;
    }
    return std::nullopt;
  }
  bool was_put_back(const std::string& token) const {
    bool found = false;
    local::LineReader(run_->file(".catena/local/journal")).read([&](std::string_view text) {
      const auto line = local::read_journal_line(text);
      found = found || (line && line->what == local::JournalLine::What::back && line->token == token);
    });
    return found;
  }
  void let_long_end() { local::replace_file(run_->file("flag"), ""); }
  void expect_ends(const std::string& of_long, const std::string& of_next) {
    const auto ends = run_->ends();
    EXPECT_EQ(ends.at("long"), of_long);
    EXPECT_EQ(ends.at("next"), of_next);
    EXPECT_THAT(run_->attempts(), Each(Pair(::testing::_, 1)));
    EXPECT_EQ(run_->attempts().size(), of_next == "cancelled" ? 4U : 5U);
  }

  std::unique_ptr<LocalRun> run_ = run(for_ever);
  pid_t worker_ = 0;
};

TEST_F(SentAhead, ComesBackFromBehindALongJob) {
  run_ = run(std::chrono::seconds{2});  // a time in which a quick job ends on a busy machine, too
  begin();
  EXPECT_TRUE(eventually([&] { return was_put_back("next"); }));
  EXPECT_TRUE(eventually([&] { return run_->live_state("next") == JobState::queued; }));
  let_long_end();
  expect_ends("completed", "completed");
}

TEST_F(SentAhead, CancelledItIsNotBegun) {
  begin();
  run_->control(Action::cancel, "next");
  EXPECT_TRUE(eventually([&] { return run_->journaled("next").has_value(); }));
  let_long_end();
  expect_ends("completed", "cancelled");
}

TEST_F(SentAhead, RunsOnceThoughItsWorkerIsKilled) {
  begin();
  kill(worker_, SIGKILL);
  expect_ends("failed", "completed");
}

TEST_F(SentAhead, HasItsOwnTimeLimit) {
  std::vector<Job> jobs;
  for (int i = 0; i < 9; ++i) jobs.push_back(run_->job("quick" + std::to_string(i), "true"));
  jobs.push_back(run_->job("limited", "while :; do sleep 0.01; done"));
  jobs.back().resources.walltime = Seconds{1};
  run_->submit(jobs);
  EXPECT_EQ(run_->ends().at("limited"), "timeout");
}

TEST_F(SentAhead, TheSuccessorOfItsSupervisorTakesItBackAndItsWorkerDoesNotBeginIt) {
  begin();
  run_->kill_supervisor();
  run_->reopen();
  run_->observe();  // starts the successor
  EXPECT_TRUE(eventually([&] { return was_put_back("next"); }));
  let_long_end();
  expect_ends("completed", "completed");
}

TEST_F(SentAhead, CancelledByTheSuccessorTheJobBeforeGoesOn) {
  begin(Seconds{1});
  run_->kill_supervisor();
  run_->reopen();
  run_->control(Action::cancel, "next");  // starts the successor
  EXPECT_TRUE(eventually([&] { return run_->journaled("next").has_value(); }));
  EXPECT_EQ(run_->live_state("long"), JobState::running);
  let_long_end();
  expect_ends("completed", "cancelled");
}

TEST(LocalWorker, ItsFilesAreNobodyElsesToRead) {
  LocalRun run(Form::bare);
  run.submit({run.job("a", "true")});
  run.ends();
  for (const auto* name : {".catena/local/records", ".catena/bodies/a"})
    EXPECT_EQ(run.backend().transport().stat(run.file(name))->mode, 0600) << name;
}

}  // namespace
}  // namespace catena

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "_supervise") return catena::local::supervise(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
