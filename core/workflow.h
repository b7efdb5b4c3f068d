// The document: what a workflow file says, checked and with its templates and scripts taken in, but not yet
// expanded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/diagnostic.h"
#include "core/hook.h"
#include "core/resources.h"
#include "core/value.h"

namespace catena {

// When a child may start, seen from one parent.
enum class On {
  ok,     // the parent completed
  any,    // the parent has ended, in whatever way
  notok,  // the parent failed, timed out, was cancelled, or was skipped because of a failure before it
  start,  // the parent has started
};

struct After {
  std::string node;  // a node of the document (all its elements), or one element: "scf.3"
  On on = On::ok;
  Position at;
  bool each = false;  // element to element: the third one waits for the third one alone
};

// foreach: the node is expanded into elements, one for each combination of values.
struct Axis {
  std::string name;
  std::vector<Value> values;
};
struct Foreach {
  std::vector<Axis> axes;
  bool zip =
      false;  // true: the axes run side by side (equal lengths); false: the product, the last axis fastest
};

struct Input {
  std::string from;  // relative to the workflow file's folder, or absolute; may hold {{ }} and a glob in its
                     // last part
  std::string to;    // relative to the node's working directory; empty: the file's own name
  bool render = false;  // fill in {{ }} in its text
};

// A value to be read when the node's body has ended: of a file in its working directory, or what a command
// prints that is run there.
struct Result {
  enum class Pick { first, last, all };
  std::string name;
  std::string file;
  std::string
      regex;  // POSIX extended, with \s \S \w \W \d \D; the first group is the value. Empty: the whole file
  Pick pick = Pick::last;
  std::optional<int> group{};            // of the regex; 0: the whole match
  std::optional<std::string> pointer{};  // a JSON pointer (RFC 6901) into the file
  std::string command{};                 // for bash; `file` is then empty. May hold {{ }}
  std::optional<Value> otherwise{};      // its value where it is missing, which else fails the node
};

// Where a further attempt runs.
enum class RetryHow {
  resubmit,  // in a new job, submitted by the pass that sees the failure
  requeue,   // in the same job, which its own script gives back to the queue: needs no pass. SLURM only
  in_place,  // at once, in the same job and allocation
};

// What must hold before the node is submitted: `run` and `validate` look at it, on the site. All texts but
// the regular expression may hold {{ }}; paths may hold $NAME, of the site's environment.
struct NodeCheck {
  enum class Kind { file, directory, env, command, free_space, text, vasp_potcar, qe_pseudo };
  Kind kind = Kind::file;
  std::string subject;  // the path, variable or command; of vasp_potcar the POSCAR, of qe_pseudo the input
  std::string limit;    // free_space: a size. vasp_potcar: the directory that holds potpaw_PBE*
  std::string regex;    // text: as of a Result, looked for in each line
  std::string message;  // text: what is wrong where nothing matches; may be empty
  std::string file;     // the document that it stands in: a template's, or the workflow's
  Position at;
};

// One line of what a template shows of a node's results: "energy", "energy", "Ry".
struct SummaryItem {
  std::string label;
  std::string result;  // its name
  std::string unit;    // may be empty
};

// When and how a failed node is tried again.
struct Retry {
  int max = 0;         // further attempts after the first
  Seconds backoff{0};  // before the second attempt
  double factor = 2;   // each later delay is that much longer
  Seconds max_delay{600};
  std::vector<std::string> on;   // failed, timeout, node_fail, oom, preempted; empty: all of them
  std::vector<int> permanent{};  // exit codes that no further attempt would change
  std::vector<std::pair<std::string, std::string>>
      resources{};                // of further attempts: name, "x1.5" (of the attempt before) or a value
  std::optional<RetryHow> how{};  // not said: as the site does
};

enum class OnFailure {
  proceed,  // "continue": only what depends on the node is skipped
  stop,     // the rest of the run is cancelled
};

enum class NodeKind {
  job,
  service,  // lives as long as the nodes that wait for its start, and is ended after the last of them
};

enum class RunIn {
  workdir,
  scratch,  // a directory of its own on the compute node's disk; what is new there is brought to the workdir
};

struct NodeSpec {
  std::string name;
  std::string file{};  // where it stands, for messages, if that is not the workflow file
  Position at;
  std::string body;       // the text to run: `run`, or the content of `script`, or the template's
  std::string origin;     // "run", "script relax.sbatch", "template qe-pw": for messages
  bool raw_body = false;  // a script's text is not rendered
  std::string shell;      // the interpreter, default bash
  std::vector<After> after;
  std::optional<Foreach> foreach;
  Params params;  // the node's own over the template's
  Resources
      resources;  // template under script header under the node's own; workflow defaults are not yet merged
  std::vector<std::pair<std::string, std::string>> templated_resources;  // fields that hold {{ }}: name, text
  std::vector<std::pair<std::string, std::string>> env;                  // values may hold {{ }}
  std::vector<Input> inputs;
  std::vector<std::string> outputs;  // relative to the working directory, globs allowed, may hold {{ }}
  std::vector<Result> results;
  std::vector<NodeCheck> checks;
  std::vector<SummaryItem> summary;
  std::optional<Retry> retry;
  std::optional<OnFailure> on_failure;
  std::optional<NodeKind> kind;  // not said: a job
  std::optional<RunIn> run_in;   // not said: in its workdir
  std::string workdir;           // empty: RUN_DIR/NODE. Relative: to the run's directory. May hold {{ }}
  std::string stdout_file;  // where a script's own header sends its output (SLURM's %j %x %A %a %N %u %%);
                            // empty: the log
  std::string stderr_file;
  std::map<std::string, std::vector<std::string>>
      scheduler_options;  // by dialect: options as the scheduler spells them
};

struct Workflow {
  std::string file;       // as given, for messages
  std::string directory;  // absolute: where its relative paths start
  std::string name;
  std::string description;
  std::string site;  // empty: not said
  Params params;
  NodeSpec defaults;  // resources, env, retry, on_failure, shell, scheduler_options
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<Hook> hooks;
  std::vector<NodeSpec> nodes;
};

inline const std::string& file_of(const Workflow& workflow, const NodeSpec& spec) {
  return spec.file.empty() ? workflow.file : spec.file;
}
inline bool is_service(const NodeSpec& spec) {
  return spec.kind == NodeKind::service;
}
std::string_view to_string(NodeCheck::Kind kind);
// "file si.in", "free_space 10G in /scratch": a check as `catena plan` shows it.
std::string describe(const NodeCheck& check);
std::string_view to_string(On on);
std::string_view to_string(RetryHow how);
std::optional<RetryHow> retry_how_from(std::string_view text);
std::optional<On> on_from(std::string_view text);

// What both schedulers, a shell and a path accept as a node's name: [A-Za-z][A-Za-z0-9_-]*, at most 64
// characters. A dot is reserved for elements ("scf.3"). Returns what is wrong, or empty.
std::string check_name(std::string_view name);

}  // namespace catena
