// An ordinary batch script's header (#SBATCH, #PBS), read into portable terms.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/diagnostic.h"
#include "core/resources.h"

namespace catena {

struct ScriptHeader {
  bool found = false;   // the script has directives of this dialect
  std::string dialect;  // "slurm", "pbs"
  std::string shell;    // from "#!", e.g. "/bin/bash"; empty if there is none
  std::string job_name;
  Resources resources;
  std::string workdir;                                   // --chdir
  std::string stdout_file, stderr_file;                  // as written; stderr empty: joined to stdout
  std::vector<std::pair<std::string, std::string>> env;  // --export=NAME=value parts
  std::vector<std::string> options;  // the rest, verbatim, for scheduler_options of that dialect
  struct Problem {
    int line = 0;
    std::string message, hint;
    bool error = false;  // else a warning: something that has no meaning in a chain and is left out
                         // (--dependency, --wait)
    int column = 0;
  };
  std::vector<Problem> problems;
};

// The parts of an option's list "A=1,B,C='x,y'": a comma within quotes does not separate, and the quotes go.
std::vector<std::string> comma_parts(std::string_view list);

// "NAME=x,y" as the part "NAME='x,y'" of such a list; empty where a quote in the value makes that impossible.
std::string comma_part(std::string_view variable);

// Where a script's header stands: its directives, up to the first command.
struct HeaderLines {
  std::string shell;                                  // as in ScriptHeader
  std::vector<int> directives;                        // the numbers of their lines, continuations too
  std::vector<std::pair<int, std::string>> comments;  // behind directives, from their '#' on
  int body = 1;                                       // the line of the first command
  std::vector<ScriptHeader::Problem> problems;
};

using HeaderReader = std::function<ScriptHeader(std::string_view script)>;

}  // namespace catena
