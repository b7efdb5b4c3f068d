// A job's header: #PBS lines, in the same order for every job.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/job.h"
#include "core/scheduler_text.h"
#include "pbs/dialect.h"

namespace catena::pbs {

// The name, the shell, the resources, the user's own options, and last a command that opens the job's output
// files: PBS itself would bring them only when the job has ended, and lets a job whose files it cannot
// deliver pass for a good one. Throws Error(config) for a value with a line break, which no directive can
// hold.
//
// A chunk of -l select is a node. Tasks without nodes, and without anything that is said per node, are chunks
// of their own, to be placed wherever there is room (pbs), or on one node (torque). Quantities that sites
// name in their own ways (qos, gpu_type, scratch) get the usual name: a server that does not have it refuses
// the job with its own words.
std::vector<std::string> directives(const Job& job, const Options& options);

// The resources' part of them, without chunks (nodes, place, memory, …) where `chunks` is false. Those that
// say chunks are of the field "nodes". A begin that counts from the submission is on the submit line:
// begin_words in submit.h.
std::vector<ResourceDirective> resource_directives(const Resources& resources, const Options& options,
                                                   bool chunks = true);

// "#PBS OPTION VALUE", quoted. Throws as directives() does.
std::string directive(std::string_view option, std::string_view value);

// YYYY-MM-DDThh:mm:ss as qsub -a spells it.
std::string date_text(std::string_view begin);

// NODE.TOKEN with as much of the node's name as the server's limit leaves: the token is whole in any case.
// A letter is first (a name like 1e5 is a number in qstat's JSON), and no character that -N refuses.
std::string native_name(const Job& job, const Options& options);

}  // namespace catena::pbs
