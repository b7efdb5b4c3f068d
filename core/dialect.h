// A scheduler's language as pure text: it never runs anything. One folder a family: slurm/, pbs/.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/backend.h"
#include "core/diagnostic.h"
#include "core/job.h"
#include "core/report.h"

namespace catena {

// How the submission program talks to the scheduler. Texts are parts of a POSIX shell program.
struct SubmitText {
  std::string preamble;   // once, at the top: environment variables to unset, …
  std::string job_setup;  // shell lines of the job script, after the directives: they export CATENA_JOB_ID
  // Variables of the submitting shell that would win over a job's own directive, by the resource they stand
  // for
  // ("account", "SBATCH_ACCOUNT"): kept as the default of jobs that do not say, taken away from those that
  // do.
  std::vector<std::pair<std::string, std::string>> environment_defaults;
  // Shell text by which a running job gives itself back to the queue; empty: the scheduler does not let it.
  std::string requeue;
  std::string command;      // "sbatch --parsable": reads the job script on standard input
  std::string hold;         // "--hold"
  std::string array;        // "--array=", before the indices; empty: job arrays are not used
  std::string array_index;  // shell text by which an array's job knows its index
  // "123_4": of an array's id, which may be shell text.
  std::string (*element_id)(std::string_view array_id, int index) = nullptr;
  bool array_lists = false;         // the indices may be several ranges: "1-5,7"
  bool elements_known = false;      // other jobs can wait for a job array's element
  std::string id_filter;            // a shell `case` pattern list that a good id matches, and …
  std::string id_from_output;       // … an expansion that takes it from $out: "${out%%;*}"
  std::vector<std::string> unsure;  // texts on stderr after which the job may or may not have been queued
  // What a refusal in the command's own words holds ("sbatch: "): a failure without any of these is unsure,
  // too. Empty: every failure that the other lists do not name is a refusal.
  std::vector<std::string> refused;
  // Texts by which a parent that was named by its native id has left the scheduler's memory since it was
  // seen.
  std::vector<std::string> parent_gone;
  std::vector<std::string> limited;      // texts by which the user has as many jobs in the queue as he may
  std::vector<std::string> unavailable;  // texts after which it was not, and trying the rest is pointless
};

enum class QueryKind { queue, accounting };

class Dialect {
 public:
  virtual ~Dialect() = default;
  // The header of a job script: one "#SBATCH …" line each. Options that clash with catena's own were refused
  // by check_options.
  virtual std::vector<std::string> directives(const Job& job) const = 0;
  // What is wrong with user options (each verbatim: "--mail-type=END"): those that catena sets itself, or
  // that are no options.
  virtual std::vector<std::string> check_options(std::span<const std::string> options) const = 0;
  virtual SubmitText submit_text() const = 0;
  // The further words of this job's submit line, as shell text: its parents, whose ids are shell expansions
  // ("$J3") or native ids, and what no directive can say. Elements of an array wait for those of their own
  // index in the arrays that `each` names, or names an element of.
  virtual std::string submit_words(const Job& job, std::span<const std::pair<On, std::string>> parents,
                                   std::span<const std::string> each) const = 0;
  // argv of the commands that carry out `action` for these jobs, split where a command line would grow too
  // long. For `repoint` one command a job.
  virtual std::vector<Command> control(Action action, std::span<const ControlTarget> targets) const = 0;
  // What could not be done, in the scheduler's words; Error(unavailable) if the scheduler did not answer.
  virtual std::vector<std::string> parse_control(Action action, const CommandResult& result) const = 0;
  virtual Command query(QueryKind kind, const Query& query) const = 0;
  // Throws nothing for odd lines (they are `unread`); Error(unavailable) where the text and status say that
  // the query failed.
  virtual Parsed parse(QueryKind kind, const CommandResult& result) const = 0;
};

}  // namespace catena
