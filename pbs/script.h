// The #PBS lines of a batch script, as qsub finds them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/header.h"

namespace catena::pbs {

struct GivenOption {
  char letter = 0;
  std::string value;
  int line = 0, column = 0;  // of its word
};

struct ScriptOptions : HeaderLines {
  std::vector<GivenOption> options;  // known ones, with a value where they need one
};

// The lines before the first command, indented or not; a backslash at the end continues them. Problems
// (errors): what qsub would refuse.
ScriptOptions script_options(std::string_view script);

}  // namespace catena::pbs
