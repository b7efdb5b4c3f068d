// The text of a job script: environment, prologue, the body as the user wrote it, epilogue. The
// same on every scheduler and on the local backend. Deterministic: the same input gives the same bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/expand.h"
#include "core/job.h"
#include "core/retry.h"
#include "core/site.h"

namespace catena {

// Folders below a run's directory.
inline constexpr std::string_view spool_folder = ".catena/spool";  // records that jobs drop: core/report.h
inline constexpr std::string_view taken_folder = ".catena/taken";  // records that are in the store
inline constexpr std::string_view body_folder =
    ".catena/bodies";  // bodies, by token (bare jobs: equal ones share a file)
inline constexpr std::string_view claim_folder = ".catena/claims";    // which job runs an attempt, by token
inline constexpr std::string_view script_folder = ".catena/scripts";  // job scripts, TOKEN.sh
inline constexpr std::string_view array_folder =
    ".catena/arrays";  // the scripts of an array's elements, by its first one's token
inline constexpr std::string_view result_folder =
    "results";  // NODE.json: parameters and results, for later bodies

// All of these, absolute: what has to be there before the first job of a run starts.
std::vector<std::string> run_folders(const std::string& run_directory);

struct ScriptInput {
  std::string_view workflow;  // its name
  const RunFacts& run;
  const Rendered& node;
  std::uint32_t element = 0;
  const Job& job;  // its `script` is not used
  const Site& site;
  std::string_view job_setup;         // SubmitText::job_setup
  std::optional<TriesInJob> tries{};  // core/retry.h
  // Of a service: the nodes that use it and have not ended, each with the first of its attempts that counts.
  std::optional<std::vector<std::pair<std::string_view, int>>> users{};
  bool uses_service = false;
  bool in_scratch = false;  // run_in: scratch
};

// What the script does, in order:
//   1. exports CATENA_RUN, CATENA_RUN_DIR, CATENA_WORKFLOW, CATENA_WORKFLOW_DIR, CATENA_NODE, CATENA_ELEMENT,
//   CATENA_ATTEMPT,
//      CATENA_TOKEN, CATENA_WORKDIR, CATENA_SITE, CATENA_PARAM_name for each parameter, then the site's
//      modules, environment and prologue, then the node's environment;
//   2. claims the token: a second job with the same token (a lost reply) ends at once, with status 75, and
//   runs nothing;
//      the same job started again after it had succeeded (a requeue) ends with 0 and runs nothing;
//   3. writes TOKEN.start, enters the working directory, restores the checkpoint of an earlier attempt, fills
//   in late values (core/late.h) in body, environment and inputs, and runs the body with its shell, in the
//   background, passing signals on; the run's own `catena` (core/job_tool.h) is the last one on its PATH;
//   4. takes in what the body has said by it, checks the outputs and reads the results if the body ended with
//   0, and writes results/NODE.json;
//      a service ends its body with TERM as soon as all its users have completed, and has completed, too: a
//      node that uses one leaves its attempt's number in .catena/done/NODE when it has completed;
//      a body that runs in scratch has a copy of the working directory there, in CATENA_SCRATCH; however it
//      ends, what is new or changed is brought to the working directory first;
//   5. where the node is tried again in its own job, begins anew after a failure, in place or requeued;
//   6. writes TOKEN.exit (also when an earlier step fails, and on HUP, INT, QUIT, TERM, XCPU) and ends with
//   the node's status.
std::string job_script(const ScriptInput& input);

// The same job without its shell text, or nothing where only a shell can do what is asked for: modules, a
// prologue, a header's file names, results, late values, a further attempt, a service or one in
// use. Whoever runs it does what job_script() does, in the same order; only the claim may be made in another
// way.
std::optional<BareJob> bare_job(const ScriptInput& input);

// What a scheduler is given: the directives, and what runs the job script in the file `path`.
std::string submitted_script(const std::vector<std::string>& directives, std::string_view path);

// The same of a job array: it finds the element's own one in `file`, where each stands behind its
// array_mark(). `index`: shell text for the element's index.
std::string array_script(const std::vector<std::string>& directives, std::string_view array_token,
                         std::string_view file, std::string_view index);
std::string array_mark(std::string_view token);

// For people to read: what a bare job exports, and its body.
std::string to_text(const BareJob& job);

}  // namespace catena
