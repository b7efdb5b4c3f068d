// An attempt on its way to the scheduler: the values that a dialect turns into directives and command lines.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/expand.h"
#include "core/graph.h"
#include "core/resources.h"
#include "core/workflow.h"

namespace catena {

inline constexpr std::string_view log_folder = "logs";  // of a run's directory: NODE.ATTEMPT.out, .err

// A parent as the scheduler is told of it: a job that the same submission program submits before (its place
// in the submission), or one that is at the scheduler already (its native id).
struct Dependency {
  On on = On::ok;
  std::optional<std::size_t> in_submission;
  std::string native_id;
  bool each = false;  // of a job array's element: on the element of its own index
};

// An element's place in a job array.
struct ArrayPlace {
  std::string token;  // of the array: the element's own is TOKEN_INDEX
  int index = 0;      // at the scheduler, from 1
};

// What a job script does around its body, as values: for a backend that can do it without a shell.
struct BareJob {
  std::vector<std::pair<std::string, std::string>> environment;  // of two with one name, the later holds
  std::vector<std::string> shell;    // the interpreter's words, before the body's file
  std::string body;                  // ends with a newline
  std::vector<std::string> outputs;  // to be there when the body has ended with 0
};

struct Job {
  NodeIndex node = no_node;
  int attempt = 1;    // counts from 1
  std::string token;  // ten characters of [0-9a-z], and _INDEX in a job array; fresh for each attempt
  std::string name;   // NODE.TOKEN: the job's name at the scheduler, by which it is found again
  std::optional<ArrayPlace> array{};
  std::string log_out;  // absolute paths of the job's own output
  std::string log_err;
  // Where the scheduler starts it: the run's directory, since the job makes its own (a thousand directories
  // on a parallel file system would take longer than the submission); on this machine the node's own.
  std::string workdir;
  Resources resources;
  std::vector<std::string> options;      // scheduler_options, verbatim, checked by the dialect
  std::vector<Dependency> dependencies;  // empty: a root of this submission
  bool requeued = false;                 // its script may give it back to the queue
  bool other_than_ok_follows =
      false;           // a child by any, notok or start, which its removal from the queue would let start
  bool held = false;   // submitted with a user hold, to be released when all is recorded
  std::string script;  // the whole job script; empty if `bare` is set
  std::optional<BareJob> bare;  // see bare_job() in script.h
};

// The same for the same run directory, node and attempt, so that `plan --id X` and `run --id X` agree to the
// byte; else different: the directory, which holds the run's id, also tells apart runs of one id that two
// stores have.
std::string make_token(std::string_view run_directory, std::string_view node, int attempt);
// Where an element stands if it goes out in an array: a node's elements count on over arrays of `largest`.
ArrayPlace array_place(std::string_view run_directory, const Node& element, int attempt, int largest);
std::string element_token(std::string_view array_token, std::string_view index);
bool in_array(std::string_view token);
bool is_index(std::string_view text);  // "3": a scheduler's word for an element
// For the token of an array's element the array's own name, which all of them have: sweep.TOKEN for sweep.3.
std::string job_name(std::string_view node, std::string_view token);
// Without ".out", ".err": where the job's own output goes.
std::string log_path(std::string_view run_directory, const Node& node, int attempt,
                     const std::optional<ArrayPlace>& array);
// The parts of an element's log before and behind its index: "/run/logs/sweep." and ".1.out".
std::pair<std::string, std::string> around_index(const Job& element, const std::string& log);
// "1-5,7"
std::string ranges_of(std::vector<int> numbers);
// The token in a job's name (of an array its own), or empty if it is not one of ours.
std::string_view token_of(std::string_view job_name);

}  // namespace catena
