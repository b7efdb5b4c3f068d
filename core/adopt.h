// A run whose record is lost: what its tokens tell of it.
#pragma once

#include <string>
#include <vector>

#include "core/backend.h"
#include "core/graph.h"
#include "core/store.h"

namespace catena {

struct Traces {
  // The attempts that left any trace, and those before them, as changes to a run that was just created. Of
  // each node the last one is `intended`: the engine's next observation settles it by its own rules. Those
  // before it have ended.
  Changes changes;
  std::size_t nodes = 0;             // that have any
  std::vector<std::string> spooled;  // records of the attempts that have ended: to be put away
};

// Asks for the tokens that the run's nodes would have, attempt by attempt, until many numbers in a row (4 in
// the largest runs, 100 in small ones) have left no trace. Every record must be in the run's spool. Throws
// Error(unavailable) if a source did not answer: a job that is not seen would be submitted again.
Traces find_traces(const RunRow& run, const Graph& graph, std::size_t max_array, Backend& backend);

}  // namespace catena
