// A node's inputs, as the files that are put into its working directory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/expand.h"
#include "core/transport.h"

namespace catena {

// Globs are resolved on this machine; `fill_in(file, text)` renders those inputs that ask for it, and those
// that the job has to complete go into node.late_inputs. A folder is taken with all that is in it; symbolic
// links in it are followed to files of the same folder, and not into folders. Throws Error(config) for a link
// that leads elsewhere, Error(not_found) naming the node and the file.
std::vector<FileToPut> input_files(
    const Rendered& node,
    const std::function<RenderedInput(const std::string& file, const std::string& text)>& fill_in);

// What is missing, one sentence each, without reading the files.
std::vector<std::string> missing_inputs(const Rendered& node);

}  // namespace catena
