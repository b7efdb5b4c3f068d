// catena watch RUN, catena wait RUN: follow a run until it has ended.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "adapters/local/line_file.h"
#include "adapters/local/records.h"
#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

// A bar for each node of the document, drawn over the last picture on a terminal.
class Screen {
 public:
  void draw(const Run& run, Time now) {
    std::string picture =
        fmt::format("{} {}  {} on {}  {}\n", run.row.name, run.row.id, to_string(run.row.state), run.row.site,
                    duration_text(now - run.row.created));
    std::size_t lines = 1;
    constexpr std::size_t most = 20;
    for (const auto& [spec, counts] : by_spec(run)) {
      if (++lines > most) {
        picture += fmt::format("  … {} nodes in all: {}\n", run.graph.size(), counts_text(run.row));
        break;
      }
      picture += bar(run.workflow.nodes[spec].name, counts);
    }
    lines = static_cast<std::size_t>(std::ranges::count(picture, '\n'));
    std::string out;
    if (lines_ > 0) out = fmt::format("\x1b[{}A\x1b[J", lines_);
    fmt::print("{}{}", out, picture);
    std::fflush(stdout);
    lines_ = lines;
  }

 private:
  using Counts = std::map<NodeState, std::size_t>;
  static std::map<std::uint32_t, Counts> by_spec(const Run& run) {
    std::map<std::uint32_t, Counts> all;
    for (NodeIndex i = 0; i < run.graph.size(); ++i) ++all[run.graph.node(i).spec][run.nodes[i].state];
    return all;
  }
  static std::string bar(const std::string& name, const Counts& counts) {
    constexpr std::size_t width = 30;
    std::size_t total = 0, done = 0, running = 0;
    std::string words;
    for (const auto& [state, count] : counts) {
      total += count;
      if (terminal(state)) done += count;
      if (state == NodeState::running) running += count;
      words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, to_string(state));
    }
    const auto full = width * done / total;
    const auto half = std::min(width - full, width * running / total);
    std::string drawn;
    for (std::size_t i = 0; i < width; ++i) drawn += i < full ? '#' : i < full + half ? '>' : '.';
    return fmt::format("  {:<20} [{}] {}\n", name, drawn, words);
  }
  std::size_t lines_ = 0;
};

using std::chrono::milliseconds;

// The supervisor of a run on this machine leaves when there is nothing left to do: that is seen at once.
void wait_for_news(Clock& clock, const std::string& supervisor_lock, milliseconds pause) {
  constexpr milliseconds slice{20};
  const auto working = [&] {
    try {
      return local::is_locked(supervisor_lock);
    } catch (const std::system_error&) {
      return false;  // the next look says what is wrong with the run's files
    }
  };
  const bool at_first = working();
  for (auto left = pause; left.count() > 0; left -= slice) {
    clock.sleep(std::min(left, slice));
    if (at_first && !working()) return;
  }
}

}  // namespace

int exit_code_of(const RunRow& run) {
  switch (run.state) {
    case RunState::completed:
      return exit_ok;
    case RunState::cancelled:
      return exit_run_cancelled;
    default:
      return exit_run_failed;
  }
}

int follow(Context& context, const std::string& run_id, bool show, std::optional<Time> deadline) {
  Run run = context.load_run(run_id);
  const auto& bench = context.workbench(run.row.site);
  const local::RunFiles files(run.row.directory);  // on this machine
  const bool terminal_screen = show && isatty(STDOUT_FILENO) == 1;
  Lines lines(show && !terminal_screen);
  Screen screen;
  while (true) {
    const auto before = std::chrono::steady_clock::now();
    if (!terminal(run.row.state)) {
      const auto trouble = context.drive({&run}, lines, true);
      if (trouble) lines.trouble(trouble->what());
    }
    if (terminal_screen) screen.draw(run, context.clock().now());
    if (terminal(run.row.state)) break;
    if (deadline && context.clock().now() >= *deadline) {
      fmt::print(stderr, "catena: run {} has not ended yet: {}\n", run.row.id, counts_text(run.row));
      return exit_timeout;
    }
    if (bench.dialect) {
      context.clock().sleep(bench.site.poll);
      continue;
    }
    // A tenth of a CPU at most: the rest is the jobs'.
    const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - before);
    auto pause = std::clamp(10 * took, milliseconds{200}, milliseconds{5000});
    if (deadline) pause = std::min(pause, milliseconds(*deadline - context.clock().now()));
    wait_for_news(context.clock(), files.lock, pause);
  }
  if (show) {
    fmt::print("run {} {}{}: {}\n", run.row.id, to_string(run.row.state),
               run.row.reason.empty() ? "" : ": " + run.row.reason, counts_text(run.row));
  }
  return exit_code_of(run.row);
}

void add_watch(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("watch", "follow a run live; ends with it, and with its exit code");
  auto run = std::make_shared<std::string>();
  verb->add_option("run", *run, "a run's id or its workflow's name; default: the latest run")
      ->type_name("RUN");
  verb->footer("Example:  catena watch silicon-eos\nLeave it with Ctrl-C: the run goes on without it.");
  verb->callback([&context, &chosen, run] {
    chosen.action = [&context, run] {
      return follow(context, context.find_run(*run).id, true, std::nullopt);
    };
  });
}

void add_wait(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb =
      app.add_subcommand("wait", "wait in silence until a run has ended; exit code 0 if it completed");
  auto run = std::make_shared<std::string>();
  auto limit = std::make_shared<std::string>();
  verb->add_option("run", *run, "a run's id or its workflow's name; default: the latest run")
      ->type_name("RUN");
  verb->add_option("--timeout", *limit, "give up after this time (30s, 10m, 2h), with exit code 10")
      ->type_name("TIME");
  verb->footer("Example:  catena wait silicon-eos --timeout 2h && ./publish");
  verb->callback([&context, &chosen, run, limit] {
    chosen.action = [&context, run, limit] {
      std::optional<Time> deadline;
      if (!limit->empty()) {
        const auto time = parse_duration(*limit);
        if (!time)
          throw Error(ErrorKind::usage, fmt::format("--timeout {}: not a time", *limit),
                      "write 30s, 10m or 2h");
        deadline = context.clock().now() + *time;
      }
      return follow(context, context.find_run(*run).id, false, deadline);
    };
  });
}

}  // namespace catena::cli
