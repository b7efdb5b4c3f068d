// One cluster as its INI file describes it: a transport, a scheduler, limits and defaults. docs/sites.md has
// every key.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/hook.h"
#include "core/resources.h"
#include "core/workflow.h"

namespace catena {

enum class Cleanup { never, on_success, always };

struct Site {
  std::string name;
  std::string description;
  std::string file;  // where it was read; empty: built in

  // [transport]
  std::string transport = "local";  // local, auto, libssh2, openssh: the last three are remote
  std::vector<std::string> hosts;   // remote: login hosts, or names of the user's ssh configuration; the next
                                    // is tried when one is down
  std::string login;                // remote: the user there; empty: as the ssh configuration says
  int port = 0;                     // remote; 0: as the ssh configuration says
  std::string host_key;             // remote: "SHA256:…" or "ssh-ed25519 AAAA…"; then no other is taken
  std::string ssh_config;           // remote: a file to use instead of ~/.ssh/config
  Seconds connect_timeout{20};      // remote
  std::string scratch;  // base of the runs' directories; may name $VARIABLES of the site's environment
  Cleanup cleanup = Cleanup::never;  // remote: what becomes of a run's directory when the run has ended

  bool remote() const { return transport != "local"; }

  // [scheduler]
  std::string scheduler = "local";  // local, slurm, pbs, torque
  std::string user;                 // whose jobs are asked for; empty: the one who runs the command
  std::map<std::string, std::string>
      options;           // of the dialect: "kill_on_invalid_dep" = "yes", "export" = "none", …
  Seconds poll{10};      // the scheduler is asked no more often than this
  Seconds timeout{120};  // for one scheduler command
  RetryHow retry = RetryHow::resubmit;  // of nodes that do not say how
  Seconds settle{60};  // how long a job that nobody knows is waited for before it counts as lost

  // [limits]
  int cpus = 0;                          // local: slots; 0: the machine's
  Bytes memory = 0;                      // local; 0: the machine's
  Seconds kill_grace{10};                // local: between TERM and KILL
  std::size_t submit_batch = 1000;       // jobs in one submission program
  std::size_t max_array = 1000;          // the highest index of a job array; below 2: no arrays
  std::size_t max_jobs = 0;              // of the user in the queue at once, catena's and others; 0: no limit
  std::size_t argument_bytes = 100'000;  // longest command line for lists of ids

  // [defaults]: resources of nodes that do not say otherwise
  Resources defaults;
  // [environment]: exported in every job, in this order; module commands and such go into `prologue`
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> modules;  // `module load` lines
  std::string prologue;              // shell text run before every body
  // The disk of a compute node, for `run_in: scratch`; may name $VARIABLES of a job's environment.
  std::string node_scratch = "${TMPDIR:-/tmp}";

  // [hooks]: run on the machine of the user, not of the site
  std::string mailer = "/usr/sbin/sendmail -t";  // a program and its options; takes a message with its header
  Hook hook;                                     // one for all runs of the site; none if it does nothing
};

}  // namespace catena
