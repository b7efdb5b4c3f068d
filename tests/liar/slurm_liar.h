// A SLURM that lies: a controller and its accounting within the test's own process, whose commands are small
// programs on PATH (liar_command.cc). Jobs really run, by bash. What it does right it does as SLURM 22.05 to
// 26.05 do (states, ids, texts and exit statuses as in tests/captured); it lies where it is told to, and
// remembers the truth, which the test can ask for.
//
// What its seed never makes it do, because no client could tell it from the truth: let a job arrive later
// than `latest_arrival`, leave out of the queue what it has not shown before, and deny in accounting what it
// has just left out of the queue.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace catena {

enum class Lie {
  none,
  // Of every command.
  absent,          // "Unable to contact slurm controller (connect failure)": nothing was done
  unauthorized,    // munge is down: nothing was done
  hung_undone,     // "Socket timed out on send/recv operation": nothing was done
  hung,            // the same, and it was done
  overdue,         // it is done, but the command takes longer than a client waits (`overdue_after`)
  garbage,         // exit status 0, bytes that mean nothing; it was done
  silence,         // exit status 0 and nothing printed; it was done
  failed_garbage,  // exit status 1 and bytes that mean nothing; sbatch had done it, a control had not
  failed_silence,  // exit status 1 and nothing printed; likewise
  // Of sbatch.
  late,             // hung, and the job arrives some time later
  refused,          // an account that may not be used
  refused_with_id,  // the same, but the refusal has used up an id and left a record under the job's name
  // Of squeue and sacct.
  truncated,      // the answer ends in the middle
  partly,         // some rows are missing
  database_down,  // sacct: "Problem talking to the database"
};

// How a job ends that does not end by itself, decided when it is accepted.
enum class Fate { by_itself, timeout, out_of_memory, node_fail, preempted, requeued, requeued_with_a_word };

class SlurmLiar {
 public:
  using Steady = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds latest_arrival{900}, overdue_after{1300};

  struct Settings {
    bool refuses_unknown_parents = false;       // as 24.11 and 26.05; 22.05 runs the child at once
    std::chrono::milliseconds accounting_lag{}; /* every change is seen that much later */
    std::chrono::milliseconds min_job_age{std::chrono::minutes(5)};  // then an ended job leaves the queue
    int slots = 8;                                                   // jobs that run at a time
    std::uint64_t seed = 0;
    double lying = 0;  // the share of commands that lie, and of jobs that do not end by themselves
  };

  // What became of a job that was accepted, however the command answered.
  struct Job {
    std::string id, name, node, token;
    std::string state = "PENDING";
    int starts = 0;
    bool held = false;
    bool lost = false;  // a controller that crashed has forgotten it
    bool by_scancel = false;
    bool refused = false;  // only the record that a refusal has left
    Fate fate = Fate::by_itself;

   private:
    friend class SlurmLiar;
    struct Dependency {
      std::string kind;
      std::size_t parent;
    };
    struct Row {  // of accounting
      Steady::time_point since;
      std::string state, exit;
      std::time_t started, ended;
    };
    std::vector<Dependency> dependencies;
    std::string script, directory, out, err, exit = "0:0";
    std::time_t submitted = 0, started = 0, ended = 0;
    Steady::time_point accepted, begins, strikes, left;
    Steady::time_point killed = Steady::time_point::max();  // when a TERM is followed by a KILL
    bool never = false, struck = false, shown = false;
    pid_t pid = 0;
    std::vector<Row> rows;
  };

  // `folder` is made; the commands find the liar by the variable that environment() gives.
  SlurmLiar(std::filesystem::path folder, const Settings& settings);
  ~SlurmLiar();  // ends what still runs
  SlurmLiar(const SlurmLiar&) = delete;
  SlurmLiar& operator=(const SlurmLiar&) = delete;

  // Shell words before a command: PATH and the liar's address.
  std::string environment() const;
  // The next calls of a command, each one's lie; they go before what the seed says.
  void next(const std::string& command, std::vector<Lie> lies);
  // All calls of a command until told otherwise with Lie::none.
  void always(const std::string& command, Lie lie);
  void next_fate(Fate fate);  // of the next job that is accepted
  void tell_the_truth();      // no lie from now on, also none that was told to come
  void change(const Settings& settings);
  // The controller is killed and comes back: it has forgotten the jobs of the last seconds that have not
  // started, and gives their ids out again.
  void crash();

  std::vector<Job> jobs() const;  // all ever accepted, in order
  std::vector<Job> jobs(const std::string& node) const;
  std::vector<std::string> calls() const;    // every command line, in order
  std::vector<std::string> refused() const;  // the nodes whose submission was refused
  bool idle() const;                         // nothing pending, running or on its way

 private:
  struct Request {
    std::vector<std::string> words;
    std::string input;
  };
  struct Reply {
    int status = 0;
    std::string out, err;
    std::chrono::milliseconds delay{};
  };
  void serve();
  void answer(int connection);
  Reply carry_out(const Request& request);
  Lie lie_for(const std::string& command);
  std::optional<Reply> outage(const std::string& command) const;
  Reply failure(const std::string& command, const std::string& text) const;
  Reply sbatch(const Request& request, Lie lie);
  static const char* reason_of(const Job& job);
  Reply squeue();
  Reply sacct(const Request& request) const;
  Reply scancel(const Request& request);
  Reply scontrol(const Request& request);
  Reply query(const std::string& command, Reply honest, Lie lie);
  Reply control(const std::string& command, const Request& request, Lie lie);

  std::string accept(Job job);
  void depend(Job& job, const std::string& list);
  void tick();
  void start(Job& job);
  void strike(Job& job);
  void reap(Job& job);
  void end(Job& job, const std::string& state, const std::string& exit);
  void write_row(Job& job);
  bool in_memory(const Job& job) const;
  Job* find(const std::string& id);

  const std::filesystem::path folder_;
  mutable std::mutex mutex_;
  Settings settings_;
  std::map<std::string, std::deque<Lie>> lies_;
  std::map<std::string, Lie> always_;
  std::map<std::string, int> counts_;
  bool queue_denied_ = false;  // the last answer of squeue left out jobs
  std::deque<Fate> fates_;
  bool truthful_ = false;
  Lie outage_ = Lie::none;
  Steady::time_point outage_ends_{};
  int next_id_ = 100;
  std::deque<Job> jobs_;
  std::vector<std::pair<Steady::time_point, Job>> on_their_way_;
  std::vector<std::string> calls_, refused_;
  int listener_ = -1;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace catena
