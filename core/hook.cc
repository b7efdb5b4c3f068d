#include "core/hook.h"

#include <algorithm>
#include <array>

#include "core/store.h"

namespace catena {
namespace {

constexpr std::array run_states{RunState::pending,   RunState::running, RunState::paused,
                                RunState::completed, RunState::failed,  RunState::cancelled,
                                RunState::recovering};

bool plain(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c != 0x7F; });
}

}  // namespace

bool matches(const Hook& hook, const Event& event) {
  const bool of_run = event.kind == "run";
  if (!of_run && event.kind != "state") return false;
  if (hook.of != Hook::Of::all && (hook.of == Hook::Of::run) != of_run) return false;
  return std::ranges::find(hook.on, event.to) != hook.on.end();
}

bool set_of(Hook& hook, std::string_view text) {
  if (text != "run" && text != "nodes" && text != "all") return false;
  hook.of = text == "run" ? Hook::Of::run : text == "nodes" ? Hook::Of::nodes : Hook::Of::all;
  return true;
}

std::vector<std::string_view> states_of(Hook::Of of) {
  std::vector<std::string_view> states;
  const auto add = [&](std::string_view state) {
    if (std::ranges::find(states, state) == states.end()) states.push_back(state);
  };
  if (of != Hook::Of::nodes) {
    for (const auto state : run_states) add(to_string(state));
  }
  if (of != Hook::Of::run) {
    for (const auto state : node_states()) add(to_string(state));
  }
  return states;
}

std::string check_address(std::string_view address) {
  const auto at = address.find('@');
  const bool good = plain(address) && !address.starts_with('-') && at != 0 && at + 1 != address.size() &&
                    address.find(',') == std::string_view::npos;
  return good && !address.empty() ? "" : "'" + std::string(address) + "' is no mail address";
}

std::string check_url(std::string_view url) {
  const bool good = plain(url) && (url.starts_with("https://") || url.starts_with("http://"));
  return good ? "" : "'" + std::string(url) + "' is no URL that begins with https:// or http://";
}

}  // namespace catena
