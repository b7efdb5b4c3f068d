// The program `catena` that a run carries for its jobs, in RUN_DIR/.catena/bin at the end of a body's PATH:
// POSIX sh and awk, so that it works on a node where catena is not installed. The real catena hands these
// verbs over to it. It never opens the database: what it says is dropped into the spool, for the next pass.
#pragma once

#include <string>
#include <string_view>

namespace catena {

inline constexpr std::string_view tool_folder = ".catena/bin";
inline constexpr std::string_view tool_file = ".catena/bin/catena";
// Below RUN_DIR/.catena, made when they are needed:
//   said/TOKEN/       what an attempt has said so far: result.NAME (JSON), record.NAME (the same, numbers as
//                     texts), progress, fail ("yes" or "no" to permanent, then the reason)
//   ready/NODE        the token and the address of a service that is up
//   checkpoints/NODE/ the files that were kept, in a folder that `current` names
//   inputs/NODE/      inputs with late values, before they are filled in
inline constexpr std::string_view said_folder = ".catena/said";
inline constexpr std::string_view ready_folder = ".catena/ready";
inline constexpr std::string_view late_input_folder = ".catena/inputs";

// Verbs for bodies: put, get, event, progress, ready, checkpoint, extend, fail. Verbs for the job script:
//   _fill DEFINITIONS FILE   the text on standard input, with its late values, in FILE; why not, on stderr
//   _inputs FOLDER           the same for each file of the folder, into the working directory
//   _said [declared]         at the body's end, what it said, as bash text for the job script; with
//   `declared`
//                            the script writes results/NODE.json itself
//   _pointer FILE POINTER    a value of a JSON file, as JSON on one line and as records have it on the next
//   _again                   at the start of a further attempt, or after a requeue: restores checkpoints
// A file of `_inputs` is "catena late", the definitions, "text" (or "text cut": without its last newline),
// the text.
std::string_view job_tool();
// The verbs for bodies, with what `catena VERB --help` says of them.
struct ToolVerb {
  std::string_view name, usage, what;
};
inline constexpr ToolVerb tool_verbs[] = {
    {"put", "[--json] NAME=VALUE…", "in a job: give results of its node"},
    {"get", "[--json] NODE.NAME|NAME", "in a job: print another node's result, or a parameter of its own"},
    {"event", "TEXT", "in a job: record an event"},
    {"progress", "0.4 [TEXT]", "in a job: say how far it is"},
    {"ready", "[ADDRESS]", "in a job: say that its service is up, and where (default: the host's name)"},
    {"checkpoint", "FILE…", "in a job: keep copies of files for the next attempt"},
    {"extend", "FILE|-", "in a job: add nodes to its run, which wait for this one"},
    {"fail", "[--permanent] REASON", "in a job: the attempt has failed, however the body ends"},
};

}  // namespace catena
