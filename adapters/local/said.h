// What a bare job's body has said by `catena put`, `ready` and `fail` (core/job_tool.h), taken in at its end
// as the job script does it.
#pragma once

#include "adapters/local/records.h"
#include "core/report.h"

namespace catena::local {

// Where the body has said something: adds its results to the record, makes the attempt failed if it has said
// so, writes results/NODE.json if it has not, and takes back the address of its service. One look at the disk
// where it has not.
void take_in_said(const RunFiles& files, const BareLine& bare, std::string_view node, Report& record);

}  // namespace catena::local
