#include "adapters/batch/batch_backend.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/program.h"
#include "core/script.h"

namespace catena {

void BatchBackend::prepare(const std::string& run_directory, std::span<const std::string> directories,
                           std::span<const FileToPut> files, const Progress& progress) {
  // Files first: a directory that is not there yet is moved into its place as a whole.
  if (!files.empty()) transport_.put(files, run_directory, progress);
  auto all = run_folders(run_directory);
  all.insert(all.end(), directories.begin(), directories.end());
  transport_.make_directories(all);
}

void BatchBackend::submit(const Submission& submission, const AnswerSink& sink) {
  ProgramAnswers answers(dialect_, submission);
  Command command;
  command.argv = {"sh", "-s"};
  command.input = submission_program(dialect_, submission);
  command.timeout = std::chrono::milliseconds{
      0};  // each scheduler command has its own time-out; a program of thousands needs long
  std::string trouble;
  try {
    const auto result = transport_.run(command, [&](std::string_view line) {
      for (const auto& answer : answers.read(line)) sink(answer);
    });
    if (!answers.ended())
      trouble =
          fmt::format("the submission program ended early, with status {}: {}", result.status, result.err);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::transport) throw;
    trouble = error.what();
  }
  if (answers.ended()) return;
  for (const auto place : answers.unanswered()) {
    Answer answer;
    answer.job = place;
    answer.text = trouble;
    sink(answer);  // unsure: it may have been queued before the connection broke
  }
}

std::optional<std::size_t> BatchBackend::queued() {
  try {
    auto command = dialect_.query(QueryKind::queue, {{}, site_.user});
    command.timeout = site_.timeout;
    const auto live = dialect_.parse(QueryKind::queue, transport_.run(command)).live;
    if (const auto only = live.find(""); only != live.end()) return only->second;
    if (live.empty()) return 0;
    auto user = site_.user;
    if (user.empty()) {
      Command who;
      who.argv = {"id", "-un"};
      who.repeatable = true;
      user = transport_.run(who).out;
      user.erase(user.find_last_not_of('\n') + 1);
    }
    const auto mine = live.find(user);
    return mine == live.end() ? 0 : mine->second;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable && error.kind() != ErrorKind::transport) throw;
    return std::nullopt;
  }
}

Observation BatchBackend::observe(std::span<const JobRef> jobs) {
  Observation observation;
  if (jobs.empty()) return observation;
  observation.queue_seen = ask(QueryKind::queue, jobs, observation);
  // The records are read after the queue: a job that has left the queue has written its record by then.
  read_spool(jobs, observation);

  std::unordered_set<std::string_view>
      explained;  // live in the queue, or ended by a record that nothing can add to
  for (const auto& report : observation.reports) {
    const bool live = report.source == Evidence::queue &&
                      (report.state == JobState::held || report.state == JobState::queued ||
                       report.state == JobState::running);
    const bool done =
        report.source == Evidence::record && report.state == JobState::completed && !report.signal;
    if (live || done) explained.insert(report.token);
  }
  std::vector<JobRef> rest;
  for (const auto& job : jobs) {
    if (!explained.contains(job.token)) rest.push_back(job);
  }
  observation.accounting_seen = rest.empty() || ask(QueryKind::accounting, rest, observation);
  return observation;
}

bool BatchBackend::ask(QueryKind kind, std::span<const JobRef> jobs, Observation& observation) {
  if (kind == QueryKind::accounting) {
    const auto option = site_.options.find("accounting");
    if (option != site_.options.end() && option->second == "no")
      return true;  // this site has none: nothing to wait for
  }
  try {
    auto command = dialect_.query(kind, {jobs, site_.user});
    command.timeout = site_.timeout;
    auto parsed = dialect_.parse(kind, transport_.run(command));
    std::ranges::move(parsed.reports, std::back_inserter(observation.reports));
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable && error.kind() != ErrorKind::transport) throw;
    observation.trouble.emplace_back(error.what());
    return false;
  }
}

void BatchBackend::read_spool(std::span<const JobRef> jobs, Observation& observation) {
  std::unordered_map<std::string_view, const JobRef*> wanted;
  std::set<std::string> directories;
  for (const auto& job : jobs) {
    wanted.emplace(job.token, &job);
    directories.insert(job.run_directory);
  }
  // Ends first: what a job has said before its end is seen with that. One line a record; `find … -exec cat {}
  // +` copes with any number of files, and a missing folder is no trouble.
  Command command;
  command.argv = {
      "sh", "-c",
      "for d; do for of in '*.exit' '*.start' '*.said.*'; do find \"$d\" -maxdepth 1 -type f -name "
      "\"$of\" ! -name '*.part' -exec cat {} + 2>/dev/null; done; done; :",
      "sh"};
  for (const auto& directory : directories)
    command.argv.push_back(fmt::format("{}/{}", directory, spool_folder));
  command.repeatable = true;
  try {
    transport_.run(command, [&](std::string_view line) {
      auto report = read_record(line);
      if (!report) {
        auto said = read_said(line);
        if (!said) return;
        const auto job = wanted.find(said->token);
        if (job == wanted.end()) return;
        observation.spooled.push_back(
            fmt::format("{}/{}/{}", job->second->run_directory, spool_folder, said->file));
        observation.said.push_back(std::move(*said));
        return;
      }
      const auto job = wanted.find(report->token);
      if (job == wanted.end()) return;  // a stale attempt's word
      observation.spooled.push_back(fmt::format("{}/{}/{}.{}", job->second->run_directory, spool_folder,
                                                report->token,
                                                report->state == JobState::running ? "start" : "exit"));
      observation.reports.push_back(std::move(*report));
    });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::transport) throw;
    observation.trouble.emplace_back(error.what());
  }
}

std::vector<std::string> BatchBackend::control(Action action, std::span<const ControlTarget> targets) {
  std::vector<std::string> refused;
  for (auto& command : dialect_.control(action, targets)) {
    command.timeout = site_.timeout;
    const auto result = transport_.run(command);
    std::ranges::move(dialect_.parse_control(action, result), std::back_inserter(refused));
  }
  return refused;
}

void BatchBackend::put_away(const std::vector<std::string>& spooled) {
  std::map<std::string, std::string>
      by_folder;  // names on standard input: a command line could not hold thousands
  for (const auto& file : spooled) {
    const auto slash = file.rfind('/');
    by_folder[file.substr(0, slash)] += file.substr(slash + 1) + "\n";
  }
  for (auto& [folder, names] : by_folder) {
    Command command;
    command.argv = {"sh", "-c", "cd \"$1\" && xargs mv -f -t ../taken -- 2>/dev/null; :", "sh", folder};
    command.input = std::move(names);
    command.repeatable = true;
    transport_.run(command);
  }
}

}  // namespace catena
