#include "adapters/hooks/delivery.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "core/error.h"
#include "core/split.h"

namespace catena::hooks {
namespace {

std::string iso_time(Time time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

// For a header or a variable: line breaks and NULs would end it.
std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

std::string what_happened(const Call& call) {
  return call.node.empty()
             ? fmt::format("{} {} is {}", call.run.name, call.run.id, call.event.to)
             : fmt::format("{} {}: {} is {}", call.run.name, call.run.id, call.node, call.event.to);
}

std::string message(const Hook& hook, const Call& call) {
  std::string text = fmt::format(
      "To: {}\nSubject: catena: {}\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
      "Content-Type: text/plain; charset=UTF-8\n\n",
      hook.mail, one_line(what_happened(call)));
  text += fmt::format("{}\n", one_line(what_happened(call)));
  if (!call.event.text.empty()) text += fmt::format("{}\n", call.event.text);
  text += fmt::format("\nsite:      {}\ndirectory: {}\nworkflow:  {}\ntime:      {}\n", call.run.site,
                      call.run.directory, call.run.file, iso_time(call.event.time));
  return text + fmt::format("\ncatena status {0}\ncatena events {0}\n", call.run.id);
}

// Which hook it was, for the record. Of a URL the path may be a secret.
std::string name_of(const Hook& hook) {
  if (!hook.mail.empty()) return fmt::format("mail to {}", hook.mail);
  if (!hook.webhook.empty()) {
    const auto path = hook.webhook.find('/', hook.webhook.find("//") + 2);
    auto host = hook.webhook.substr(0, path);
    if (const auto login = host.find('@'); login != std::string::npos) host = host.substr(login + 1);
    return fmt::format("webhook {}", host);
  }
  constexpr std::size_t shown = 60;
  auto text = one_line(hook.command.empty() ? hook.script : fmt::format("{}", fmt::join(hook.command, " ")));
  if (text.size() > shown) text = text.substr(0, shown) + "…";
  return fmt::format("command {}", text);
}

}  // namespace

std::string json_of(const Call& call) {
  boost::json::object object{{"run", call.run.id},
                             {"workflow", call.run.name},
                             {"file", call.run.file},
                             {"site", call.run.site},
                             {"directory", call.run.directory},
                             {"id", call.event.id},
                             {"time", iso_time(call.event.time)},
                             {"node", nullptr},
                             {"attempt", call.event.attempt},
                             {"state", call.event.to},
                             {"from", call.event.from},
                             {"reason", call.event.text}};
  if (!call.node.empty()) object["node"] = call.node;
  return boost::json::serialize(object) + "\n";
}

Command command_for(const Hook& hook, const Call& call, const std::string& mailer) {
  Command command;
  command.timeout = std::chrono::milliseconds(hook.timeout);
  if (!hook.mail.empty()) {
    for (const auto word : split_words(mailer)) command.argv.emplace_back(word);
    command.input = message(hook, call);
    return command;
  }
  command.input = json_of(call);
  if (!hook.webhook.empty()) {
    command.argv = {"curl",          "--silent",
                    "--show-error",  "--fail",
                    "--output",      "/dev/null",
                    "--max-time",    std::to_string(hook.timeout.count()),
                    "--header",      "Content-Type: application/json",
                    "--data-binary", "@-",
                    "--url",         hook.webhook};
    command.timeout += std::chrono::seconds(2);  // curl's own word of a time-out is the better one
    return command;
  }
  command.argv = {"env"};
  const auto set = [&](const char* name, const std::string& value) {
    command.argv.push_back(fmt::format("CATENA_{}={}", name, one_line(value)));
  };
  set("RUN", call.run.id);
  set("WORKFLOW", call.run.name);
  set("WORKFLOW_FILE", call.run.file);
  set("SITE", call.run.site);
  set("RUN_DIR", call.run.directory);
  set("EVENT", std::to_string(call.event.id));
  set("TIME", iso_time(call.event.time));
  set("NODE", call.node);
  set("ATTEMPT", std::to_string(call.event.attempt));
  set("STATE", call.event.to);
  set("FROM", call.event.from);
  set("REASON", call.event.text);
  for (const char* word : {"sh", "-c", "cd -- \"$1\" 2> /dev/null; shift; exec \"$@\"", "sh"})
    command.argv.emplace_back(word);
  command.argv.push_back(std::filesystem::path(call.run.file).parent_path().string());
  if (hook.command.empty()) {
    for (const auto& word : {std::string("sh"), std::string("-c"), hook.script}) command.argv.push_back(word);
  } else {
    command.argv.insert(command.argv.end(), hook.command.begin(), hook.command.end());
  }
  return command;
}

void Delivery::begin(const std::string& run_id) {
  if (!cursors_.cursor(run_id)) cursors_.move_cursor(run_id, 0);
}

std::optional<std::string> Delivery::call(const Hook& hook, const Call& call, const std::string& mailer) {
  try {
    const auto result = here_.run(command_for(hook, call, mailer));
    if (result.timed_out) return fmt::format("it took longer than {} s", hook.timeout.count());
    if (result.status == 0) return std::nullopt;
    const auto said = one_line(result.err.substr(0, std::min<std::size_t>(result.err.find('\n'), 300)));
    return fmt::format("exit {}{}{}", result.status, said.empty() ? "" : ": ", said);
  } catch (const Error& error) {
    return one_line(error.what());
  }
}

std::vector<Event> Delivery::deliver(const std::string& run_id, const std::vector<Hook>& hooks,
                                     const std::string& mailer) {
  std::vector<Event> failures;
  if (hooks.empty()) return failures;
  const auto start = clock_.now();
  std::vector<NodeStatus> nodes;
  auto last = cursors_.cursor(run_id).value_or(0);
  auto moved = last;  // where the cursor is in the store
  // Failures are events themselves: they are passed by in the next round.
  for (auto events = store_.events(run_id, last, no_node); !events.empty();
       events = store_.events(run_id, last, no_node)) {
    const auto run = store_.runs({run_id, false, 1}).front();
    for (const auto& event : events) {
      bool called = false;
      for (const auto& hook : hooks) {
        if (!matches(hook, event)) continue;
        if (clock_.now() - start >= budget_) {
          if (last != moved) cursors_.move_cursor(run_id, last);
          return failures;
        }
        if (event.node != no_node && nodes.empty()) nodes = store_.nodes(run_id, Which::all, 0);
        const Call about{run, event, event.node == no_node ? "" : nodes.at(event.node).name};
        called = true;
        const auto wrong = call(hook, about, mailer);
        if (!wrong) continue;
        Event failure;
        failure.kind = "hook failed";
        failure.time = clock_.now();
        failure.node = event.node;
        failure.attempt = event.attempt;
        failure.text = fmt::format("{}: {}", name_of(hook), *wrong);
        Changes changes;
        changes.events.push_back(failure);
        store_.apply(run_id, changes, failure.time);
        failures.push_back(std::move(failure));
      }
      last = event.id;
      if (!called) continue;
      cursors_.move_cursor(run_id, last);
      moved = last;
    }
  }
  if (last != moved) cursors_.move_cursor(run_id, last);
  return failures;
}

}  // namespace catena::hooks
