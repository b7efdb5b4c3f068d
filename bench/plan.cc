// What a large graph costs before the first job is submitted: read, check, plan, record; with the peak of
// memory.
//   build/release/bench/plan_bench [NODES…]        default: 1000 10000 100000
// Each size runs in a process of its own, so that its peak is its own. The limit beside it: SQLite's bare
// insertion of as many rows into one table, in one transaction, which no store of rows can beat.
#include "core/plan.h"

#include <fmt/core.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/store/sqlite_store.h"
#include "adapters/workflow_file/workflow_reader.h"
#include "core/engine.h"
#include "core/expand.h"
#include "core/retry.h"

namespace {

using namespace catena;
namespace fs = std::filesystem;

// Layers of a hundred; each node after two of the layer before.
void write_workflow(const fs::path& file, int nodes) {
  std::ofstream out(file);
  out << R"({"name": "bench", "defaults": {"resources": {"tasks": 1, "memory": "1G", "walltime": "00:10:00"}}, "nodes": {)";
  for (int i = 0; i < nodes; ++i) {
    out << (i == 0 ? "" : ",\n")
        << fmt::format(R"("n{}": {{"run": "echo {} > out.txt", "outputs": ["out.txt"])", i, i);
    if (i >= 100)
      out << fmt::format(R"(, "after": ["n{}", "n{}"])", i - 100, i - 100 + (i % 100 == 99 ? -1 : 1));
    out << "}";
  }
  out << "}}\n";
}

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

double bare_inserts(const fs::path& file, int rows) {
  sqlite3* db = nullptr;
  sqlite3_open(file.c_str(), &db);
  sqlite3_exec(
      db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c TEXT); BEGIN IMMEDIATE",
      nullptr, nullptr, nullptr);
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO t(b, c) VALUES (?, 'pending')", -1, &insert, nullptr);
  Stopwatch watch;
  for (int i = 0; i < rows; ++i) {
    const auto name = fmt::format("n{}", i);
    sqlite3_bind_text(insert, 1, name.c_str(), -1, SQLITE_TRANSIENT);
    sqlite3_step(insert);
    sqlite3_reset(insert);
  }
  sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
  const double seconds = watch.lap();
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return seconds;
}

void measure(const fs::path& dir, int nodes) {
  const auto file = dir / fmt::format("{}.json", nodes);
  write_workflow(file, nodes);
  Stopwatch watch;
  Diagnostics diagnostics;
  auto source = Source::from_file(file.string());
  auto workflow = read_workflow(source, {}, diagnostics).workflow;
  const double read = watch.lap();
  auto graph = expand(workflow, diagnostics);
  check(workflow, graph, diagnostics);
  diagnostics.throw_if_any();
  const double checked = watch.lap();
  std::vector<NodeRow> rows(graph.size());
  const std::vector<const Attempt*> none(graph.size());
  auto plan = make_plan(graph, rows, none, may_be_tried_again(workflow, graph, rows), false);
  const double planned = watch.lap();
  SqliteStore store(dir / fmt::format("{}.db", nodes), OpenMode::read_write);
  RunRow run;
  run.id = fmt::format("b{}", nodes);
  run.name = "bench";
  store.create(run, source.snapshot(), graph);
  const double created = watch.lap();
  Changes intents;  // what `run` records before the submission, window by window
  for (const auto& each : plan.submit) {
    Attempt attempt;
    attempt.node = each.node;
    attempt.token = make_token(run.directory, graph.node(each.node).name, 1);
    rows[each.node].attempts = 1;
    intents.attempts.push_back(std::move(attempt));
    intents.nodes.emplace_back(each.node, rows[each.node]);
    if (intents.attempts.size() == 1000 || &each == &plan.submit.back()) {
      store.apply(run.id, intents, Time{});
      intents = {};
    }
  }
  const double intended = watch.lap();
  const double total = read + checked + planned + created + intended;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double bare =
      bare_inserts(dir / fmt::format("{}.bare", nodes), nodes + static_cast<int>(graph.edge_count()) + nodes);
  fmt::print("{:>8} {:>8} {:>7.3f} {:>7.3f} {:>7.3f} {:>7.3f} {:>7.3f} {:>8.3f} {:>7} {:>10.3f}\n", nodes,
             graph.edge_count(), read, checked, planned, created, intended, total, usage.ru_maxrss / 1024,
             bare);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::atoi(argv[i]));
  if (sizes.empty()) sizes = {1000, 10000, 100000};
  char name[] = "/tmp/catena-bench.XXXXXX";
  const fs::path dir = mkdtemp(name);
  fmt::print("{:>8} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8} {:>7} {:>10}\n", "nodes", "edges", "read s",
             "check", "plan", "create", "intend", "total s", "MB", "bare rows s");
  std::fflush(stdout);
  int failed = 0;
  for (const int size : sizes) {
    const auto pid = fork();
    if (pid == 0) {
      measure(dir, size);
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    failed += status != 0;
  }
  fs::remove_all(dir);
  return failed;
}
