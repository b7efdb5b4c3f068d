// What `run` and `plan` have in common: which file, which site, which id, and what that makes of a run.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/context.h"

namespace catena::cli {

struct RunOptions {
  std::string file;
  std::string site;
  std::string id;

  void add_to(CLI::App& verb);
  // --site, else the workflow's own, else empty: the one of --site-config, or "local".
  std::string site_for(const Workflow& workflow) const;
  // The run as it would be recorded, with its directory BASE/NAME-ID on the site.
  RunRow row(const Workflow& workflow, const std::string& site_name, const std::string& base,
             const std::string& run_id, Time now) const;
};

// Whether the nodes' checks are looked at, which asks the site.
enum class SiteChecks { run, leave_out };
// Adds --no-checks.
void add_no_checks(CLI::App& verb, SiteChecks& checks);

// Whether any node has checks.
bool has_checks(const Workflow& workflow);

// Everything that can be known to be wrong before anything is written: names, parameters, options, missing
// inputs, and what the nodes' checks find. Throws Error(config) with all of it.
void check_everything(const ReadFile& file, const RunRow& row, const Workbench& bench, SiteChecks wanted,
                      NodeIndex first = 0);

}  // namespace catena::cli
