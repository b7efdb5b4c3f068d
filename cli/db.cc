// catena db check|backup|repair: whether the store is sound, a copy of it, and mending it.
#include <fmt/core.h>

#include "adapters/store/backup.h"
#include "adapters/store/examine.h"
#include "adapters/store/location.h"
#include "adapters/store/open.h"
#include "adapters/store/repair.h"
#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds busy_timeout = StoreOptions{}.busy_timeout;

fs::path existing_store() {
  auto file = store_file();
  std::error_code error;
  if (!fs::exists(file, error) && !error)
    throw Error(ErrorKind::not_found, fmt::format("there is no store {}", file.string()),
                "`catena run FILE` makes one; CATENA_HOME names its directory");
  return file;
}

std::function<bool(const Lease&)> alive_at(Time now) {
  return [now](const Lease& lease) { return is_alive(lease, now); };
}

boost::json::array to_json(const std::vector<Finding>& findings) {
  boost::json::array list;
  for (const auto& finding : findings) {
    list.push_back({{"level", finding.level == Finding::Level::note ? "note" : "PROBLEM"},
                    {"text", finding.text},
                    {"remedy", finding.remedy}});
  }
  return list;
}

void print(const std::vector<Finding>& findings) {
  std::string last;
  for (const auto& finding : findings) {
    // The remedy once for those that share it.
    if (!last.empty() && finding.remedy != last) fmt::print("         -> {}\n", last);
    last = finding.remedy;
    fmt::print("{:<8} {}\n", finding.level == Finding::Level::note ? "note" : "PROBLEM", finding.text);
  }
  if (!last.empty()) fmt::print("         -> {}\n", last);
}

int check(Context& context, bool json) {
  const auto file = existing_store();
  const auto found = examine(*open_for_reading(file, busy_timeout), alive_at(context.clock().now()));
  if (json) {
    fmt::print("{}\n", boost::json::serialize(boost::json::object{{"file", file.string()},
                                                                  {"sound", found.sound()},
                                                                  {"runs", found.runs},
                                                                  {"nodes", found.nodes},
                                                                  {"attempts", found.attempts},
                                                                  {"findings", to_json(found.findings)}}));
  } else {
    print(found.findings);
    fmt::print("{}: {} runs, {} nodes, {} attempts: {}\n", file.string(), found.runs, found.nodes,
               found.attempts, found.sound() ? "sound" : "not sound");
  }
  return found.sound() ? exit_ok : exit_internal;
}

int back_up_to(Context& context, const std::string& target, bool force) {
  const auto file = existing_store();
  const auto db = open_for_reading(file, busy_timeout);
  const auto place = target.empty() ? backup_name(file, context.clock().now()) : fs::absolute(target);
  std::error_code error;
  if (fs::equivalent(place, file, error))
    throw Error(ErrorKind::conflict, fmt::format("{}: is the store itself", place.string()),
                "name another file");
  back_up(*db, place, force);
  fmt::print("{}\n", place.string());
  return exit_ok;
}

int mend(Context& context, bool json) {
  const auto file = existing_store();
  const auto now = context.clock().now();
  const auto result = repair_store(file, backup_name(file, now), busy_timeout, alive_at(now));
  const bool sound = result.after.sound();
  if (json) {
    boost::json::object object{{"file", file.string()}, {"backup", nullptr}, {"sound", sound}};
    if (!result.backup.empty()) object["backup"] = result.backup.string();
    object["done"] = boost::json::array(result.done.begin(), result.done.end());
    object["findings"] = to_json(result.after.findings);
    fmt::print("{}\n", boost::json::serialize(object));
  } else {
    if (!result.backup.empty()) fmt::print("as it was: {}\n", result.backup.string());
    for (const auto& sentence : result.done) fmt::print("{}\n", sentence);
    print(result.after.findings);
    fmt::print("{}: {}\n", file.string(),
               !sound                  ? "not sound: what is left cannot be mended"
               : result.backup.empty() ? "sound: nothing to mend"
                                       : "sound");
  }
  return sound ? exit_ok : exit_internal;
}

}  // namespace

void add_db(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("db", "check, back up or repair the store of all runs");
  verb->require_subcommand(1);
  struct Options {
    std::string target;
    bool json = false, force = false;
  };
  auto options = std::make_shared<Options>();

  auto* checking = verb->add_subcommand("check", "say what is wrong with the store; changes nothing");
  checking->add_flag("--json", options->json, "as JSON");
  checking->footer("Example:  catena db check\nExit code 70 if there is a problem.");
  checking->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return check(context, options->json); };
  });

  auto* copying =
      verb->add_subcommand("backup", "copy the store, also while runs go on; prints the copy's name");
  copying->add_option("file", options->target, "default: beside the store, with the time in its name")
      ->type_name("FILE");
  copying->add_flag("--force", options->force, "replace FILE if it exists");
  copying->footer(
      "Example:  catena db backup ~/catena-backup.db\nTo go back to a copy, put it in the store's place.");
  copying->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return back_up_to(context, options->target, options->force); };
  });

  auto* repairing = verb->add_subcommand("repair", "back the store up, then mend what can be mended");
  repairing->add_flag("--json", options->json, "as JSON");
  repairing->footer(
      "Example:  catena db repair\nIt invents nothing: what cannot be known is left out, and named.");
  repairing->callback([&context, &chosen, options] {
    chosen.action = [&context, options] { return mend(context, options->json); };
  });
  verb->footer("Example:  catena db check");
}

}  // namespace catena::cli
