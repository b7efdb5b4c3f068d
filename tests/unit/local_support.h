// A run on this machine for tests: a folder of its own, jobs with scripts that write records as
// core/script.h's do, and waiting with a limit for what must come.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "adapters/local/line_file.h"
#include "adapters/local/local_backend.h"
#include "adapters/local/record_log.h"

namespace catena::testing {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "catena local XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string slurp(const std::string& path) {
  return local::read_file(path);
}

// True as soon as `condition` holds; false if it does not within a time that no sound run needs.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::seconds limit = std::chrono::seconds{60}) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

// A job is a whole script, or bare (core/job.h): the backend promises the same of both.
enum class Form { script, bare };

// One run with its backend. The test program itself is the binary that supervises (see
// local_backend_test.cc's main).
class LocalRun {
 public:
  explicit LocalRun(local::Limits limits = {.cpus = 4, .memory = Bytes{4} << 30, .kill_grace = Seconds{1}})
      : limits_(limits) {
    reopen();
  }
  explicit LocalRun(Form form) : LocalRun() { form_ = form; }
  LocalRun(Form form, local::Limits limits) : LocalRun(limits) { form_ = form; }
  ~LocalRun() {
    // What a failed test leaves behind must not outlive it.
    std::vector<ControlTarget> all;
    for (const auto& job : submitted_) all.push_back({job.native_id, {}, directory()});
    try {
      backend_->control(Action::cancel, all);
    } catch (const std::exception&) {
    }
    eventually([this] { return !supervised(); }, std::chrono::seconds{20});
  }

  std::string directory() const { return folder_ / "the run"; }
  std::string file(const std::string& name) const { return directory() + "/" + name; }
  LocalBackend& backend() { return *backend_; }
  void reopen() {
    backend_ =
        std::make_unique<LocalBackend>(std::filesystem::read_symlink("/proc/self/exe").string(), limits_);
  }

  // Writes a start record, appends its token to `attempts`, runs the body in the background as the real
  // script does, and writes an exit record with the body's status.
  std::string script(const std::string& token, const std::string& body) const {
    return fmt::format(R"(#!/bin/bash
run='{0}' token={1} began=$EPOCHSECONDS signal= pid=
record() {{ printf '%s\n' "$2" > "$run/.catena/spool/$token.$1.part" && mv "$run/.catena/spool/$token.$1.part" "$run/.catena/spool/$token.$1"; }}
trap 'signal=15 again=yes; kill $pid 2>/dev/null' TERM
record start "{{\"v\":1,\"kind\":\"start\",\"token\":\"$token\",\"job\":\"$CATENA_JOB_ID\",\"host\":\"h\",\"time\":$began}}"
echo "$token" >> "$run/attempts"
(
{2}
) &
pid=$!
while again=; wait $pid; status=$?; [ -n "$again" ]; do :; done
[ "$status" -ge 0 ] || status=143  # bash 5.2 can lose a status when a signal comes as the body ends
record exit "{{\"v\":1,\"kind\":\"exit\",\"token\":\"$token\",\"job\":\"$CATENA_JOB_ID\",\"host\":\"h\",\"start\":$began,\"time\":$EPOCHSECONDS,\"exit\":$status,\"reason\":\"\"${{signal:+,\"signal\":$signal}}}}"
exit $status
)",
                       directory(), token, body);
  }

  Job job(const std::string& token, const std::string& body, std::vector<Dependency> parents = {}) const {
    Job job;
    job.token = token;
    job.name = "node-" + token + "." + token;
    job.workdir = directory();
    job.log_out = file("logs/" + token + ".out");
    job.log_err = file("logs/" + token + ".err");
    job.dependencies = std::move(parents);
    if (form_ == Form::script) {
      job.script = script(token, body);
    } else {
      const auto text = fmt::format("echo '{}' >> '{}/attempts'\n{}\n", token, directory(), body);
      job.bare = BareJob{{{"CATENA_TOKEN", token}}, {"bash"}, text, {}};
    }
    return job;
  }

  std::vector<Answer> submit(std::vector<Job> jobs) {
    const Submission submission{"r1", directory(), std::move(jobs)};
    std::vector<Answer> answers;
    backend_->submit(submission, [&](const Answer& answer) {
      answers.push_back(answer);
      if (answer.kind != Answer::Kind::accepted) return;
      const auto& sent = submission.jobs[answer.job];
      if (!id(sent.token).empty()) return;
      submitted_.push_back({sent.token, sent.name, answer.native_id, directory(), local::now()});
    });
    return answers;
  }

  std::string id(const std::string& token) const {
    for (const auto& job : submitted_) {
      if (job.token == token) return job.native_id;
    }
    return {};
  }

  std::vector<std::string> control(Action action, const std::string& token,
                                   std::vector<std::pair<On, std::string>> parents = {}) {
    const ControlTarget target{id(token), std::move(parents), directory()};
    return backend_->control(action, {&target, 1});
  }

  Observation observe() { return backend_->observe(submitted_); }

  // What one source says of a job.
  static std::optional<Report> said(const Observation& observation, const std::string& token,
                                    Evidence source) {
    std::optional<Report> last;
    for (const auto& report : observation.reports) {
      const bool start = report.source == Evidence::record && report.state == JobState::running;
      if (report.token == token && report.source == source && !(last && start)) last = report;
    }
    return last;
  }
  std::optional<Report> journaled(const std::string& token) {
    return said(observe(), token, Evidence::accounting);
  }
  JobState live_state(const std::string& token) {
    const auto report = said(observe(), token, Evidence::queue);
    return report ? report->state : JobState::unknown;
  }
  bool all_ended() {
    const auto observation = observe();
    for (const auto& job : submitted_) {
      if (!said(observation, job.token, Evidence::accounting)) return false;
    }
    return true;
  }
  // native end ("completed", "failed", …) of each job by its token.
  std::map<std::string, std::string> ends() {
    EXPECT_TRUE(eventually([this] { return all_ended(); })) << "not all jobs have ended\n"
                                                            << slurp(file(".catena/local/journal"));
    std::map<std::string, std::string> native;
    for (const auto& report : observe().reports) {
      if (report.source == Evidence::accounting) native[report.token] = report.native;
    }
    return native;
  }

  // Whether the job has left its exit record, in the form of a script or of a bare job.
  bool recorded(const std::string& token) const {
    if (!slurp(file(".catena/spool/" + token + ".exit")).empty()) return true;
    local::RecordLog log(file(".catena/local/records"));
    log.refresh();
    const auto* record = log.find(token);
    return record && record->state != JobState::running;
  }
  bool supervised() const { return local::is_locked(file(".catena/local/lock")); }
  pid_t supervisor() const { return static_cast<pid_t>(std::stol("0" + slurp(file(".catena/local/lock")))); }
  // Kills it, and waits until its lock is free.
  void kill_supervisor() {
    const auto pid = supervisor();
    ASSERT_GT(pid, 1);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(eventually([this] { return !supervised(); }));
  }
  // How often each job's body began.
  std::map<std::string, int> attempts() const {
    std::map<std::string, int> count;
    std::istringstream lines(slurp(file("attempts")));
    for (std::string line; std::getline(lines, line);) ++count[line];
    return count;
  }
  const std::vector<JobRef>& refs() const { return submitted_; }

 private:
  Folder folder_;
  local::Limits limits_;
  Form form_ = Form::script;
  std::unique_ptr<LocalBackend> backend_;
  std::vector<JobRef> submitted_;
};

inline Dependency after(std::size_t place, On on = On::ok) {
  return {on, place, {}};
}

}  // namespace catena::testing
