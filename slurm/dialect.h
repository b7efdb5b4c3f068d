// The SLURM dialect: directives, command lines and parsers for 22.05 and later, as pure text. Only the text
// forms of squeue and sacct are used: the JSON forms changed their shape between versions, and 22.05's ignore
// the filters.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/dialect.h"
#include "core/site.h"

namespace catena::slurm {

struct Options {
  // kill_on_invalid_dep = yes | no. yes: the controller removes jobs whose dependency can never be met. Off,
  // since large sites forbid it; catena cancels such jobs itself.
  bool kill_on_invalid_dep = false;
  // export = all | none: what of the submitting shell's environment jobs see. none: jobs start from a login
  // environment.
  bool export_all = true;
  std::size_t argument_bytes = 100'000;        // longest list of ids or names on one command line
  std::chrono::milliseconds timeout{120'000};  // of one command
};

// What is wrong with a site file's dialect options, one sentence each with a suggestion; empty if sound.
std::vector<std::string> check_site_options(const std::map<std::string, std::string>& options);

// Options as the site says them. Throws Error(config) with the sentences of check_site_options.
Options options_of(const Site& site);

std::unique_ptr<Dialect> make_dialect(const Options& options);

}  // namespace catena::slurm
