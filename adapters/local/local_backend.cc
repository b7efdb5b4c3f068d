#include "adapters/local/local_backend.h"

#include <dirent.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <system_error>
#include <unordered_map>

#include "adapters/local/job_table.h"
#include "adapters/local/line_file.h"
#include "adapters/local/record_log.h"
#include "core/error.h"
#include "core/script.h"

namespace catena {
namespace {

using local::FileLock;
using local::JobTable;
using local::LineReader;
using local::LineWriter;
using local::LocalJob;
using local::QueueLine;
using local::RunFiles;
using Phase = LocalJob::Phase;

// Runs `action`; its system errors are the transport's.
template <typename F>
auto on_files_of(const std::string& run, F&& action) {
  try {
    return action();
  } catch (const std::system_error& error) {
    throw Error(ErrorKind::transport, fmt::format("the files of the run in {}: {}", run, error.what()));
  }
}

// "+SECONDS", or a local time.
Time begin_time(const std::string& text, Time now) {
  if (text.empty()) return {};
  if (text[0] == '+') return now + parse_duration(text.substr(1) + "s").value_or(Seconds{0});
  std::tm when{};
  when.tm_isdst = -1;
  if (!strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &when)) return {};
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::from_time_t(std::mktime(&when)));
}

std::string too_large(const Resources& resources, const local::Limits& limits) {
  if (const int asked = cpus(resources); asked > limits.cpus) {
    return fmt::format("it asks for {} CPUs, and this machine has {} for the run", asked, limits.cpus);
  }
  if (const auto asked = memory_in_all(resources); asked > limits.memory) {
    return fmt::format("it asks for {} of memory, and this machine has {} for the run", format_size(asked),
                       format_size(limits.memory));
  }
  return {};
}

JobState state_of(local::Outcome outcome) {
  switch (outcome) {
    case local::Outcome::completed:
      return JobState::completed;
    case local::Outcome::failed:
      return JobState::failed;
    case local::Outcome::timeout:
      return JobState::timeout;
    case local::Outcome::cancelled:
    case local::Outcome::skipped_by_failure:
    case local::Outcome::skipped_unneeded:
      break;
  }
  return JobState::cancelled;
}

std::string dependency_text(const local::Parents& parents) {
  std::string text;
  for (const auto& [on, id] : parents)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", to_string(on), id);
  return text;
}

constexpr std::string_view its_turn = "waiting for its turn";

// Why a job that could start does not.
std::string what_it_waits_for(const LocalJob& job, int free_cpus, Bytes free_memory) {
  if (job.line.begin > local::now()) return "waiting for its time to begin";
  if (job.line.cpus > std::max(free_cpus, 1)) return fmt::format("waiting for {} CPUs", job.line.cpus);
  if (job.line.memory > free_memory)
    return fmt::format("waiting for {} of memory", format_size(job.line.memory));
  return std::string(its_turn);
}

void read_spool(const std::string& folder, const std::function<void(std::string_view name)>& file) {
  const std::unique_ptr<DIR, int (*)(DIR*)> spool(opendir(folder.c_str()), closedir);
  if (!spool && errno != ENOENT) throw std::system_error(errno, std::generic_category(), folder);
  while (const auto* entry = spool ? readdir(spool.get()) : nullptr) file(entry->d_name);
}

}  // namespace

struct LocalBackend::View {
  explicit View(const std::string& run_directory)
      : files(run_directory),
        queue(files.queue),
        control(files.control),
        journal(files.journal),
        records(files.records) {}

  // Reads what is new. Journal and control are read before the queue: what they speak of is in it by then.
  void refresh() {
    std::vector<local::JournalLine> ends;
    std::vector<local::ControlLine> controls;
    journal.read([&](std::string_view text) {
      if (auto line = local::read_journal_line(text)) ends.push_back(std::move(*line));
    });
    control.read([&](std::string_view text) {
      if (auto line = local::read_control_line(text)) controls.push_back(std::move(*line));
    });
    queue.read([&](std::string_view text) {
      if (auto line = local::read_queue_line(text)) jobs.add(std::move(*line));
    });
    for (const auto& line : controls) jobs.apply(line);
    for (const auto& line : ends) {
      const auto index = jobs.apply(line);
      if (index && jobs[*index].phase == Phase::ended) ++ended;
    }
  }
  // Under the writer lock, after a refresh: the text of these lines.
  void append(LineWriter& writer, std::string_view text, std::vector<QueueLine> lines) {
    writer.append(text);
    writer.sync();
    queue.skip(text.size());
    for (auto& line : lines) jobs.add(std::move(line));
  }
  // Whether a supervisor that left by itself knew of all that is there now.
  bool all_seen() const {
    return jobs.idle() && jobs.idle()->queue == queue.offset() && jobs.idle()->control == control.offset();
  }
  bool needs_supervisor() const { return ended < jobs.size() && !all_seen(); }

  RunFiles files;
  LineReader queue, control, journal;
  local::RecordLog records;  // read by observe() alone
  JobTable jobs;
  std::size_t ended = 0;
};

LocalBackend::LocalBackend(std::string binary, const local::Limits& limits)
    : binary_(std::move(binary)), limits_(local::resolve(limits)) {}

LocalBackend::~LocalBackend() = default;

LocalBackend::View& LocalBackend::view(const std::string& run_directory) {
  auto& found = views_[run_directory];
  if (!found) found = std::make_unique<View>(run_directory);
  return *found;
}

void LocalBackend::prepare(const std::string& run_directory, std::span<const std::string> directories,
                           std::span<const FileToPut> files, const Progress&) {
  const auto& ours = view(run_directory).files;
  auto folders = run_folders(run_directory);
  folders.push_back(ours.local);
  folders.push_back(ours.scripts);
  transport_.make_directories(folders);
  transport_.make_directories(directories);
  std::vector<FileToPut> missing;
  for (const auto& file : files) {
    if (!transport_.stat(file.target)) missing.push_back(file);
  }
  transport_.put(missing, run_directory);
}

void LocalBackend::submit(const Submission& submission, const AnswerSink& sink) {
  prepare(submission.run_directory, {}, {});
  auto& run = view(submission.run_directory);
  std::vector<Answer> answers;
  answers.reserve(submission.jobs.size());
  on_files_of(submission.run_directory, [&] {
    const FileLock writer(run.files.writer, FileLock::Wait::yes);
    LineWriter queue(run.files.queue);
    run.refresh();
    std::string text;
    std::vector<QueueLine> added;
    std::unordered_map<std::string_view, std::string_view>
        bodies;  // written ones; the token that names the file
    const auto now = local::now();
    for (std::size_t place = 0; place < submission.jobs.size(); ++place) {
      const auto& job = submission.jobs[place];
      auto& answer = answers.emplace_back();
      answer.job = place;
      answer.kind = Answer::Kind::accepted;
      if (const auto known = run.jobs.by_token(job.token)) {
        answer.native_id = run.jobs[*known].line.id;
        continue;
      }
      QueueLine line{.id = run.jobs.next_id(added.size()),
                     .token = job.token,
                     .name = job.name,
                     .workdir = job.workdir,
                     .log_out = job.log_out,
                     .log_err = job.log_err,
                     .cpus = cpus(job.resources),
                     .memory = memory_in_all(job.resources),
                     .walltime = job.resources.walltime.value_or(Seconds{0}),
                     .held = job.held,
                     .parents = {},
                     .begin = begin_time(job.resources.begin, now),
                     .time = now};
      answer.text = too_large(job.resources, limits_);
      if (!answer.text.empty()) answer.kind = Answer::Kind::refused;
      for (const auto& parent : job.dependencies) {
        if (!parent.in_submission) {
          if (!run.jobs.by_id(parent.native_id)) {
            answer.kind = Answer::Kind::refused;
            answer.text = fmt::format("its parent {} is not in this run's queue", parent.native_id);
          }
          line.parents.emplace_back(parent.on, parent.native_id);
        } else if (const auto& before = answers[*parent.in_submission];
                   before.kind == Answer::Kind::accepted) {
          line.parents.emplace_back(parent.on, before.native_id);
        } else if (answer.kind == Answer::Kind::accepted) {
          answer.kind = Answer::Kind::skipped;
        }
      }
      if (answer.kind != Answer::Kind::accepted) continue;
      // Said now: ten thousand jobs need not be written once more because the first look finds them waiting.
      if (!line.held && line.parents.empty() && line.begin <= now) answer.text = its_turn;
      if (job.bare) {
        const auto [body, fresh] = bodies.try_emplace(job.bare->body, job.token);
        if (fresh) local::write_file(run.files.body(job.token), job.bare->body);
        line.body = body->second;
      } else {
        local::replace_file(run.files.script(job.token), job.script);
      }
      text += to_line(line, job.bare ? &*job.bare : nullptr);
      answer.native_id = line.id;
      added.push_back(std::move(line));
    }
    if (!added.empty()) run.append(queue, text, std::move(added));
  });
  for (auto& answer : answers) {
    answer.more = &answer != &answers.back();
    sink(answer);
  }
  if (run.needs_supervisor()) ensure_supervisor(run);
}

void LocalBackend::ensure_supervisor(View& run) {
  const auto held = on_files_of(run.files.run, [&] {
    if (local::is_locked(run.files.lock)) return true;
    for (const auto& path : {run.files.queue, run.files.control}) LineWriter{path};  // for inotify to watch
    local::replace_file(run.files.limits, write_limits(limits_));
    return false;
  });
  if (held) return;
  Command start;
  start.argv = {binary_, "_supervise", run.files.run};
  const auto result = transport_.run(start);
  if (result.status == 0) return;
  throw Error(ErrorKind::unavailable,
              fmt::format("the supervisor of the run in {} does not start (status {}): {}", run.files.run,
                          result.status, result.err),
              "see " + run.files.log);
}

Observation LocalBackend::observe(std::span<const JobRef> jobs) {
  Observation observation;
  observation.queue_seen = observation.accounting_seen = true;
  std::map<std::string, std::vector<const JobRef*>> by_run;
  for (const auto& job : jobs) by_run[job.run_directory].push_back(&job);
  for (const auto& [directory, refs] : by_run) {
    try {
      on_files_of(directory,
                  [&, &ours = refs, &where = directory] { observe_run(view(where), ours, observation); });
    } catch (const Error& error) {
      observation.trouble.emplace_back(error.what());
      observation.queue_seen = observation.accounting_seen = false;
    }
  }
  return observation;
}

void LocalBackend::observe_run(View& run, std::span<const JobRef* const> refs, Observation& observation) {
  // Asked before the files are read: what a supervisor wrote that has left by now is seen.
  const bool supervised = local::is_locked(run.files.lock);
  run.refresh();
  run.records.refresh();
  const bool killed = !supervised && run.needs_supervisor();

  int free_cpus = limits_.cpus;
  Bytes free_memory = limits_.memory;
  for (local::JobIndex i = 0; i < run.jobs.size(); ++i) {
    const auto& job = run.jobs[i];
    if (job.phase != Phase::starting && job.phase != Phase::running) continue;
    free_cpus -= job.line.cpus;
    free_memory -= job.line.memory;
  }
  std::unordered_map<std::string_view, const JobRef*> asked;
  for (const auto* ref : refs) {
    asked.emplace(ref->token, ref);
    const auto index = run.jobs.by_token(ref->token);
    if (!index) continue;
    const auto& job = run.jobs[*index];
    Report report;
    report.token = ref->token;
    report.native_id = job.line.id;
    report.submitted = job.line.time;
    report.started = job.started;
    report.host = job.host;
    if (job.phase == Phase::ended) {
      report.source = Evidence::accounting;
      report.state = state_of(job.outcome);
      report.native = to_string(job.outcome);
      report.exit_code = job.status;
      report.signal = job.signal;
      report.reason = job.reason;
      report.ended = job.ended;
    } else if (job.phase == Phase::waiting) {
      const auto open = run.jobs.open_edges(job);
      report.dependency = dependency_text(open);
      report.state = job.line.held || !open.empty() ? JobState::held : JobState::queued;
      report.reason = job.line.held  ? "held"
                      : open.empty() ? what_it_waits_for(job, free_cpus, free_memory)
                                     : "waiting for";
    } else if (killed) {
      report.state = JobState::unknown;
      report.native = "its supervisor was killed";
    } else {
      report.state = JobState::running;
      report.native = "running";
    }
    observation.reports.push_back(std::move(report));
    if (const auto* record = run.records.find(ref->token)) observation.reports.push_back(*record);
  }

  // Ends first: what a job has said before its end is seen with that.
  read_spool(run.files.spool, [&](std::string_view name) {
    const auto dot = name.rfind('.');
    if (dot == std::string_view::npos || (name.substr(dot) != ".start" && name.substr(dot) != ".exit"))
      return;
    const auto ref = asked.find(name.substr(0, dot));
    if (ref == asked.end()) return;
    const auto path = fmt::format("{}/{}", run.files.spool, name);
    auto record = read_record(local::read_file(path));
    if (!record || record->token != ref->first) {
      observation.trouble.push_back(path + " is no record that can be read: it is not taken");
      return;
    }
    observation.reports.push_back(std::move(*record));
    observation.spooled.push_back(path);
  });
  read_spool(run.files.spool, [&](std::string_view name) {
    const auto at = name.find(".said.");
    if (at == name.npos || name.ends_with(".part") || !asked.contains(name.substr(0, at))) return;
    const auto path = fmt::format("{}/{}", run.files.spool, name);
    auto said = read_said(local::read_file(path));
    if (!said || said->file != name) {
      observation.trouble.push_back(path + " is no record that can be read: it is not taken");
      return;
    }
    observation.said.push_back(std::move(*said));
    observation.spooled.push_back(path);
  });

  if (!killed) return;
  observation.trouble.push_back(fmt::format(
      "the supervisor of the run in {} was gone: started again; jobs that ran settle by their records",
      run.files.run));
  ensure_supervisor(run);
}

LocalBackend::View* LocalBackend::owner(const ControlTarget& target, std::string& problem) {
  if (!target.run_directory.empty()) return &view(target.run_directory);
  View* found = nullptr;
  for (const auto& [directory, run] : views_) {
    if (!run->jobs.by_id(target.native_id)) continue;
    if (found) {
      problem = target.native_id + ": several runs have a job of that id";
      return nullptr;
    }
    found = run.get();
  }
  return found;
}

std::vector<std::string> LocalBackend::control(Action action, std::span<const ControlTarget> targets) {
  std::vector<std::string> problems;
  std::map<View*, std::vector<const ControlTarget*>> by_run;
  for (const auto& [directory, run] : views_) on_files_of(directory, [&, &known = run] { known->refresh(); });
  for (const auto& target : targets) {
    std::string problem;
    if (auto* run = owner(target, problem)) {
      by_run[run].push_back(&target);
    } else if (!problem.empty() || action != Action::cancel) {
      problems.push_back(problem.empty() ? target.native_id + ": there is no such job" : problem);
    }
  }
  for (const auto& [run, ours] : by_run) {
    on_files_of(run->files.run, [&, &view = *run, &list = ours] {
      transport_.make_directories(std::span(&view.files.local, 1));
      const FileLock writer(view.files.writer, FileLock::Wait::yes);
      view.refresh();
      std::string lines;
      for (const auto* target : list) {
        const auto index = view.jobs.by_id(target->native_id);
        const auto phase = index ? view.jobs[*index].phase : Phase::ended;
        if (phase == Phase::ended && action == Action::cancel) continue;
        if (!index) {
          problems.push_back(target->native_id + ": there is no such job");
        } else if (phase == Phase::waiting || action == Action::cancel) {
          lines += to_line(local::ControlLine{action, target->native_id, target->parents});
        } else if (action != Action::release) {  // a job that runs is released
          problems.push_back(target->native_id +
                             (phase == Phase::ended ? ": it has ended" : ": it has started"));
        }
      }
      if (lines.empty()) return;
      LineWriter control(view.files.control);
      control.append(lines);
      control.sync();
      view.refresh();
    });
    if (run->needs_supervisor()) ensure_supervisor(*run);
  }
  return problems;
}

void LocalBackend::put_away(const std::vector<std::string>& spooled) {
  for (const auto& path : spooled) {
    const auto name = path.rfind('/');
    const auto spool = path.rfind('/', name - 1);
    const auto target = path.substr(0, spool) + "/taken" + path.substr(name);
    if (std::rename(path.c_str(), target.c_str()) != 0 && errno != ENOENT) {
      const int error = errno;
      throw Error(ErrorKind::transport,
                  fmt::format("cannot put away {}: {}", path, std::generic_category().message(error)));
    }
  }
}

}  // namespace catena
