// The #SBATCH lines of a batch script, read into portable terms.
#pragma once

#include <string_view>

#include "core/header.h"

namespace catena::slurm {

// Reads the lines that sbatch reads: those before the first command. What has a portable field goes there,
// --job-name, --chdir,
// --output, --error and the NAME=value parts of --export to their own places, all else to `options` as one
// "--name=value" each. Problems: options that sbatch would refuse and --array (errors); options that have no
// meaning in a chain (warnings).
ScriptHeader read_header(std::string_view script);

}  // namespace catena::slurm
