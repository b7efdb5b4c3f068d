// The program, killed at a point: catena with kill points before and after everything that it writes to its
// store and everything that it asks of the world.
//
//   CATENA_CRASH_LOG=FILE   each point that is passed adds a line, over all the processes that share the file
//   CATENA_CRASH_AT=N[,M…]  the process that passes the N-th point is killed there; the M-th after that kills
//                           again; in the place of a number, a name: the next point that is called so
//   CATENA_CRASH_CUT=FILE   instead of being killed, the process makes this file, and waits until it has
//   gone:
//                           who looks for it cuts the connection meanwhile
#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/store/sqlite_store.h"
#include "cli/app.h"

namespace catena {
namespace {

class KillPoints {
 public:
  KillPoints() {
    const char* log = getenv("CATENA_CRASH_LOG");
    if (!log) return;
    if (const char* at = getenv("CATENA_CRASH_AT")) {
      std::istringstream numbers(at);
      for (std::string number; std::getline(numbers, number, ',');) at_.push_back(number);
    }
    std::ifstream before(log);
    for (std::string line; std::getline(before, line);) {
      ++passed_;
      if (!line.ends_with(here_mark)) continue;
      passed_ = 0;
      ++deaths_;
    }
    log_ = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  void pass(const std::string& name) {
    if (log_ < 0) return;
    ++passed_;
    const bool here =
        deaths_ < at_.size() && (at_[deaths_] == name || at_[deaths_] == std::to_string(passed_));
    const auto line = fmt::format("{}{}\n", name, here ? here_mark : "");
    if (write(log_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
    if (!here) return;
    if (const char* file = getenv("CATENA_CRASH_CUT")) {
      ++deaths_;
      passed_ = 0;
      std::ofstream(file).close();
      while (access(file, F_OK) == 0) usleep(1000);
      return;
    }
    kill(getpid(), SIGKILL);
    while (true) pause();
  }

 private:
  static constexpr const char* here_mark = " HERE";
  std::vector<std::string> at_;
  int log_ = -1;
  int passed_ = 0;
  std::size_t deaths_ = 0;
};

KillPoints& points() {
  static KillPoints all;
  return all;
}

// A call between two points. After an exception there is no second one: what was asked for was not done.
template <typename F>
decltype(auto) between(const std::string& name, F&& call) {
  struct After {
    const std::string& name;
    int exceptions = std::uncaught_exceptions();
    ~After() {
      if (std::uncaught_exceptions() == exceptions) points().pass(name + " after");
    }
  };
  points().pass(name + " before");
  const After after{name};
  return call();
}

class MortalStore : public Store {
 public:
  explicit MortalStore(Store& store) : store_(store) { points().pass("store.open after"); }
  void create(const RunRow& run, const Snapshot& snapshot, const Graph& graph) override {
    between("store.create", [&] { store_.create(run, snapshot, graph); });
  }
  void apply(const std::string& run_id, const Changes& changes, Time now) override {
    between("store.apply " + what(changes), [&] { store_.apply(run_id, changes, now); });
  }
  std::vector<RunRow> runs(const RunFilter& filter) override { return store_.runs(filter); }
  RunRecord load(const std::string& run_id) override { return store_.load(run_id); }
  std::vector<NodeStatus> nodes(const std::string& run_id, Which which, std::size_t limit) override {
    return store_.nodes(run_id, which, limit);
  }
  std::vector<Event> events(const std::string& run_id, std::int64_t after_id, NodeIndex node) override {
    return store_.events(run_id, after_id, node);
  }
  std::vector<ResultRow> results(const std::string& run_id) override { return store_.results(run_id); }
  std::vector<Attempt> attempts(const std::string& run_id, NodeIndex node) override {
    return store_.attempts(run_id, node);
  }

 private:
  // In which states the attempts, nodes and the run are left.
  static std::string what(const Changes& changes) {
    std::vector<std::string> words;
    for (const auto& attempt : changes.attempts) {
      words.emplace_back(to_string(attempt.state));
    }
    for (const auto& [node, row] : changes.nodes) words.emplace_back(to_string(row.state));
    if (changes.run) words.push_back(fmt::format("run {}", to_string(changes.run->first)));
    std::ranges::sort(words);
    words.erase(std::unique(words.begin(), words.end()), words.end());
    return words.empty() ? "observed" : fmt::format("{}", fmt::join(words, ","));
  }
  Store& store_;
};

class MortalLeases : public Leases {
 public:
  explicit MortalLeases(Leases& leases) : leases_(leases) {}
  std::optional<Lease> acquire(const std::string& run_id, const Lease& mine,
                               const std::function<bool(const Lease&)>& is_alive) override {
    return between("leases.acquire", [&] { return leases_.acquire(run_id, mine, is_alive); });
  }
  void release(const std::string& run_id, const Lease& mine) override {
    between("leases.release", [&] { leases_.release(run_id, mine); });
  }

 private:
  Leases& leases_;
};

class MortalTransport : public Transport {
 public:
  explicit MortalTransport(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
  std::string where() const override { return transport_->where(); }
  CommandResult run(const Command& command, const LineSink& on_line) override {
    const auto what = name(command);
    LineSink sink;
    if (on_line) {
      sink = [&](std::string_view line) {
        if (what == submission) points().pass("transport.run a reply of the submission program");
        on_line(line);
      };
    }
    return between("transport.run " + what, [&] { return transport_->run(command, sink); });
  }
  CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) override {
    return between("transport.stream " + name(command),
                   [&] { return transport_->stream(command, input, output); });
  }
  void put(std::span<const FileToPut> files, const std::string& root, const Progress& progress) override {
    between("transport.put", [&] { transport_->put(files, root, progress); });
  }
  FilesGot get(std::span<const FilesToGet> sets, const Progress& progress) override {
    return between("transport.get", [&] { return transport_->get(sets, progress); });
  }
  void make_directories(std::span<const std::string> paths) override {
    between("transport.make_directories", [&] { transport_->make_directories(paths); });
  }
  std::optional<FileInfo> stat(const std::string& path) override {
    return between("transport.stat", [&] { return transport_->stat(path); });
  }
  void read(const std::string& path, std::uintmax_t offset, const ByteSink& sink) override {
    between("transport.read", [&] { transport_->read(path, offset, sink); });
  }

 private:
  static constexpr const char* submission = "the submission program";
  static std::string name(const Command& command) {
    constexpr std::array commands{"squeue", "sacct", "scancel", "scontrol"};
    const auto& argv = command.argv;
    for (auto word = argv.begin(); word != argv.end(); ++word) {
      if (std::ranges::find(commands, *word) == commands.end()) continue;
      return *word == "scontrol" && word + 1 != argv.end() ? *word + " " + word[1] : *word;
    }
    const bool sh = argv.front() == "sh" && argv.size() > 1;
    if (sh && argv[1] == "-s") return submission;
    if (sh && argv[1] == "-c" && argv.size() > 2)
      return argv[2].find("xargs mv") != std::string::npos ? "records put away" : "records read";
    return command.input.find("sacct") != std::string::npos ? "sacct, several" : argv.front();
  }
  std::unique_ptr<Transport> transport_;
};

class MortalBackend : public Backend {
 public:
  explicit MortalBackend(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}
  void prepare(const std::string& run_directory, std::span<const std::string> directories,
               std::span<const FileToPut> files, const Progress& progress) override {
    between("backend.prepare", [&] { backend_->prepare(run_directory, directories, files, progress); });
  }
  void submit(const Submission& submission, const AnswerSink& sink) override {
    between("backend.submit", [&] {
      backend_->submit(submission, [&](const Answer& answer) {
        points().pass("backend.submit an answer");
        sink(answer);
      });
    });
  }
  Observation observe(std::span<const JobRef> jobs) override {
    return between("backend.observe", [&] { return backend_->observe(jobs); });
  }
  std::optional<std::size_t> queued() override {
    return between("backend.queued", [&] { return backend_->queued(); });
  }
  std::vector<std::string> control(Action action, std::span<const ControlTarget> targets) override {
    static constexpr std::array names{"release", "hold", "cancel", "repoint"};
    return between(fmt::format("backend.control {}", names.at(static_cast<std::size_t>(action))),
                   [&] { return backend_->control(action, targets); });
  }
  void put_away(const std::vector<std::string>& spooled) override {
    between("backend.put_away", [&] { backend_->put_away(spooled); });
  }
  Transport& transport() override { return backend_->transport(); }

 private:
  std::unique_ptr<Backend> backend_;
};

cli::Wrapping mortal() {
  cli::Wrapping wrapping;
  wrapping.store = [](Store& store) { return std::make_unique<MortalStore>(store); };
  wrapping.leases = [](Leases& leases) { return std::make_unique<MortalLeases>(leases); };
  wrapping.transport = [](std::unique_ptr<Transport> transport) -> std::unique_ptr<Transport> {
    return std::make_unique<MortalTransport>(std::move(transport));
  };
  wrapping.backend = [](std::unique_ptr<Backend> backend, const Site& site) -> std::unique_ptr<Backend> {
    if (site.scheduler != "local") return backend;  // its transport has the points
    return std::make_unique<MortalBackend>(std::move(backend));
  };
  return wrapping;
}

}  // namespace
}  // namespace catena

int main(int argc, char** argv) {
  return catena::cli::run_command_line(argc, argv, catena::mortal());
}
