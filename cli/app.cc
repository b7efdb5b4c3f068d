#include "cli/app.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <new>
#include <system_error>

#include "cli/verbs.h"
#include "core/diagnostic.h"

namespace catena::cli {
namespace {

// fmt::print() would throw where nobody reads standard error.
void print_error(std::string_view message, std::string_view remedy) {
  auto text = fmt::format("catena: {}\n", message);
  if (!remedy.empty()) text += fmt::format("  {}\n", remedy);
  std::fputs(text.c_str(), stderr);
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

int run(int argc, char** argv, Wrapping wrapping) {
  CLI::App app{"catena chains batch jobs: it turns a workflow's edges into the scheduler's own dependencies.",
               "catena"};
  app.require_subcommand(1);
  app.footer(
      "Start with:  catena validate workflow.yaml\n             catena run workflow.yaml --wait\nExit codes: "
      "docs/commands.md");
  Context context(std::move(wrapping));
  Chosen chosen;
  app.add_option("--site-config", context.site_config, "a site file to use before all others")
      ->type_name("FILE");
  for (auto* add : {add_validate, add_plan,      add_run,       add_status,    add_list,     add_watch,
                    add_wait,     add_logs,      add_why,       add_cancel,    add_pause,    add_resume,
                    add_retry,    add_recover,   add_mark,      add_skip,      add_fetch,    add_gc,
                    add_doctor,   add_db,        add_adopt,     add_translate, add_sync,     add_sites,
                    add_version,  add_supervise, add_templates, add_events,    add_job_verbs}) {
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

int run_command_line(int argc, char** argv, Wrapping wrapping) {
  std::signal(SIGPIPE,
              SIG_IGN);  // `catena plan | head` and a dead pipe to a scheduler's command are errors to handle
  try {
    return run(argc, argv, std::move(wrapping));
  } catch (const Error& error) {
    print_error(error.what(), error.remedy());
    return exit_code(error.kind());
  } catch (const std::bad_alloc&) {
    print_error("out of memory", "");
  } catch (const std::exception& error) {
    const auto* system = dynamic_cast<const std::system_error*>(&error);
    if (system && system->code() == std::errc::broken_pipe) return 128 + SIGPIPE;  // `| head` has seen enough
    print_error(fmt::format("internal error: {}", error.what()),
                "please report this with the command that led to it");
  }
  return exit_internal;
}

}  // namespace catena::cli
