// PBS's side of the translation of batch scripts: OpenPBS and PBS Professional, and Torque.
#pragma once

#include "core/translation.h"

namespace catena::pbs {

// All options of qsub, Torque's too. Chunks are read as read_header does; parts of a chunk that are no
// portable resource are passed over with a warning, -l mem= is the whole job's, a name without a value is a
// constraint.
BatchHeader read_batch_header(std::string_view script);

// Without -j the two streams are apart, so joined ones get -j oe. A file's name with the job's number becomes
// the directory alone, in which PBS chooses the name.
NewHeader write_pbs_header(const BatchHeader& header);
NewHeader write_torque_header(const BatchHeader& header);

const BatchLanguage& batch_language();
const BatchLanguage& torque_batch_language();

}  // namespace catena::pbs
