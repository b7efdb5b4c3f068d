// Batch scripts between the languages that there are.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "pbs/translation.h"
#include "slurm/translation.h"

namespace catena {

inline Translation translated(const std::string& script, std::string_view to) {
  const std::vector<BatchLanguage> languages = {slurm::batch_language(), pbs::batch_language(),
                                                pbs::torque_batch_language()};
  return translate(script, "job", languages, *std::ranges::find(languages, to, &BatchLanguage::name));
}

// What Error says, or empty if there is none.
inline std::string refused(const std::string& script, std::string_view to) {
  try {
    translated(script, to);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// The warnings as the command line prints them, a line each.
inline std::string warnings(const Translation& made) {
  std::string text;
  for (const auto& warning : made.warnings) text += format(warning) + "\n";
  return text;
}

// The options that these lines (without "#SBATCH" or "#PBS") become, one a line, without those that stand for
// the other scheduler's defaults; with " ?" at the end where there was a warning.
inline std::string become(const std::string& lines, std::string_view to) {
  const std::string from = to == "slurm" ? "#PBS " : "#SBATCH ", into = to == "slurm" ? "#SBATCH " : "#PBS ";
  std::string script = "#!/bin/bash\n";
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = std::min(lines.find('\n', at), lines.size());
    script += from + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  // A body that goes where it started before: no warning about that.
  const auto made =
      translated(script + (to == "slurm" ? "cd $PBS_O_WORKDIR\n" : "cd $SLURM_SUBMIT_DIR\n"), to);
  std::string options;
  auto rest = std::string_view(made.script).substr(std::string_view("#!/bin/bash\n").size());
  while (rest.starts_with(into)) {
    const auto line = rest.substr(into.size(), rest.find('\n') - into.size());
    rest.remove_prefix(rest.find('\n') + 1);
    const bool standing = line == "-j oe" || line == "-S /bin/bash" || line.starts_with("--output=%x.o") ||
                          line.starts_with("--error=%x.e");
    if (!standing) options += (options.empty() ? "" : "\n") + std::string(line);
  }
  return options + (made.warnings.size() > 1 ? " ?" : "");
}

}  // namespace catena
