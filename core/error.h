// What stops an operation: one exception type, with a kind that decides the exit code.
// What the caller decides on (a refused submission, an unreadable line) is a value instead: see report.h.
#pragma once

#include <stdexcept>
#include <string>

namespace catena {

enum class ErrorKind {
  usage,        // the command line cannot be understood
  config,       // a workflow or site file is wrong
  not_found,    // a run, node, site or file does not exist
  transport,    // the login node cannot be reached, or the connection broke
  refused,      // the scheduler said no, for good
  unavailable,  // the scheduler does not answer at present
  conflict,     // somebody else holds it, or it exists already
  internal,     // a defect of catena, or a broken store
};

class Error : public std::runtime_error {
 public:
  // `message` names the file, line, node or host; `remedy` says what to do next (may be empty).
  Error(ErrorKind kind, const std::string& message, std::string remedy = {})
      : std::runtime_error(message), kind_(kind), remedy_(std::move(remedy)) {}
  ErrorKind kind() const { return kind_; }
  const std::string& remedy() const { return remedy_; }

 private:
  ErrorKind kind_;
  std::string remedy_;
};

// The exit codes of the command line, documented in docs/commands.md.
enum ExitCode : int {
  exit_ok = 0,
  exit_run_failed = 1,  // `wait`, `run --wait`: the run ended failed
  exit_usage = 2,
  exit_config = 3,
  exit_not_found = 4,
  exit_transport = 5,
  exit_refused = 6,
  exit_unavailable = 7,
  exit_conflict = 8,
  exit_run_cancelled = 9,  // `wait`, `run --wait`: the run ended cancelled
  exit_timeout = 10,       // `wait --timeout`: the run had not ended by then
  exit_internal = 70,
};

int exit_code(ErrorKind kind);

}  // namespace catena
