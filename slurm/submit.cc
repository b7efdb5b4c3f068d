#include "slurm/submit.h"

#include <fmt/core.h>

#include <array>

namespace catena::slurm {
namespace {

// sbatch takes SBATCH_ variables before the script's own #SBATCH lines, so that one left over in a login
// shell would change every job without a trace in the plan. All that 22.05 to 26.05 know are unset but for
// SBATCH_ACCOUNT and SBATCH_WCKEY, by which sites' login scripts say who pays, and which catena has no value
// for unless the workflow says one; an account that a job names is kept from the variable
// (environment_defaults). SBATCH_CLUSTERS goes because the other commands do not follow it.
constexpr std::string_view input_variables =
    "SBATCH_ACCTG_FREQ SBATCH_ARRAY_INX SBATCH_BATCH SBATCH_BURST_BUFFER SBATCH_CLUSTERS "
    "SBATCH_CLUSTER_CONSTRAINT"
    " SBATCH_CONSOLIDATE_SEGMENTS SBATCH_CONSTRAINT SBATCH_CONTAINER SBATCH_CONTAINER_ID SBATCH_CORE_SPEC"
    " SBATCH_CPUS_PER_GPU SBATCH_CPU_FREQ_REQ SBATCH_DEBUG SBATCH_DELAY_BOOT SBATCH_DISTRIBUTION SBATCH_ERROR"
    " SBATCH_EXCLUSIVE SBATCH_EXPORT SBATCH_GET_USER_ENV SBATCH_GPUS SBATCH_GPUS_PER_NODE "
    "SBATCH_GPUS_PER_SOCKET"
    " SBATCH_GPUS_PER_TASK SBATCH_GPU_BIND SBATCH_GPU_FREQ SBATCH_GRES SBATCH_GRES_FLAGS SBATCH_HINT"
    " SBATCH_IGNORE_PBS SBATCH_INPUT SBATCH_JOB_NAME SBATCH_MEM_BIND SBATCH_MEM_PER_CPU SBATCH_MEM_PER_GPU"
    " SBATCH_MEM_PER_NODE SBATCH_NETWORK SBATCH_NO_KILL SBATCH_NO_REQUEUE SBATCH_OPEN_MODE SBATCH_OUTPUT"
    " SBATCH_OVERCOMMIT SBATCH_PARTITION SBATCH_POWER SBATCH_PROFILE SBATCH_QOS SBATCH_REQUEUE "
    "SBATCH_REQ_SWITCH"
    " SBATCH_RESERVATION SBATCH_RUNTIME SBATCH_SEGMENT_SIZE SBATCH_SIGNAL SBATCH_SPREAD_JOB "
    "SBATCH_SPREAD_SEGMENTS"
    " SBATCH_THREADS_PER_CORE SBATCH_THREAD_SPEC SBATCH_TIMELIMIT SBATCH_TRES_BIND SBATCH_TRES_PER_TASK"
    " SBATCH_USE_MIN_NODES SBATCH_WAIT SBATCH_WAIT4SWITCH SBATCH_WAIT_ALL_NODES";

// Where catena itself runs in a job (a callback), the job's own SLURM_ variables would reach its children
// through --export=ALL: those that srun reads as its options, and that the new job does not always set anew,
// would then shape its steps.
constexpr std::string_view step_variables =
    "SLURM_MEM_PER_CPU SLURM_MEM_PER_GPU SLURM_MEM_PER_NODE SLURM_CPUS_PER_TASK SLURM_NTASKS SLURM_NPROCS"
    " SLURM_NTASKS_PER_NODE SLURM_TRES_PER_TASK SLURM_GPUS SLURM_GPUS_PER_NODE SLURM_GPUS_PER_TASK "
    "SLURM_CPU_BIND"
    " SLURM_CPU_BIND_LIST SLURM_CPU_BIND_TYPE SLURM_CPU_BIND_VERBOSE SLURM_MEM_BIND SLURM_DISTRIBUTION "
    "SLURM_HINT"
    " SLURM_EXPORT_ENV SLURM_EXIT_ERROR"
    " SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT SLURM_ARRAY_TASK_MAX SLURM_ARRAY_TASK_MIN"
    " SLURM_ARRAY_TASK_STEP";

}  // namespace

SubmitText submit_text(const Options& options) {
  SubmitText text;
  text.preamble = std::string("unset ").append(input_variables).append("\nunset ").append(step_variables);
  text.preamble += "\nexport LC_ALL=C SLURM_TIME_FORMAT=standard\n";
  text.environment_defaults = {{"account", "SBATCH_ACCOUNT"}};
  // With --export=NONE the job has SLURM_EXPORT_ENV=NONE, and its srun would start programs without the job's
  // environment.
  text.job_setup =
      "export CATENA_JOB_ID=\"${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}\"\n"
      "[ -n \"$CATENA_JOB_ID\" ] || CATENA_JOB_ID=$SLURM_JOB_ID\nunset SLURM_EXPORT_ENV\n";
  // --kill-on-invalid-dep is always said: SchedulerParameters=kill_invalid_depend may make `yes` the default.
  // --ignore-pbs: sbatch would take #PBS and #BSUB lines of the body for options, even after the first
  // command.
  text.command = std::string("sbatch --parsable --ignore-pbs --kill-on-invalid-dep=") +
                 (options.kill_on_invalid_dep ? "yes" : "no");
  text.hold = "--hold";
  text.array = "--array=";
  text.array_index = "$SLURM_ARRAY_TASK_ID";
  text.element_id = [](std::string_view array_id, int index) {
    return fmt::format("{}_{}", array_id, index);
  };
  text.array_lists = true;
  text.elements_known = true;
  text.requeue = "scontrol requeue \"$CATENA_JOB_ID\"";
  text.id_filter = "[1-9]*";
  text.id_from_output = "${out%%;*}";  // "2297;lab" with -M or SLURM_CLUSTERS
  // All that leave open whether the request arrived. The last: a reply came, but its credential could not be
  // checked.
  text.unsure = {"Socket timed out on send/recv operation",
                 "Zero Bytes were transmitted or received",
                 "Unexpected message received",
                 "Unable to contact slurm controller (send failure)",
                 "Unable to contact slurm controller (receive failure)",
                 "Unable to contact slurm controller (shutdown failure)",
                 "Message receive failure",
                 "Message send failure",
                 "Communication shutdown failure",
                 "Insane message length",
                 "Connection reset by peer",
                 "Connection timed out",
                 "Broken pipe",
                 "Unspecified error",
                 "auth_g_verify"};
  // Even a script without #! or an unknown option is refused under this name.
  text.refused = {"sbatch: "};
  // Before them: AssocMaxSubmitJobLimit, QOSMaxSubmitJobPerUserLimit, AssocGrpSubmitJobsLimit, …; the final
  // words, "Job violates accounting/QOS policy (job submit limit, …)", are said of too large jobs too.
  text.parent_gone = {"Job dependency problem"};  // 24.11 and 26.05
  text.limited = {"SubmitJob"};
  text.unavailable = {"Unable to contact slurm controller (connect failure)",
                      "Protocol authentication error",
                      "Communication connection failure",
                      "Slurm backup controller in standby mode",
                      "Controller is in standby mode",
                      "Could not establish a configuration source",
                      "Slurm temporarily unable to accept job",
                      "Slurm job queue full",
                      "Job creation temporarily disabled",
                      "I/O error writing script/environment to file",
                      "System submissions disabled"};
  return text;
}

}  // namespace catena::slurm
