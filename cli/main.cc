// catena's command line: reads it, runs one verb, turns errors into a line on standard error and an exit
// code.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <new>

#include "cli/verbs.h"
#include "core/diagnostic.h"

namespace {

using namespace catena;

void print_error(std::string_view message, std::string_view remedy) {
  fmt::print(stderr, "catena: {}\n", message);
  if (!remedy.empty()) fmt::print(stderr, "  {}\n", remedy);
}

// "there is no verb 'staus' (did you mean 'status'?)" if that is what is wrong; CLI11 would only say that a
// verb is missing.
std::string unknown_verb(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--site-config") ++i;
    if (word.starts_with("-")) continue;
    std::vector<std::string_view> verbs;
    for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; }))
      verbs.push_back(verb->get_name());
    if (std::ranges::find(verbs, word) != verbs.end()) return {};
    const auto hint = suggestion(word, verbs);
    return fmt::format("there is no verb '{}'{}", word, hint.empty() ? "" : " (" + hint + ")");
  }
  return {};
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
  for (auto* add :
       {cli::add_validate,  cli::add_plan,      cli::add_run,   cli::add_status,  cli::add_list,
        cli::add_watch,     cli::add_wait,      cli::add_logs,  cli::add_why,     cli::add_cancel,
        cli::add_pause,     cli::add_resume,    cli::add_retry, cli::add_recover, cli::add_mark,
        cli::add_skip,      cli::add_fetch,     cli::add_gc,    cli::add_doctor,  cli::add_db,
        cli::add_adopt,     cli::add_translate, cli::add_sync,  cli::add_sites,   cli::add_version,
        cli::add_job_verbs, cli::add_supervise}) {
    add(app, context, chosen);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    const auto verb = unknown_verb(app, argc, argv);
    if (verb.empty()) {
      print_error(error.what(), "catena --help shows the verbs, catena VERB --help one of them");
    } else {
      print_error(verb, "catena --help shows the verbs");
    }
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
