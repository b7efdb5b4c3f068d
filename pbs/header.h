// The #PBS lines of a batch script, read into portable terms.
#pragma once

#include <string_view>

#include "core/header.h"

namespace catena::pbs {

// Reads the lines that qsub reads: those before the first command, indented or not, a backslash at the end
// continues them. What has a portable meaning goes into its field:
//   -l select=N:ncpus=C:mpiprocs=M:mem=S:ngpus=G and -l nodes=N:ppn=P:gpus=G of one kind of chunk (others
//   stay verbatim); a chunk counts as a node; -l mem= is the whole job's, so it is read for a single node
//   only; -A is the account, and -P (the project that PBS Pro sites charge) where there is no -A.
// -N, -o, -e, -j and the NAME=value parts of -v go to their own places, all else to `options`, one "-x value"
// each. Problems: -J, -t, -I and what qsub would refuse (errors); what has no meaning in a chain (warnings).
ScriptHeader read_header(std::string_view script);

}  // namespace catena::pbs
