#include "adapters/local/supervisor.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>
#include <system_error>
#include <vector>

#include "adapters/local/file_changes.h"
#include "adapters/local/job_end.h"
#include "adapters/local/job_process.h"
#include "adapters/local/job_start.h"
#include "adapters/local/launcher.h"
#include "adapters/local/line_file.h"
#include "adapters/local/mpi_session.h"
#include "adapters/local/process_table.h"
#include "adapters/local/record_log.h"
#include "adapters/local/scheduler.h"
#include "adapters/local/worker_pool.h"

namespace catena::local {
namespace asio = boost::asio;
namespace {

using Phase = LocalJob::Phase;
using What = JournalLine::What;
using boost::system::error_code;

// What inotify cannot see (a write from another host), and what had to be put off, is looked at that often.
constexpr std::chrono::seconds tick_period{1};
constexpr std::chrono::seconds held_patience{5};
// A worker that was taken over ends its body itself after the grace: it is killed only if it does not.
constexpr std::chrono::seconds worker_patience{5};
constexpr int cannot_execute = 126;  // as a shell says it

bool may_pass(int error) {
  return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

class Supervisor {
 public:
  Supervisor(RunFiles files, const Limits& limits, FileLock lock)
      : files_(std::move(files)),
        limits_(limits),
        lock_(std::move(lock)),
        journal_(files_.journal),
        queue_reader_(files_.queue),
        control_reader_(files_.control),
        records_(files_.records),
        scheduler_(limits),
        changes_(io_, [this] { look_and_pump(); }),
        tick_(io_),
        workers_(io_, files_, limits_,
                 {.ended = [this](JobIndex index, const WorkerPool::End& end) { worker_ended(index, end); },
                  .begun = [this](JobIndex index) { bare_began(index); },
                  .given_back = [this](JobIndex index, bool cancelled) { came_back(index, cancelled); }}) {}

  int run() {
    if (!changes_.watch({files_.queue, files_.control}))
      log("no inotify: the queue is looked at once a second");
    take_over();
    look_and_pump();
    tick();
    io_.run();
    return 0;
  }

 private:
  // --- what others write
  // -------------------------------------------------------------------------------------------------
  void tick() {
    tick_.expires_after(tick_period);
    tick_.async_wait([this](const error_code& error) {
      if (error) return;
      if (processes_.empty() && !workers_.busy() && access(files_.local.c_str(), F_OK) != 0 &&
          errno == ENOENT) {
        log("the run's files were removed");
        return io_.stop();
      }
      put_off_ = false;
      look_elsewhere();
      look_at_unbegun();
      look_and_pump();
      if (!left_) tick();
    });
  }

  // Control before queue: a control line's job is in the queue by the time that the line is written.
  bool read_files() {
    std::vector<ControlLine> controls;
    bool any = false;
    control_reader_.read([&](std::string_view text) {
      any = true;
      if (auto line = read_control_line(text)) controls.push_back(std::move(*line));
    });
    queue_reader_.read([&](std::string_view text) {
      any = true;
      auto line = read_queue_line(text);
      if (!line) return;
      line->size = text.size();
      line->at = queue_reader_.offset() - 1 - text.size();
      scheduler_.add(std::move(*line));
    });
    for (const auto& line : controls) {
      scheduler_.apply(line);
      if (line.action == Action::cancel) cancels_.push_back(line.id);
    }
    return any;
  }

  // --- the journal
  // -------------------------------------------------------------------------------------------------------
  void note(const JournalLine& line) { unwritten_ += to_line(line); }

  // False on a full disk or the like: what was noted is kept, and tried again at the next tick.
  bool flush() {
    if (unwritten_.empty()) return true;
    try {
      journal_.append(unwritten_);
      unwritten_.clear();
      return true;
    } catch (const std::system_error& error) {
      log(fmt::format("cannot write the journal: {}", error.what()));
      return false;
    }
  }

  JournalLine line_for(JobIndex index, What what) const {
    const auto& job = scheduler_.jobs()[index];
    return {.what = what, .id = job.line.id, .token = job.line.token, .time = now()};
  }

  void end(const JournalLine& line) {
    note(line);
    scheduler_.end(line);
  }

  void put_back(JobIndex index) {
    const auto line = line_for(index, What::back);
    note(line);
    scheduler_.put_back(line);
  }

  // --- taking over from a supervisor that left or was killed
  // ---------------------------------------------------------------
  void take_over() {
    LineReader journal(files_.journal);
    const auto boot = boot_id();
    const auto host = host_name();
    read_files();
    journal.read([&](std::string_view text) {
      const auto line = read_journal_line(text);
      if (!line) return;
      scheduler_.replay(*line);
      if (line->what == What::supervisor && line->boot == boot && line->host == host)
        predecessors_.push_back(static_cast<pid_t>(line->pid));
    });
    scheduler_.take_over();
    note({.what = What::supervisor, .time = now(), .pid = getpid(), .boot = boot, .host = host});

    std::optional<std::unordered_map<std::string, pid_t>> processes;
    const auto& jobs = scheduler_.jobs();
    for (JobIndex i = 0; i < jobs.size(); ++i) {
      const auto& job = jobs[i];
      if (job.phase != Phase::starting && job.phase != Phase::running) continue;
      if (job.boot != boot && job.host != host) {
        elsewhere_.push_back(i);  // its processes cannot be seen from here: its record will tell
        log(fmt::format("{} was started on {}: waiting for its record", job.line.id, job.host));
      } else if (job.boot != boot || (is_bare(i) && exit_record(job.line.token))) {
        settle_by_record(i);
      } else if (job.phase == Phase::running) {
        if (process_start(static_cast<pid_t>(job.pid)) != job.pid_start ||
            !adopt(i, static_cast<pid_t>(job.pid))) {
          settle_by_record(i);
        }
      } else {
        if (!processes) processes = script_processes(files_.scripts);
        find_out_whether_started(i, *processes);
      }
    }
    if (!flush()) throw std::system_error(ENOSPC, std::generic_category(), files_.journal);
    const auto adopted = processes_.size();
    if (adopted > 0) log(fmt::format("took over {} running jobs", adopted));
  }

  void find_out_whether_started(JobIndex index, const std::unordered_map<std::string, pid_t>& processes) {
    const auto& token = scheduler_.jobs()[index].line.token;
    auto start = line_for(index, What::start);
    if (const auto found = processes.find(files_.script(token)); found != processes.end()) {
      start.pid = found->second;
      start.pid_start = process_start(found->second).value_or(0);
      note(start);
      scheduler_.started(start);
      if (!adopt(index, found->second)) settle_by_record(index);
    } else if (files_.has_claim(token) || files_.has_record(token, "start") ||
               files_.has_record(token, "exit")) {
      note(start);
      scheduler_.started(start);
      settle_by_record(index);
    } else {
      put_back(index);
    }
  }

  bool adopt(JobIndex index, pid_t pid) {
    auto watch = open_process(pid);
    if (!watch.open()) return false;
    run_on(index, pid, std::move(watch), JobProcess::Kind::adopted);
    if (is_bare(index) && !logged(scheduler_.jobs()[index].line.token)) {
      unbegun_.insert(index);
    } else {
      limit(index);
    }
    return true;
  }

  // Of a worker that was taken over: a job without a start record may begin at any moment, or wait behind the
  // one that its worker runs; no signal to the worker is meant for it. Behind another it waits for nothing: a
  // worker begins what was sent ahead only after it could tell its supervisor of the end of the job before,
  // so that one which ends later than that supervisor's sockets were closed has no successor at this worker.
  void look_at_unbegun() {
    if (unbegun_.empty()) return;
    std::erase_if(predecessors_, [](pid_t pid) { return !process_start(pid); });
    std::erase_if(unbegun_, [this](JobIndex index) {
      const auto& job = scheduler_.jobs()[index];
      if (!processes_.contains(index)) return true;
      if (logged(job.line.token)) {
        limit(index);
        return true;
      }
      if (!predecessors_.empty() || !waits_behind_another(job)) return false;
      processes_.erase(index);
      put_back(index);
      return true;
    });
  }

  bool waits_behind_another(const LocalJob& job) {
    return std::ranges::any_of(processes_, [&](const auto& other) {
      const auto& before = scheduler_.jobs()[other.first];
      if (before.pid != job.pid || !is_bare(other.first)) return false;
      const auto* record = records_.find(before.line.token);
      return record && record->state == JobState::running;
    });
  }

  bool is_bare(JobIndex index) const { return !scheduler_.jobs()[index].line.body.empty(); }

  // The record log's word on a bare job: it is read only where no worker is there to ask.
  const Report* logged(const std::string& token) {
    records_.refresh();
    return records_.find(token);
  }

  std::optional<Report> exit_record(const std::string& token) {
    for (const auto* folder : {&files_.spool, &files_.taken}) {
      const auto text = read_file(*folder + "/" + token + ".exit");
      auto record = read_record(text);
      if (record && record->token == token) return record;
    }
    const auto* record = logged(token);
    return record && record->state != JobState::running ? std::optional(*record) : std::nullopt;
  }

  void settle_by_record(JobIndex index, std::optional<Outcome> stopped_as = {}) {
    auto line = line_for(index, What::end);
    if (is_bare(index) && !stopped_as && !logged(line.token)) return put_back(index);
    const auto record = exit_record(line.token);
    end_by_record(record, line);
    settle(index, line, record.has_value(), stopped_as);
  }

  void settle(JobIndex index, JournalLine& line, bool recorded, std::optional<Outcome> stopped_as) {
    if (stopped_as) end_stopped(*stopped_as, scheduler_.jobs()[index].line.walltime, line);
    if (!recorded) write_record(index, line);
    end(line);
  }

  void look_elsewhere() {
    std::erase_if(elsewhere_, [this](JobIndex index) {
      if (!exit_record(scheduler_.jobs()[index].line.token)) return false;
      settle_by_record(index);
      return true;
    });
  }

  // --- running
  // -----------------------------------------------------------------------------------------------------------
  void look_and_pump() {
    if (left_) return;
    read_files();
    pump();
  }

  void pump() {
    if (left_) return;
    scheduler_.wake(now());
    carry_out_cancels();
    note_skipped();
    while (!put_off_) {
      const auto chosen = scheduler_.start_next(std::chrono::steady_clock::now());
      for (const auto index : chosen) note_intent(index);
      const auto ahead = note_ahead();
      if (chosen.empty() && ahead.empty()) break;
      if (!flush()) put_off_ = true;
      for (const auto index : chosen) put_off_ ? not_started(index) : start(index);
      for (const auto index : ahead) put_off_ ? not_started(index) : send_to_worker(index);
      note_skipped();
    }
    if (flush()) leave_if_idle();
  }

  // Ends of jobs come in swarms: one pass for all that are known by now.
  void pump_soon() {
    if (std::exchange(pump_posted_, true)) return;
    asio::post(io_, [this] {
      pump_posted_ = false;
      pump();
    });
  }

  void note_skipped() {
    const auto& jobs = scheduler_.jobs();
    for (const auto index : scheduler_.settle()) {
      auto line = line_for(index, What::end);
      line.outcome = jobs[index].outcome;
      line.reason = jobs[index].reason;
      note(line);
    }
  }

  void carry_out_cancels() {
    std::vector<std::string> undecided;
    for (const auto& id : std::exchange(cancels_, {})) {
      const auto index = scheduler_.jobs().by_id(id);
      if (!index) continue;
      const auto phase = scheduler_.jobs()[*index].phase;
      if (phase == Phase::waiting) {
        auto line = line_for(*index, What::end);
        line.outcome = Outcome::cancelled;
        line.reason = "cancelled before it started";
        end(line);
      } else if (unbegun_.contains(*index)) {
        undecided.push_back(id);
      } else if (const auto running = processes_.find(*index); running != processes_.end()) {
        running->second->stop(Outcome::cancelled);
      } else {
        workers_.stop(*index, Outcome::cancelled);
      }
    }
    cancels_ = std::move(undecided);
  }

  // A bare job's start is its worker's, which is there already: one line says both.
  void note_intent(JobIndex index) {
    if (!is_bare(index)) return note(line_for(index, What::starting));
    try {
      note_start(index, workers_.reserve(index));
    } catch (const std::system_error& error) {
      const auto& job = scheduler_.jobs()[index].line;
      log(fmt::format("no worker for {} ({}): {}", job.id, job.name, error.what()));
      put_off_ = true;
    }
  }

  void note_start(JobIndex index, const WorkerPool::Identity& worker) {
    auto line = line_for(index, What::start);
    line.pid = worker.pid;
    line.pid_start = worker.start;
    note(line);
  }

  // What is sent ahead to workers with short jobs: a job that begins without this process's doing must be in
  // the journal before.
  std::vector<JobIndex> note_ahead() {
    std::vector<JobIndex> ahead;
    if (put_off_) return ahead;
    for (const auto running : workers_.without_next()) {
      const auto next = scheduler_.next_after(running);
      if (!next) break;
      note_start(*next, workers_.reserve_after(running, *next));
      ahead.push_back(*next);
    }
    return ahead;
  }

  void not_started(JobIndex index) {
    workers_.give_back(index);
    put_back(index);
  }

  void start(JobIndex index) {
    if (!is_bare(index)) return start_script(index);
    send_to_worker(index);
    bare_began(index);
  }

  void send_to_worker(JobIndex index) { workers_.run(index, scheduler_.jobs()[index].line); }

  void bare_began(JobIndex index) {
    scheduler_.started(line_for(index, What::start));
    const auto walltime = scheduler_.jobs()[index].line.walltime;
    if (walltime.count() > 0) workers_.limit(index, walltime);
  }

  void came_back(JobIndex index, bool cancelled) {
    put_back(index);
    if (cancelled) cancels_.push_back(scheduler_.jobs()[index].line.id);
    pump_soon();
  }

  void worker_ended(JobIndex index, const WorkerPool::End& how) {
    if (how.record) {
      auto line = line_for(index, What::end);
      end_by_record(how.record, line);
      settle(index, line, how.recorded, how.stopped_as);
    } else {
      settle_by_record(index, how.stopped_as);
      put_off_ = true;  // what killed its worker may still be at it
    }
    pump_soon();
  }

  void start_script(JobIndex index) {
    const auto& job = scheduler_.jobs()[index].line;
    auto line = line_for(index, What::start);
    Descriptor watch;
    try {
      const auto pid = start_job(job, files_.script(job.token), environment_);
      line.pid = pid;
      watch = open_process(pid);
      if (!watch.open()) {
        // No descriptor is left to watch it by. It must not run unwatched, and has hardly begun.
        const int error = errno;
        signal_group(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        throw std::system_error(error, std::generic_category(), "cannot watch it");
      }
    } catch (const std::system_error& error) {
      return could_not_start(index, error, line.pid != 0);
    }
    line.pid_start = process_start(static_cast<pid_t>(line.pid)).value_or(0);
    note(line);
    scheduler_.started(line);
    run_on(index, static_cast<pid_t>(line.pid), std::move(watch), JobProcess::Kind::child);
    limit(index);
  }

  void could_not_start(JobIndex index, const std::system_error& error, bool was_alive) {
    const auto& job = scheduler_.jobs()[index].line;
    log(fmt::format("{} ({}) could not be started: {}", job.id, job.name, error.what()));
    if (may_pass(error.code().value()) && !was_alive) {
      put_off_ = true;
      put_back(index);
      return;
    }
    auto line = line_for(index, What::end);
    line.outcome = Outcome::failed;
    line.status = cannot_execute;
    line.reason = fmt::format("it could not be started in {}: {}", job.workdir, error.what());
    write_record(index, line);
    end(line);
  }

  void run_on(JobIndex index, pid_t pid, Descriptor watch, JobProcess::Kind kind) {
    const auto grace = limits_.kill_grace + (is_bare(index) ? worker_patience : Seconds{0});
    auto process = std::make_unique<JobProcess>(io_, pid, std::move(watch), kind, grace,
                                                [this, index] { ended(index); });
    processes_[index] = std::move(process);
  }

  void limit(JobIndex index) {
    const auto& job = scheduler_.jobs()[index];
    if (job.line.walltime.count() > 0)
      processes_.at(index)->limit(job.line.walltime - (now() - job.started.value_or(now())));
  }

  void ended(JobIndex index) {
    const auto found = processes_.find(index);
    const auto process = std::move(found->second);
    processes_.erase(found);
    unbegun_.erase(index);
    const auto stopped_as = process->stopped_as();
    if (const auto status = process->reap()) {
      auto line = line_for(index, What::end);
      const bool recorded = files_.has_record(line.token, "exit");
      end_by_status(*status, recorded, line);
      settle(index, line, recorded, stopped_as);
    } else {
      settle_by_record(index, stopped_as);
    }
    pump_soon();
  }

  // In the place of a job that could not write it.
  void write_record(JobIndex index, const JournalLine& line) {
    const auto& job = scheduler_.jobs()[index];
    try {
      replace_file(files_.spooled(line.token, "exit"), write_exit_record(record_of(line, job.started)));
    } catch (const std::system_error& error) {
      log(fmt::format("{}: cannot write its exit record: {}", line.id, error.what()));  // the journal has it
    }
  }

  // --- leaving
  // -------------------------------------------------------------------------------------------------------------
  void leave_if_idle() {
    const auto instant = std::chrono::steady_clock::now();
    if (!scheduler_.idle()) {
      idle_since_.reset();
      return;
    }
    if (!idle_since_) idle_since_ = instant;
    if (scheduler_.unfinished() > 0 && instant - *idle_since_ < held_patience) return;
    // Whoever appends does so under this lock and looks for a supervisor afterwards: either the line is seen
    // here, or the free lock is seen there.
    const FileLock writer(files_.writer, FileLock::Wait::yes);
    if (read_files()) return pump_soon();
    note({.what = What::idle,
          .time = now(),
          .queue = queue_reader_.offset(),
          .control = control_reader_.offset()});
    if (!flush()) return;
    log("nothing is left to do");
    left_ = true;
    { const FileLock given_up = std::move(lock_); }
    io_.stop();
  }

  RunFiles files_;
  Limits limits_;
  FileLock lock_;
  LineWriter journal_;
  LineReader queue_reader_, control_reader_;
  RecordLog records_;
  MpiSession mpi_session_;
  Scheduler scheduler_;
  asio::io_context io_{1};
  FileChanges changes_;
  asio::steady_timer tick_;
  WorkerPool workers_;
  JobEnvironment environment_;
  std::unordered_map<JobIndex, std::unique_ptr<JobProcess>> processes_;
  std::vector<JobIndex> elsewhere_;
  std::set<JobIndex> unbegun_;       // adopted, and not known to have begun
  std::vector<pid_t> predecessors_;  // on this machine; those that are not known to be gone
  std::vector<std::string> cancels_;
  std::string unwritten_;
  std::optional<std::chrono::steady_clock::time_point> idle_since_;
  bool put_off_ = false;  // nothing is started before the next tick
  bool pump_posted_ = false;
  bool left_ = false;
};

}  // namespace

int supervise_here(const std::string& run_directory, const Limits& limits,
                   const std::function<void()>& on_lock) {
  RunFiles files(run_directory);
  FileLock lock(files.lock, FileLock::Wait::no);
  if (lock.held()) {
    // For people: who it is.
    const auto pid = std::to_string(getpid()) + "\n";
    if (ftruncate(lock.fd(), 0) != 0 || pwrite(lock.fd(), pid.data(), pid.size(), 0) < 0)
      log("cannot write the lock file");
  }
  const bool mine = lock.held();
  if (on_lock) on_lock();
  if (!mine) return 0;
  return Supervisor(std::move(files), resolve(limits), std::move(lock)).run();
}

}  // namespace catena::local
