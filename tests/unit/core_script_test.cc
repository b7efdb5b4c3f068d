// The job script, run by a real bash, as a scheduler would run it.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/job_tool.h"
#include "core/report.h"
#include "core/script.h"

namespace catena {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Script : public testing::Test {
 protected:
  Script() {
    char name[] = "/tmp/catena-script.XXXXXX";
    facts_ = {"r1", std::string(mkdtemp(name)) + "/a run's dir", "here"};
    for (const auto folder :
         {spool_folder, taken_folder, body_folder, claim_folder, log_folder, result_folder}) {
      fs::create_directories(facts_.directory + "/" + std::string(folder));
    }
    node_.name = "scf.1";
    node_.shell = "bash";
    node_.workdir = facts_.directory + "/scf.1";
    fs::create_directories(node_.workdir);
    site_.name = "here";
    job_.token = "k3f9q2m8xd";
  }
  ~Script() override { fs::remove_all(fs::path(facts_.directory).parent_path()); }

  std::string text() const {
    ScriptInput input{"demo", facts_, node_, 1, job_, site_, ""};
    input.users = users_;
    input.uses_service = uses_service_;
    input.in_scratch = in_scratch_;
    input.tries = tries_;
    return job_script(input);
  }

  pid_t start(const std::string& job_id = "7") const {
    const auto path = facts_.directory + "/job.sh";
    std::ofstream(path) << text();
    const auto pid = fork();
    if (pid == 0) {
      setpgid(0, 0);
      setenv("CATENA_JOB_ID", job_id.c_str(), 1);
      if (!freopen((facts_.directory + "/out").c_str(), "a", stdout) ||
          !freopen((facts_.directory + "/err").c_str(), "a", stderr))
        _exit(126);
      execl("/bin/bash", "bash", path.c_str(), nullptr);
      _exit(127);
    }
    return pid;
  }
  static int finish(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int run(const std::string& body, const std::string& job_id = "7") {
    node_.body = body;
    return finish(start(job_id));
  }
  std::string read(const std::string& name) const {
    std::ifstream in(facts_.directory + "/" + name);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  }
  std::optional<Report> exit_record() const { return read_record(read(".catena/spool/k3f9q2m8xd.exit")); }
  void wait_for(const std::string& name) const {
    for (int i = 0; i < 1000 && read(name).empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_FALSE(read(name).empty()) << name << " did not appear";
  }

  RunFacts facts_;
  Rendered node_;
  Site site_;
  Job job_;
  std::optional<std::vector<std::pair<std::string_view, int>>> users_;
  bool uses_service_ = false;
  bool in_scratch_ = false;
  std::optional<TriesInJob> tries_;
};

TEST_F(Script, TheBodyRunsInItsWorkingDirectoryAndItsRecordsSaySo) {
  EXPECT_EQ(run("pwd; echo \"$CATENA_NODE $CATENA_RUN $CATENA_ATTEMPT\"\n"), 0);
  EXPECT_EQ(read("out"), node_.workdir + "\nscf.1 r1 1\n");
  const auto start = read_record(read(".catena/spool/k3f9q2m8xd.start"));
  ASSERT_TRUE(start);
  EXPECT_EQ(start->state, JobState::running);
  const auto exit = exit_record();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->state, JobState::completed);
  EXPECT_EQ(exit->native_id, "7");
  EXPECT_EQ(exit->token, "k3f9q2m8xd");
}

// Scenario 34.
TEST_F(Script, EveryWayOutOfABodyLeavesAnExitRecord) {
  const std::vector<std::pair<std::string, int>> bodies{{"exit 3", 3},
                                                        {"set -e; false; echo no", 1},
                                                        {"set -o pipefail; false | true", 1},
                                                        {"exec 1>&- 2>&- 0<&-; exit 5", 5},
                                                        {"trap 'exit 9' EXIT", 9},
                                                        {"exit 128", 128},
                                                        {"kill -9 $$", 137},
                                                        {"exec sh -c 'exit 4'", 4},
                                                        {"set -u; echo $nothing", 1},
                                                        {"(", 2}};
  for (const auto& [body, status] : bodies) {
    fs::remove(facts_.directory + "/.catena/spool/k3f9q2m8xd.exit");
    EXPECT_EQ(run(body), status) << body;
    const auto exit = exit_record();
    ASSERT_TRUE(exit) << body;
    EXPECT_EQ(exit->exit_code, status) << body;
    EXPECT_EQ(exit->state, JobState::failed) << body;
  }
}

TEST_F(Script, ATermFromOutsideReachesTheBodyAndIsInTheRecord) {
  node_.body =
      "trap 'echo stopping; exit 0' TERM\ntouch \"$CATENA_RUN_DIR/ready\"; echo x > "
      "\"$CATENA_RUN_DIR/ready\"\nsleep 60 & wait\n";
  const auto pid = start();
  wait_for("ready");
  kill(pid, SIGTERM);
  EXPECT_EQ(finish(pid), 0);
  EXPECT_EQ(read("out"), "stopping\n");
  const auto exit = exit_record();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->signal, 15);
}

TEST_F(Script, AUserSignalIsPassedOnAndEndsNothing) {
  node_.body = "trap 'echo checkpoint; exit 0' USR1\necho x > \"$CATENA_RUN_DIR/ready\"\nsleep 60 & wait\n";
  const auto pid = start();
  wait_for("ready");
  kill(pid, SIGUSR1);
  EXPECT_EQ(finish(pid), 0);
  EXPECT_EQ(read("out"), "checkpoint\n");
  EXPECT_FALSE(exit_record()->signal);
}

// A reply that was lost can leave two jobs of one attempt in the queue.
TEST_F(Script, ASecondJobOfTheSameAttemptRunsNothing) {
  EXPECT_EQ(run("echo ran\n", "7"), 0);
  EXPECT_EQ(run("echo ran\n", "8"), 75);
  EXPECT_EQ(read("out"), "ran\n");
}

TEST_F(Script, ARequeueAfterSuccessRunsNothingAndARequeueBeforeItRunsAgain) {
  EXPECT_EQ(run("echo ran; exit 1\n", "7"), 1);
  EXPECT_EQ(run("echo ran\n", "7"), 0);
  EXPECT_EQ(run("echo ran\n", "7"), 0);
  EXPECT_EQ(read("out"), "ran\nran\n");
  fs::rename(facts_.directory + "/.catena/spool/k3f9q2m8xd.exit",
             facts_.directory + "/.catena/taken/k3f9q2m8xd.exit");
  EXPECT_EQ(run("echo ran\n", "7"), 0);
  EXPECT_EQ(read("out"), "ran\nran\n");
}

TEST_F(Script, AMissingOutputFailsTheNodeAndIsNamed) {
  node_.outputs = {"here.txt", "not here.txt"};
  EXPECT_EQ(run("touch here.txt\n"), 1);
  EXPECT_EQ(exit_record()->reason, "output missing: not here.txt");
}

TEST_F(Script, ResultsAreReadFromFilesWithFirstLastAllAndWhole) {
  node_.params = {{"alat", Value::of("10.20", Value::Kind::number)}, {"word", Value::of("a \"b\"")}};
  node_.results = {{"energy", "pw.out", R"(^!\s+total energy\s+=\s+(\S+) Ry)", Result::Pick::last},
                   {"first", "pw.out", R"(step (\d+))", Result::Pick::first},
                   {"steps", "pw.out", R"(step (\d+))", Result::Pick::all},
                   {"text", "word.txt", "", Result::Pick::last}};
  EXPECT_EQ(run("printf 'step 1\\n!    total energy   =  -1.5 Ry\\nstep 2\\n!    total energy   =  "
                "-15.84452720 Ry\\n' > pw.out\n"
                "printf 'say \"hi\"\\ttab\\n' > word.txt\n"),
            0)
      << read("err");
  const auto exit = exit_record();
  ASSERT_TRUE(exit);
  EXPECT_EQ(find(exit->results, "energy")->text, "-15.84452720") << "numbers keep their digits";
  EXPECT_EQ(find(exit->results, "energy")->kind, Value::Kind::number);
  EXPECT_EQ(find(exit->results, "first")->text, "1");
  EXPECT_EQ(to_text(*find(exit->results, "steps")), "1 2");
  EXPECT_EQ(find(exit->results, "text")->text, "say \"hi\"\ttab");
  EXPECT_EQ(
      read("results/scf.1.json"),
      R"({"node":"scf.1","params":{"alat":10.20,"word":"a \"b\""},"results":{"energy":-15.84452720,"first":1,"steps":[1,2],"text":"say \"hi\"\ttab"}})"
      "\n");
}

TEST_F(Script, AResultThatIsNotThereFailsTheNode) {
  node_.results = {{"energy", "pw.out", "x(.)", Result::Pick::last}};
  EXPECT_EQ(run("echo y > pw.out\n"), 1);
  EXPECT_EQ(exit_record()->reason, "result energy: nothing in pw.out matches");
  EXPECT_EQ(run("rm pw.out\n"), 1);
}

TEST_F(Script, ADefaultStandsInForAResultThatIsNotThere) {
  const auto number = Value::of("0.50", Value::Kind::number);
  Result none{"none", "gone.out", "x(.)", Result::Pick::last},
      list{"list", "pw.out", "x(.)", Result::Pick::all}, command{"command", "", "", Result::Pick::last},
      there{"there", "pw.out", "y(.)", Result::Pick::last},
      pointer{"pointer", "pw.out", "", Result::Pick::last};
  none.otherwise = number;
  list.otherwise = Value{Value::Kind::list, {}, {number, Value::of("it's $x")}};
  command.command = "exit 3";
  command.otherwise = Value{};
  pointer.pointer = "/a";
  pointer.otherwise = Value::of("true", Value::Kind::boolean);
  there.otherwise = number;
  node_.results = {none, list, command, pointer, there};
  EXPECT_EQ(run("echo y7 > pw.out\n"), 0) << read("err");
  EXPECT_THAT(
      read("results/scf.1.json"),
      HasSubstr(
          R"("results":{"none":0.50,"list":[0.50,"it's $x"],"command":null,"pointer":true,"there":7}})"));
  const auto exit = exit_record();
  EXPECT_EQ(*find(exit->results, "none"), number);
  EXPECT_EQ(to_text(*find(exit->results, "list")), "0.50 it's $x");
}

TEST_F(Script, TheWorkingDirectoryIsMadeByTheJob) {
  fs::remove(node_.workdir);
  EXPECT_EQ(run("pwd\n"), 0);
  EXPECT_EQ(fs::status(node_.workdir).permissions(), fs::perms(0700));
}

TEST_F(Script, ADirectoryThatCannotBeMadeFailsTheNodeBeforeItsBody) {
  fs::remove(node_.workdir);
  std::ofstream(node_.workdir) << "a file in its place";
  EXPECT_EQ(run("echo ran\n"), 1);
  EXPECT_EQ(read("out"), "");
  EXPECT_THAT(exit_record()->reason, HasSubstr("cannot enter the working directory"));
}

TEST_F(Script, APrologueThatEndsTheScriptLeavesARecord) {
  site_.prologue = "exit 7";
  EXPECT_EQ(run("echo ran\n"), 7);
  EXPECT_EQ(exit_record()->reason, "the script ended before the body did");
}

// A preempted job is queued again with the same script: it is no further attempt, and goes on all the same.
TEST_F(Script, ARequeueFindsTheCheckpointAndForgetsWhatWasNotTheEnd) {
  fs::create_directories(facts_.directory + "/.catena/bin");
  std::ofstream(facts_.directory + "/" + std::string(tool_file)) << job_tool();
  fs::permissions(facts_.directory + "/" + std::string(tool_file), fs::perms::owner_all);
  const std::string body =
      "if [ \"$CATENA_CHECKPOINT\" = yes ]; then cat state; exit 0; fi\n"
      "echo good > state; catena checkpoint state; echo torn > state; kill -9 $$\n";
  EXPECT_EQ(run(body, "7"), 137);
  std::ofstream(facts_.directory + "/results/scf.1.json") << "{\"results\":{\"old\":1}}\n";
  EXPECT_EQ(run(body, "7"), 0);
  EXPECT_EQ(read("out"), "good\n");
  EXPECT_EQ(read("results/scf.1.json"), "");
}

TEST_F(Script, AReasonOfTheBodyIsTheAttempts) {
  fs::create_directories(facts_.directory + "/.catena/bin");
  std::ofstream(facts_.directory + "/" + std::string(tool_file)) << job_tool();
  fs::permissions(facts_.directory + "/" + std::string(tool_file), fs::perms::owner_all);
  EXPECT_EQ(run("catena put a=1.50 b=x; catena fail \"first\"; catena fail \"it's\nover\"\n"), 1);
  const auto exit = exit_record();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->reason, "it's over");
  EXPECT_FALSE(exit->permanent);
  EXPECT_EQ(exit->results, (Params{{"a", Value::of("1.50", Value::Kind::number)}, {"b", Value::of("x")}}));
  EXPECT_EQ(read("results/scf.1.json"), "") << "what a failed attempt put is not the node's result";
}

// The record names the file that is moved away.
TEST(Said, AForeignOrTornLineIsNotTaken) {
  const std::string good =
      R"({"v":1,"kind":"put","token":"tok","node":"a","file":"tok.said.put-x","time":5,"seq":7,"name":"x","value":"1.50"})";
  const auto said = read_said(good);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->name, "x");
  EXPECT_EQ(to_text(said->value), "1.50");
  EXPECT_EQ(said->order, 7);
  EXPECT_FALSE(read_said(good.substr(0, 60)));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"tok.said.put-x", "../tok.said.x"},
                                                        {"tok.said.put-x", "tok.said./../x"},
                                                        {"tok.said.put-x", "other.said.put-x"},
                                                        {"\"put\"", "\"exit\""},
                                                        {"\"v\":1", "\"v\":2"},
                                                        {"\"name\":\"x\"", "\"name\":\"\""}}) {
    auto text = good;
    text.replace(text.find(from), from.size(), to);
    EXPECT_FALSE(read_said(text)) << text;
  }
}

TEST_F(Script, TheNodesEnvironmentIsTheBodysAlone) {
  node_.env = {{"PATH", "/nowhere"}, {"GREETING", "it's $HOME"}};
  node_.shell = "/bin/bash";
  EXPECT_EQ(run("echo \"$GREETING $PATH\"\n"), 0);
  EXPECT_EQ(read("out"), "it's $HOME /nowhere:" + facts_.directory + "/.catena/bin\n");
  EXPECT_TRUE(exit_record());
}

TEST_F(Script, AnInterpreterWithWordsRunsTheBody) {
  node_.shell = "perl -w";
  EXPECT_EQ(run("print 6 * 7, \"\\n\";\n"), 0);
  EXPECT_EQ(read("out"), "42\n");
}

TEST_F(Script, ABodyMayHoldItsOwnDelimiter) {
  EXPECT_EQ(run("cat <<CATENA_BODY\nhello\nCATENA_BODY\n"), 0);
  EXPECT_EQ(read("out"), "hello\n");
}

TEST_F(Script, AScriptsOwnOutputFileIsHonouredAndRecorded) {
  node_.stdout_file = "relax-%j.out";
  EXPECT_EQ(run("echo energy; echo oops >&2\n"), 0);
  EXPECT_EQ(read("scf.1/relax-7.out"), "energy\noops\n");
  EXPECT_EQ(exit_record()->stdout_file, node_.workdir + "/relax-7.out");
}

TEST_F(Script, TheSameInputGivesTheSameBytes) {
  node_.body = "true\n";
  EXPECT_EQ(text(), text());
}

TEST_F(Script, WhatNeedsAShellIsNoBareJob) {
  const auto bare = [this](std::string_view setup = {}) {
    return bare_job({"demo", facts_, node_, 1, job_, site_, setup});
  };
  node_.body = "true";
  node_.params = {{"p", Value::of("1")}};
  node_.outputs = {"x"};
  site_.environment = {{"A", "site"}};
  node_.env = {{"A", "node"}};
  ASSERT_TRUE(bare());
  EXPECT_EQ(bare()->body, "true\n");
  EXPECT_EQ(bare()->environment.front(), (std::pair<std::string, std::string>("CATENA_RUN", "r1")));
  EXPECT_EQ(bare()->environment.back(), (std::pair<std::string, std::string>("A", "node")));
  EXPECT_FALSE(bare("CATENA_JOB_ID=$SLURM_JOB_ID"));
  const auto without = [&](auto& field, auto value) {
    const auto before = std::exchange(field, value);
    EXPECT_FALSE(bare());
    field = before;
  };
  without(node_.results, std::vector<Result>{{"energy", "pw.out", "x", Result::Pick::last}});
  without(node_.stdout_file, std::string("%j.out"));
  without(site_.modules, std::vector<std::string>{"qe"});
  without(site_.prologue, std::string("ulimit -s unlimited"));
  without(node_.shell, std::string(" "));
}

TEST(Record, ATornForeignOrStrangeLineIsNone) {
  EXPECT_FALSE(read_record(R"({"v":1,"kind":"exit","token":"k3f9q2m8xd","ex)"));
  EXPECT_FALSE(read_record(R"({"v":2,"kind":"exit","token":"k3f9q2m8xd","exit":0})"));
  EXPECT_FALSE(read_record(R"({"v":1,"kind":"exit","exit":0})"));
  EXPECT_FALSE(read_record("hello"));
}

TEST(Record, WhatABackendWritesIsReadBack) {
  Report report;
  report.token = "k3f9q2m8xd";
  report.state = JobState::timeout;
  report.exit_code = 143;
  report.signal = 15;
  report.ended = Time{std::chrono::seconds{1700000000}};
  const auto back = read_record(write_exit_record(report));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state, JobState::timeout);
  EXPECT_EQ(back->signal, 15);
  EXPECT_EQ(back->ended, report.ended);
}

// With a process that the body does not pass signals on to, and that ends in order.
TEST_F(Script, AServiceEndsWithItsProcessesWhenItsUsersHaveCompletedAndHasCompleted) {
  fs::create_directories(facts_.directory + "/.catena/done");
  users_ = {{"a", 1}, {"b", 2}};
  node_.body =
      "bash -c 'trap \"echo closed > ../closed; exit 7\" TERM; echo up > ../up; while :; do sleep 0.1; "
      "done'\necho no\n";
  const auto pid = start();
  wait_for("up");
  std::ofstream(facts_.directory + "/.catena/done/b") << "1\n";  // of an attempt that does not count
  std::ofstream(facts_.directory + "/.catena/done/a") << "1\n";
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  EXPECT_FALSE(exit_record());
  std::ofstream(facts_.directory + "/.catena/done/b") << "2\n";
  EXPECT_EQ(finish(pid), 0);
  const auto exit = exit_record();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->state, JobState::completed);
  EXPECT_EQ(exit->reason, "stopped: no node uses it any more");
  EXPECT_EQ(exit->signal, std::nullopt);
  wait_for("closed");
  EXPECT_EQ(read("out"), "");
}

TEST_F(Script, AServiceThatEndsByItselfEndsAsItEnded) {
  users_ = {{"a", 1}};
  EXPECT_EQ(run("exit 3\n"), 3);
  EXPECT_EQ(exit_record()->reason, "");
  fs::remove_all(facts_.directory + "/.catena/claims");
  fs::create_directories(facts_.directory + "/.catena/claims");
  EXPECT_EQ(run("true\n"), 0);
  EXPECT_EQ(exit_record()->reason, "");
}

TEST_F(Script, ACancelOfAServiceIsNoStop) {
  users_ = {{"a", 1}};
  node_.body = "echo up > ../up; exec sleep 60\n";
  const auto pid = start();
  wait_for("up");
  kill(pid, SIGTERM);
  EXPECT_EQ(finish(pid), 143);
  EXPECT_EQ(exit_record()->signal, 15);
  EXPECT_EQ(exit_record()->state, JobState::failed);
}

TEST_F(Script, OnlyAUserThatHasCompletedSaysSoToItsService) {
  uses_service_ = true;
  EXPECT_EQ(run("exit 3\n"), 3);
  EXPECT_FALSE(fs::exists(facts_.directory + "/.catena/done/scf.1"));
  job_.token = "anotherone";
  job_.attempt = 2;
  EXPECT_EQ(run("true\n"), 0);
  EXPECT_EQ(read(".catena/done/scf.1"), "2\n");
  EXPECT_FALSE(bare_job({"demo", facts_, node_, 1, job_, site_, "", {}, {}, true}));
}

// Of a node whose disk is a folder of the test's own.
class InScratch : public Script {
 protected:
  InScratch() {
    in_scratch_ = true;
    disk_ = (fs::path(facts_.directory).parent_path() / "the disk").string();
    fs::create_directories(disk_);
    setenv("DISK", disk_.c_str(), 1);
    site_.node_scratch = "${DISK:-/tmp}";
    write("in", "input\n");
  }
  ~InScratch() override {
    unsetenv("DISK");
    if (fs::exists(node_.workdir)) fs::permissions(node_.workdir, fs::perms(0700));
  }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(node_.workdir + "/" + name) << content;
  }
  bool disk_is_empty() const { return fs::is_empty(disk_); }
  std::string work(const std::string& name) const { return read("scf.1/" + name); }
  std::string disk_;
};

TEST_F(InScratch, TheBodyFindsACopyThereAndWhatIsNewOrChangedComesBack) {
  write("kept", "old\n");
  write("changed", "old\n");
  fs::create_directories(node_.workdir + "/sub");
  fs::create_hard_link(node_.workdir + "/changed", facts_.directory + "/shared");
  node_.outputs = {"new", "sub/d*p/new"};
  node_.results = {{"x", "new", "x = (.*)"}};
  EXPECT_EQ(run("[ \"$PWD\" = \"$CATENA_SCRATCH\" ] || exit 9\n"
                "cat in; echo \"$CATENA_WORKDIR\"; echo more >> changed; rm kept; echo 'x = 5' > new\n"
                "mkdir 'sub/d p' empty; touch -d 2001-01-01 old 'sub/d p/new'; ln -s new link\n"
                "stat -c %a . ..; ls \"$CATENA_WORKDIR\"\n"),
            0)
      << read("err") << exit_record()->reason;
  EXPECT_EQ(read("out"), "input\n" + node_.workdir + "\n755\n700\nchanged\nin\nkept\nsub\n");
  EXPECT_EQ(work("changed"), "old\nmore\n");
  EXPECT_EQ(read("shared"), "old\n") << "another node has it by a hard link";
  EXPECT_EQ(work("kept"), "old\n") << "what is removed there stays here";
  EXPECT_TRUE(fs::exists(node_.workdir + "/old")) << "new, but with an old time";
  EXPECT_TRUE(fs::is_directory(node_.workdir + "/empty"));
  EXPECT_EQ(fs::read_symlink(node_.workdir + "/link"), "new");
  EXPECT_EQ(exit_record()->results.at(0).second.text, "5");
  EXPECT_TRUE(disk_is_empty());
}

TEST_F(InScratch, WhatDidNotChangeIsNotWrittenAgain) {
  const auto before = fs::last_write_time(node_.workdir + "/in");
  struct stat first {
  }, second{};
  stat((node_.workdir + "/in").c_str(), &first);
  EXPECT_EQ(run("cat in > new\n"), 0);
  stat((node_.workdir + "/in").c_str(), &second);
  EXPECT_EQ(first.st_ino, second.st_ino);
  EXPECT_EQ(fs::last_write_time(node_.workdir + "/in"), before);
}

TEST_F(InScratch, AFailureBringsBackTheSame) {
  EXPECT_EQ(run("echo half > restart; exit 3\n"), 3);
  EXPECT_EQ(work("restart"), "half\n");
  EXPECT_EQ(exit_record()->reason, "");
  EXPECT_TRUE(disk_is_empty());
}

TEST_F(InScratch, TheSignalOfATimeOutBringsBackTheSame) {
  for (const int signal : {SIGTERM, SIGXCPU, SIGINT}) {
    job_.token = "token" + std::to_string(signal);
    fs::remove(facts_.directory + "/up");
    fs::remove(node_.workdir + "/restart");
    node_.body = "echo half > restart; echo up > \"$CATENA_RUN_DIR/up\"; exec sleep 60\n";
    const auto pid = start();
    wait_for("up");
    kill(-pid, signal);  // the whole group, as schedulers do
    EXPECT_EQ(finish(pid), 128 + signal);
    EXPECT_EQ(work("restart"), "half\n") << signal;
    EXPECT_EQ(read_record(read(".catena/spool/" + job_.token + ".exit"))->signal, signal);
    EXPECT_TRUE(disk_is_empty());
  }
}

// The next attempt must not take a file that was cut short for a whole one.
TEST_F(InScratch, ASignalWhileItIsBroughtBackDoesNotCutItShort) {
  node_.body = "head -c 200000000 /dev/zero > big; echo up > \"$CATENA_RUN_DIR/up\"\n";
  const auto pid = start();
  wait_for("up");
  while (fs::exists(disk_) && !disk_is_empty() && !fs::exists(node_.workdir + "/.catena-back.scf.1"))
    std::this_thread::yield();
  kill(-pid, SIGTERM);
  finish(pid);
  EXPECT_EQ(fs::file_size(node_.workdir + "/big"), 200'000'000U);
  EXPECT_TRUE(disk_is_empty());
  ASSERT_TRUE(exit_record());
}

TEST_F(InScratch, WhatCannotBeBroughtBackFailsTheAttemptWithTheReasonAndStays) {
  fs::create_directories(node_.workdir + "/there/x");
  EXPECT_EQ(run("rm -r there; echo 1 > there; echo 2 > other\n"), 1);
  const auto exit = exit_record();
  EXPECT_EQ(exit->state, JobState::failed);
  EXPECT_THAT(exit->reason,
              HasSubstr("could not be brought to " + node_.workdir + ": mv: cannot overwrite directory"));
  EXPECT_FALSE(disk_is_empty()) << "all that there is of the results";
  EXPECT_FALSE(fs::exists(node_.workdir + "/.catena-back.scf.1"));
  job_.token = "two";
  EXPECT_EQ(run("rm -r there; echo 1 > there; exit 4\n"), 4);
  EXPECT_THAT(read_record(read(".catena/spool/two.exit"))->reason, HasSubstr("exit 4; what is new in "));
}

TEST_F(InScratch, ADiskThatIsNotThereFailsTheAttemptBeforeItsBody) {
  for (const std::string disk : {"/nowhere", "", "relative"}) {
    setenv("DISK", disk.c_str(), 1);
    site_.node_scratch = "$DISK";
    job_.token = "token" + std::to_string(disk.size());
    EXPECT_EQ(run("echo ran\n"), 1);
    EXPECT_THAT(read_record(read(".catena/spool/" + job_.token + ".exit"))->reason,
                HasSubstr("cannot make a directory in '" + disk + "'"));
  }
  EXPECT_EQ(read("out"), "");
}

TEST_F(InScratch, ATryInTheSameJobGoesOnFromWhatTheOneBeforeLeft) {
  tries_ = TriesInJob{{Seconds{0}, Seconds{0}}, {}, ""};
  EXPECT_EQ(run("echo x >> count; [ $(wc -l < count) -eq 3 ]\n"), 0) << read("err");
  EXPECT_EQ(work("count"), "x\nx\nx\n");
  EXPECT_TRUE(disk_is_empty());
}

TEST_F(InScratch, NoBareJob) {
  ScriptInput input{"demo", facts_, node_, 1, job_, site_, ""};
  EXPECT_TRUE(bare_job(input));
  input.in_scratch = true;
  EXPECT_FALSE(bare_job(input));
}

}  // namespace
}  // namespace catena
