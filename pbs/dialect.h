// The PBS dialects as pure text: "pbs" is OpenPBS and PBS Professional, "torque" is Torque. They share the
// commands' names and differ in the words for resources, in the listing, and in what is kept of ended jobs.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/dialect.h"
#include "core/site.h"

namespace catena::pbs {

struct Options {
  bool torque = false;
  // name_length: the longest job name that the server takes, at least 15. OpenPBS takes 230, Torque and PBS
  // Pro before 14 take 15.
  std::size_t name_length = 230;
  // charge = account | project: which of -A and -P the account of a job becomes. Sites charge one or the
  // other.
  bool project = false;
  // listing = json | text: the form of qstat's answer (pbs only; Torque has text).
  bool json = true;
  // script: a file name for qsub to read the job script from, where it does not read its standard input by
  // itself ("/dev/stdin" for the qsub of slurm-wlm-torque).
  std::string script;
  std::size_t argument_bytes = 100'000;        // longest list of ids on one command line
  std::chrono::milliseconds timeout{120'000};  // of one command
};

// What is wrong with a site file's dialect options, one sentence each with a suggestion; empty if sound.
std::vector<std::string> check_site_options(const std::map<std::string, std::string>& options);
std::vector<std::string> check_torque_options(const std::map<std::string, std::string>& options);

// Options as the site says them; its `scheduler` tells the family. Throws Error(config) with the sentences of
// the checks above.
Options options_of(const Site& site);

std::unique_ptr<Dialect> make_dialect(const Options& options);

}  // namespace catena::pbs
