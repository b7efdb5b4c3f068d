// The verbs, one file each. Each function adds its subcommand and what is done when it is chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/context.h"

namespace catena::cli {

struct Chosen {
  std::function<int()> action;  // gives the exit code
};

void add_validate(CLI::App& app, Context& context, Chosen& chosen);
void add_plan(CLI::App& app, Context& context, Chosen& chosen);
void add_run(CLI::App& app, Context& context, Chosen& chosen);
void add_status(CLI::App& app, Context& context, Chosen& chosen);
void add_list(CLI::App& app, Context& context, Chosen& chosen);
void add_watch(CLI::App& app, Context& context, Chosen& chosen);
void add_wait(CLI::App& app, Context& context, Chosen& chosen);
void add_logs(CLI::App& app, Context& context, Chosen& chosen);
void add_fetch(CLI::App& app, Context& context, Chosen& chosen);
void add_gc(CLI::App& app, Context& context, Chosen& chosen);
void add_doctor(CLI::App& app, Context& context, Chosen& chosen);
void add_why(CLI::App& app, Context& context, Chosen& chosen);
void add_cancel(CLI::App& app, Context& context, Chosen& chosen);
void add_pause(CLI::App& app, Context& context, Chosen& chosen);
void add_resume(CLI::App& app, Context& context, Chosen& chosen);
void add_retry(CLI::App& app, Context& context, Chosen& chosen);
void add_recover(CLI::App& app, Context& context, Chosen& chosen);
void add_mark(CLI::App& app, Context& context, Chosen& chosen);
void add_skip(CLI::App& app, Context& context, Chosen& chosen);
void add_sync(CLI::App& app, Context& context, Chosen& chosen);
void add_templates(CLI::App& app, Context& context, Chosen& chosen);
void add_events(CLI::App& app, Context& context, Chosen& chosen);
void add_sites(CLI::App& app, Context& context, Chosen& chosen);
void add_adopt(CLI::App& app, Context& context, Chosen& chosen);
void add_db(CLI::App& app, Context& context, Chosen& chosen);
void add_translate(CLI::App& app, Context& context, Chosen& chosen);
void add_version(CLI::App& app, Context& context, Chosen& chosen);
void add_job_verbs(CLI::App& app, Context& context, Chosen& chosen);
void add_supervise(CLI::App& app, Context& context, Chosen& chosen);

// Follows a run until it has ended or `deadline` has passed. Exit code as documented for `wait`.
int follow(Context& context, const std::string& run_id, bool show, std::optional<Time> deadline);
int exit_code_of(const RunRow& run);

}  // namespace catena::cli
