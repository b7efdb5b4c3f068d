// `hooks` of a workflow, and the user's own file of them, which is such a list.
#pragma once

#include <filesystem>
#include <vector>

#include "adapters/workflow_file/fields.h"
#include "core/hook.h"

namespace catena {

std::vector<Hook> read_hooks(const Scope& scope, const Item& item);

// A file that is not there has none. Mistakes go to `diagnostics`.
std::vector<Hook> read_hooks_file(const std::filesystem::path& file, Diagnostics& diagnostics);

}  // namespace catena
