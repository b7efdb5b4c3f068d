// What a job has added to its run (`catena extend`): a document of nodes, kept among the snapshot's files.
// The nodes of an extension come behind all that were there, so that a node's index never changes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/graph.h"
#include "core/store.h"

namespace catena {

struct Extension {
  std::string_view node;  // whose job it came from
  std::string_view text;
};

// NodeSpec::file of its nodes: "the extension by scf.3".
std::string extension_file(std::string_view node);

// In the order in which they were taken. The snapshot must outlive them.
std::vector<Extension> extensions(const Snapshot& snapshot);
bool is_extension(std::string_view file);  // a name of Snapshot::files

// Whether it was not there yet.
bool add_extension(Snapshot& snapshot, const Extension& extension);
// Those of `from`, as they are.
void take_extensions(Snapshot& snapshot, const Snapshot& from);

// A run's document and graph with one more extension.
struct Extended {
  Workflow workflow;
  Graph graph;
  Snapshot snapshot;
};

}  // namespace catena
