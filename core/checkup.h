// What `catena doctor` finds out about a scheduler: commands to run, and what their answers mean.
#pragma once

#include <string>
#include <vector>

#include "core/transport.h"

namespace catena {

struct Finding {
  enum class Level { good, note, problem } level = Level::good;
  std::string text;
  std::string remedy;  // what to do; empty for what is good
};

struct Check {
  Command command;
  std::vector<Finding> (*read)(
      const CommandResult& result);  // also of a command that failed, or is not there
};

}  // namespace catena
