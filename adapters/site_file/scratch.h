// The folder under which a site's runs live.
#pragma once

#include <string>

#include "adapters/site_file/search.h"
#include "core/site.h"

namespace catena {

// The site's `scratch`, else $CATENA_SCRATCH_BASE, else $CRY_SCRATCH_BASE, else $CRY23_SCRDIR (the names that
// CRYSTAL's submission scripts use), else empty: the caller decides on a default. $NAME and ${NAME} are
// filled in from `environment`, once: what they hold is not looked into again. The result is absolute and has
// no "." and no trailing slash. A variable set to nothing counts as not set: "$SCRATCH/runs" must not become
// "/runs". Throws Error(config), naming the site's file or the variable, for one that is not set, for a "$"
// that names nothing, and for a path that is not absolute.
std::string expand_scratch(const Site& site, const EnvironmentLookup& environment = process_environment);

}  // namespace catena
