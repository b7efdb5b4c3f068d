// The #SBATCH lines of a batch script, as sbatch finds them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/header.h"

namespace catena::slurm {

struct HeaderWord {
  std::string text;
  int line = 0, column = 0;
};

struct ScriptWords : HeaderLines {
  std::vector<HeaderWord> words;  // of all directives: sbatch reads them as one command line
};

// The lines before the first command. Problems (errors): what sbatch refuses to read, and the separators of
// heterogeneous jobs, which are no words.
ScriptWords script_words(std::string_view script);

}  // namespace catena::slurm
