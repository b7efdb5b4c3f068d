// SLURM's side of the translation of batch scripts.
#pragma once

#include "core/translation.h"

namespace catena::slurm {

// All options of sbatch. Where it has a default that others do not share, the default is said: without
// --error both streams are joined.
BatchHeader read_batch_header(std::string_view script);

// A priority above 0 is left out, since SLURM grants it to operators only. Output files that are not said get
// the names that PBS would have given them.
NewHeader write_batch_header(const BatchHeader& header);

// The variables that sbatch(1) names under OUTPUT ENVIRONMENT VARIABLES and that others have too.
const BatchLanguage& batch_language();

}  // namespace catena::slurm
