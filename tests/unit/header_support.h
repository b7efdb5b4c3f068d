// Headers of batch scripts, for the tests of their readers.
#pragma once

#include <algorithm>
#include <string>

#include "core/header.h"

namespace catena {

// The script's lines behind its "#!", which is line 1.
inline std::string script_of(const std::string& lines) {
  return "#!/bin/bash\n" + lines;
}

inline int errors(const ScriptHeader& header) {
  return static_cast<int>(
      std::ranges::count_if(header.problems, [](const auto& problem) { return problem.error; }));
}

}  // namespace catena
