// Where site files are looked for, and which one a name means.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/site_file/site_file.h"
#include "core/site.h"

namespace catena {

// The value of an environment variable; nullopt if it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;
std::optional<std::string> process_environment(std::string_view name);

struct SearchPath {
  std::string file;                  // --site-config: comes before all else; empty: not given
  std::vector<std::string> folders;  // in order: each one's *.ini files, sorted by name
};

// --site-config FILE, each folder of $CATENA_SITE_PATH (separated by colons), $XDG_CONFIG_HOME/catena/sites
// (~/.config/catena/sites), /etc/catena/sites. Folders that do not exist are fine.
SearchPath search_path(const std::string& site_config,
                       const EnvironmentLookup& environment = process_environment);

// One line of `catena sites`.
struct SiteListing {
  std::string name;          // of a broken file: what could be made out, at least its file's name
  std::string file;          // empty: built in
  std::optional<Site> site;  // nullopt: the file is broken
  std::string error;         // all its mistakes, one a line
  std::vector<std::string>
      shadows;  // files of the same name further down the path; "built in" for the built-in one
};

// Every site there is, in the order of the path, the built-in `local` last unless a file took its name. A
// broken file is listed with its error and takes its name like any other: a mistake in it must not make
// another site answer. Throws nothing.
std::vector<SiteListing> list_sites(const SearchPath& path, const OptionCheck& check_options = {});

// The first site of that name. An empty name means the one of --site-config if given, else `local`. Throws
// Error(config) with all mistakes of its file, and of the --site-config file whichever site is asked for;
// Error(not_found) with a suggestion and the places searched.
Site load_site(std::string_view name, const SearchPath& path, const OptionCheck& check_options = {});

// The site that exists without a file: jobs run on this machine.
Site built_in_site();

}  // namespace catena
