// catena's command line: reads it, runs one verb, turns errors into a line on standard error and an exit
// code.
#include <fmt/core.h>

#include <csignal>
#include <new>

#include "cli/verbs.h"

namespace {

using namespace catena;

void print_error(std::string_view message, std::string_view remedy) {
  fmt::print(stderr, "catena: {}\n", message);
  if (!remedy.empty()) fmt::print(stderr, "  {}\n", remedy);
}

int run(int argc, char** argv) {
  CLI::App app{"catena chains batch jobs: it turns a workflow's edges into the scheduler's own dependencies.",
               "catena"};
  app.require_subcommand(1);
  app.footer(
      "Start with:  catena validate workflow.yaml\n             catena run workflow.yaml --wait\nExit codes: "
      "docs/commands.md");
  cli::Context context;
  cli::Chosen chosen;
  app.add_option("--site-config", context.site_config, "a site file to use before all others")
      ->type_name("FILE");
  for (auto* add : {cli::add_validate, cli::add_plan, cli::add_run, cli::add_status, cli::add_list,
                    cli::add_watch, cli::add_wait, cli::add_logs, cli::add_why, cli::add_cancel,
                    cli::add_sync, cli::add_sites, cli::add_version, cli::add_supervise}) {
    add(app, context, chosen);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    print_error(error.what(), "catena --help shows the verbs, catena VERB --help one of them");
    return exit_usage;
  }
  return chosen.action();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_IGN);  // `catena plan | head` and a dead pipe to a scheduler's command are errors to handle
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    print_error(error.what(), error.remedy());
    return exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    print_error("out of memory", "");
  } catch (const std::exception& error) {
    print_error(fmt::format("internal error: {}", error.what()),
                "please report this with the command that led to it");
  }
  return exit_internal;
}
