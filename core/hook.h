// What is done beside the run when it, or one of its nodes, changes its state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/resources.h"

namespace catena {

struct Event;

struct Hook {
  enum class Of { run, nodes, all };  // whose changes
  Of of = Of::run;
  std::vector<std::string> on;  // the new states, as they are printed
  // One of these four.
  std::vector<std::string> command;  // a program and its arguments
  std::string script;                // a text for sh
  std::string mail;                  // an address
  std::string webhook;               // a URL

  Seconds timeout{30};
};

inline constexpr Seconds longest_hook{600};

// Whether the event is one that the hook waits for.
bool matches(const Hook& hook, const Event& event);

// "run", "nodes" or "all"; false: it is none.
bool set_of(Hook& hook, std::string_view text);
// The states that `on` may have, which depend on whose they are.
std::vector<std::string_view> states_of(Hook::Of of);
// What is wrong with an address or a URL, or empty.
std::string check_address(std::string_view address);
std::string check_url(std::string_view url);

}  // namespace catena
