// A site file: the INI form of core/site.h. docs/sites.md explains every key to its readers.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostic.h"
#include "core/site.h"

namespace catena {

// What is wrong with these options of the scheduler's dialect, one sentence each; empty if nothing is. The
// dialects know their options and this reader does not: cli passes theirs in. Called with single options
// first, so that a complaint can be put to its line, and with all of them when none was wrong alone.
using OptionCheck = std::function<std::vector<std::string>(
    std::string_view scheduler, const std::map<std::string, std::string>& options)>;

// Reads the text of a site file. `file` is for messages, and its name without folder and ".ini" is the site's
// if [site] name does not say otherwise. All mistakes go to `diagnostics`; if there are any, of the result
// only `name` is to be used. Without `check_options` every option of slurm is taken as it is.
Site parse_site(std::string_view text, const std::string& file, const OptionCheck& check_options,
                Diagnostics& diagnostics);

// Reads and parses the file. Its size is limited to 1 MiB; what is no regular file (a folder, a pipe, which
// would block) or cannot be read is a mistake in `diagnostics`.
Site read_site_file(const std::string& file, const OptionCheck& check_options, Diagnostics& diagnostics);

// What is wrong with a site's name, or empty. [A-Za-z0-9][A-Za-z0-9._-]*, at most 64 characters.
std::string check_site_name(std::string_view name);

}  // namespace catena
