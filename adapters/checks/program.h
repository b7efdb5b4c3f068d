// The program that looks at a site, and words for it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/site.h"

namespace catena::checks {

// A path as one word of a shell program: all of it quoted but for $NAME and ${NAME}, which stay variables.
struct ShellPath {
  std::string word;
  std::vector<std::string> variables;  // in order, each once
};
ShellPath shell_path(std::string_view path);

// What stands before the checks: functions, and the site's modules, variables and prologue.
std::string preamble(const Site& site);

// How the program is run: by a login shell where the site's jobs start from a login environment.
std::vector<std::string> interpreter(const Site& site);

}  // namespace catena::checks
