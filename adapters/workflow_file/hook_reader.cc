#include "adapters/workflow_file/hook_reader.h"

#include <algorithm>
#include <array>

#include "adapters/workflow_file/source.h"
#include "core/error.h"

namespace catena {
namespace {

// The states are looked at when `of` is known, which may stand behind them.
void hook_on(const Scope& scope, const Item& item, Hook& hook) {
  auto one = [&](const Item& each) {
    if (auto text = read_line(scope, each, "hooks.on")) hook.on.push_back(std::move(*text));
  };
  if (item.kind != Item::Kind::list) return one(item);
  for (const Item& child : item.children()) one(child);
}

void hook_of(const Scope& scope, const Item& item, Hook& hook) {
  auto text = read_line(scope, item, "hooks.of");
  if (text && !set_of(hook, *text))
    scope.error(item.at, fmt::format("hooks.of: expected run, nodes or all, got '{}'", *text));
}

void hook_command(const Scope& scope, const Item& item, Hook& hook) {
  if (item.kind == Item::Kind::list) {
    hook.command = read_lines(scope, item, "hooks.command");
    if (item.size == 0) scope.error(item.at, "hooks.command: it is empty");
  } else if (auto text = read_text(scope, item, "hooks.command")) {
    if (text->find_first_not_of(" \t\n") == std::string::npos)
      scope.error(item.at, "hooks.command: it is empty");
    hook.script = std::move(*text);
  }
}

void hook_mail(const Scope& scope, const Item& item, Hook& hook) {
  hook.mail = read_line(scope, item, "hooks.mail").value_or("");
  if (hook.mail.empty()) return;
  if (auto wrong = check_address(hook.mail); !wrong.empty())
    scope.error(item.at, fmt::format("hooks.mail: {}", wrong), "one address a hook");
}

void hook_webhook(const Scope& scope, const Item& item, Hook& hook) {
  hook.webhook = read_line(scope, item, "hooks.webhook").value_or("");
  if (hook.webhook.empty()) return;
  if (auto wrong = check_url(hook.webhook); !wrong.empty())
    scope.error(item.at, fmt::format("hooks.webhook: {}", wrong));
}

void hook_timeout(const Scope& scope, const Item& item, Hook& hook) {
  auto text = read_text(scope, item, "hooks.timeout");
  if (!text) return;
  const auto time = parse_duration(*text);
  if (!time || *time < Seconds{1} || *time > longest_hook) {
    scope.error(item.at, fmt::format("hooks.timeout: '{}' is not a time from 1s to 10m", *text), "write 30s");
  } else {
    hook.timeout = *time;
  }
}

constexpr Field<Hook> hook_fields[] = {{"on", hook_on},           {"of", hook_of},
                                       {"command", hook_command}, {"mail", hook_mail},
                                       {"webhook", hook_webhook}, {"timeout", hook_timeout}};

void check_states(const Scope& scope, const Item& on, const Hook& hook) {
  const auto known = states_of(hook.of);
  const auto every = states_of(Hook::Of::all);
  for (const auto& state : hook.on) {
    if (std::ranges::find(known, state) != known.end()) continue;
    std::string hint = suggestion(state, known);
    if (std::ranges::find(every, state) != every.end()) {
      hint = hook.of == Hook::Of::run ? "only nodes have that state: add of: nodes"
                                      : "only runs have that state: add of: run";
    } else if (hint.empty()) {
      hint = fmt::format("one of {}", fmt::join(known, ", "));
    }
    scope.error(on.at, fmt::format("hooks.on: unknown state '{}'", state), std::move(hint));
  }
}

}  // namespace

std::vector<Hook> read_hooks(const Scope& scope, const Item& item) {
  std::vector<Hook> hooks;
  if (!expect(scope, item, Item::Kind::list, "hooks")) return hooks;
  for (const Item& child : item.children()) {
    if (!expect(scope, child, Item::Kind::map, "hooks")) continue;
    Hook hook;
    read_fields<Hook>(scope, child, "hooks", hook_fields, hook);
    int actions = 0;
    for (const auto* name : {"command", "mail", "webhook"}) actions += child.find(name) != nullptr ? 1 : 0;
    if (actions != 1)
      scope.error(child.at, "hooks: each has one of command, mail and webhook", "write several hooks");
    if (const Item* on = child.find("on")) {
      check_states(scope, *on, hook);
    } else {
      scope.error(child.at, "hooks: 'on' is missing", "write on: failed, or on: [completed, failed]");
    }
    hooks.push_back(std::move(hook));
  }
  return hooks;
}

std::vector<Hook> read_hooks_file(const std::filesystem::path& file, Diagnostics& diagnostics) {
  std::error_code code;
  if (!std::filesystem::exists(file, code)) return {};
  const auto name = file.string();
  const Scope scope{diagnostics, name, {}};
  try {
    const auto source = Source::from_file(name);
    std::vector<DocumentProblem> problems;
    const Document document = parse_yaml(source.text(), problems);
    for (auto& problem : problems)
      scope.error(problem.at, std::move(problem.message), std::move(problem.hint));
    if (const Item* root = document.root()) return read_hooks(scope, *root);
  } catch (const Error& error) {
    scope.error({}, error.what());
  }
  return {};
}

}  // namespace catena
