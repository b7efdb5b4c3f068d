// An ordinary batch script's header, from one scheduler's directives to another's. What a header says is
// taken apart by the reader of one family and put together by the writer of another: resources in portable
// terms (resources.h), all else as the terms below.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostic.h"
#include "core/header.h"
#include "core/resources.h"

namespace catena {

// The form of each term's value.
enum class Term {
  resource,  // the name of a field of BatchHeader::resources, which the option has set
  name,      // the job's name
  output,
  error,  // a path, or pattern: %j job id, %A array's id, %a array index, %x job name, %u user, %N host; %%:
          // %
  mail_events,     // of begin,end,fail,none,each_task, with commas
  mail_users,      // with commas
  dependency,      // afterok:ID[:ID…],afterany:… of after, afterok, afternotok, afterany
  array,           // 1-10, 0-9:2, 1,3,5-7, each with or without %MOST
  hold,            // no value
  rerun,           // y, n
  export_all,      // no value: all of the submitting shell's environment
  export_none,     // no value: nothing of it
  variable,        // NAME, or NAME=value
  workdir,         // a path
  clock,           // hh:mm[:ss], the next such time, or MM/DD-hh:mm[:ss]
  project,         // beside an account
  wait,            // no value: the submission waits for the job's end
  quiet,           // no value: the submission prints no id
  least_walltime,  // seconds
  node_list,       // hosts, with commas
  other,           // no counterpart anywhere; the value says what to do instead, or is empty
};

struct HeaderTerm {
  Term term = Term::other;
  std::string value;
  Position at;
  std::string text;  // the option as it was written, for messages: "--mail-type=END"
};

struct BatchHeader {
  HeaderLines lines;
  std::string shell;  // that the job's scheduler runs it with; empty: not said
  Resources resources;
  std::vector<HeaderTerm> terms;
  bool joined = false;                       // standard error goes where the output goes
  std::vector<Diagnostic> warnings, errors;  // without the file
};

struct NewDirective {
  int line = 0;  // of the directive that it replaces; 0: said by no line, it goes to the end of the header
  std::string text;
};

struct NewHeader {
  std::string shell;  // for "#!"; empty: as it was
  std::vector<NewDirective> directives;
  std::vector<Diagnostic> warnings;
};

// What a job finds in its environment. One without a counterpart has the same name nowhere else.
enum class Fact {
  job_id,
  job_name,
  submit_directory,
  submit_host,
  array_id,
  array_index,
  array_size,
  queue,
  node_list,
  node_number,
  nodes,
  tasks,
  cpus_on_node,
  tasks_per_node,
  cpus_per_task,
  account,
  restarts,
  gpus,
  other,
};
struct BatchVariable {
  std::string_view name;
  Fact fact;
  std::string_view note = {};  // how it differs, for whoever takes it instead of another: "a file with …"
};

// A scheduler's side of a translation.
struct BatchLanguage {
  std::string_view name;    // "slurm", "pbs", "torque"
  std::string_view title;   // "SLURM"
  std::string_view family;  // of which the directives are: "slurm", "pbs"
  std::string_view directive;
  std::string_view prefix;          // of the variables' names
  std::string_view start;           // where a job starts without being told: "the home directory"
  std::string_view to_other_start;  // how a body goes where schedulers start a job that do otherwise
  BatchHeader (*read)(std::string_view script);
  NewHeader (*write)(const BatchHeader& header);
  std::span<const BatchVariable> variables;  // the first of a fact is the one to use
};

struct Translation {
  std::string script;
  std::vector<Diagnostic> warnings;  // in the order of their places
};

// Each directive is replaced where it stands; comments, and the body to the byte, stay. `from` is told from
// the header. Warnings: lines without a counterpart, variables in the body that the other scheduler does not
// set (they are not rewritten), a start in another directory. Throws Error(config) with all mistakes: no
// directives, those of two families or of the family of `to` alone, and what the script's own scheduler would
// refuse.
Translation translate(std::string_view script, const std::string& file,
                      std::span<const BatchLanguage> languages, const BatchLanguage& to);

// For writers: the last term of this kind, which is the one that counts, or nullptr.
const HeaderTerm* find_term(const BatchHeader& header, Term term);
// The option that set one of these fields first, or nullptr.
const HeaderTerm* find_resource(const BatchHeader& header, std::span<const std::string_view> fields);
Diagnostic no_counterpart(const HeaderTerm& term, std::string_view title, std::string_view hint = {});
// For readers: the fields in which the two differ, each as a term.
void add_resource_terms(std::vector<HeaderTerm>& terms, const Resources& before, const Resources& after,
                        Position at, const std::string& text);
std::string with_commas(std::span<const std::string> parts);

}  // namespace catena
