#include "pbs/submit.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/quote.h"

namespace catena::pbs {
namespace {

// qsub's exit codes are PBS's error numbers modulo 256 (187 is 15035, an unknown resource), which the
// submission program would take for deaths by a signal. Of those that overlap with signals, 153 to 159, only
// PBS's meaning is to be expected; 255 leaves open what happened.
constexpr std::string_view qsub_function = R"sh(catena_qsub() {{
  qsub "$@"{}
  catena_status=$?
  [ "$catena_status" -lt 153 ] || [ "$catena_status" -eq 255 ] || catena_status=1
  return "$catena_status"
}}
)sh";

}  // namespace

SubmitText submit_text(const Options& options) {
  SubmitText text;
  // PBS_DPREFIX would replace "#PBS" as the mark of a directive.
  text.preamble = "unset PBS_DPREFIX\nexport LC_ALL=C\n";
  text.preamble += fmt::format(fmt::runtime(qsub_function),
                               options.script.empty() ? "" : " " + shell_quote(options.script));
  // PBS starts a login shell in $HOME with nothing of the submitting shell's environment (-V exports nothing
  // in OpenPBS 23.06, -v mangles values): what a body needs is exported by the script.
  // Under slurm-wlm-torque's commands a job is one of SLURM, and knows only that one's variable.
  text.job_setup = options.torque ? "export CATENA_JOB_ID=\"${PBS_JOBID:-${SLURM_JOB_ID-}}\"\n"
                                  : "export CATENA_JOB_ID=\"$PBS_JOBID\"\n";
  // -f: without it qsub leaves a process behind, and hands the job over to it, with replies that get lost.
  // (To Torque -f means something else, and it has no such process.) The output goes to files that the script
  // opens, with the permissions that the submitting shell would give; PBS's own default is 0600.
  text.command = std::string("catena_qsub") + (options.torque ? "" : " -f") +
                 " -o /dev/null -e /dev/null -W umask=$(umask)";
  text.hold = "-h";
  // An array's own end is that of its last subjob, and a subjob is no parent to qsub: nothing waits for
  // these.
  if (!options.torque) {
    text.array = "-J ";
    text.array_index = "$PBS_ARRAY_INDEX";
    text.element_id = [](std::string_view array_id, int index) {  // 54[3].pbshost of 54[].pbshost
      return std::string(array_id).insert(std::min(array_id.find(']'), array_id.size()),
                                          std::to_string(index));
    };
  }
  // "1.pbshost"; a server without a name in its ids is only known of emulations of Torque. The first job of a
  // server, and the one after max_job_sequence_id, is 0.
  text.id_filter = options.torque ? "[0-9]*" : "[0-9]*.?*";
  text.id_from_output = "$out";
  // After the connection stood: whether the request arrived is open.
  text.unsure = {"Failed to recv data from background qsub",
                 "errno=15031",
                 "errno=15033",
                 "Communication failure",
                 "Premature end of message",
                 "End of File",
                 "Protocol (ASN.1) error",
                 "Connection reset by peer",
                 "Connection timed out",
                 "Broken pipe",
                 "Timeout"};
  // The last: slurm-wlm-torque's qsub calls sbatch.
  text.refused = {"qsub: ", "usage: ", "sbatch: "};
  text.limited = {"would exceed", "Maximum number of jobs already in queue",
                  "number of current user's jobs exceeds", "SubmitJob"};
  text.unavailable = {"cannot connect to server", "Cannot connect to server",
                      "Connection refused",       "Couldn't connect to cluster",
                      "No Permission to connect", "Server shutdown in progress"};
  return text;
}

std::string begin_words(const Job& job) {
  const auto& begin = job.resources.begin;
  if (begin.empty() || begin[0] != '+') return {};
  return fmt::format("-a \"$(date -d {} +%Y%m%d%H%M.%S)\"", shell_quote(begin + " seconds"));
}

}  // namespace catena::pbs
