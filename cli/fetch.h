// What `fetch` brings: the outputs and logs of nodes.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "cli/context.h"

namespace catena::cli {

// Below `to`: NODE/ with the outputs, NODE/logs/ with every attempt's output. Nodes that were never submitted
// have none.
std::vector<FilesToGet> files_of(const Run& run, const Workbench& bench, std::span<const NodeIndex> nodes,
                                 const std::filesystem::path& to);

}  // namespace catena::cli
