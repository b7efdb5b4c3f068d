// A submission as one POSIX sh program: parents' ids are shell variables, so that a graph of any size needs
// one round trip. Each job answers with one line; catena stores each answer as it arrives:
//   OK token id        accepted
//   ERR token status text   refused or unavailable, in the scheduler's words on one line
//   SKIP token         not tried: a parent was not accepted
//   UNSURE token status text   it may have been queued
// (a job array by its first element's token)
// and at the end END, or STOP where the rest was not tried (after UNSURE, when the scheduler does not
// answer, or when it takes no more of the user's jobs).
// All of it is one compound command: a shell that receives only the beginning (a cut connection) runs
// nothing, where it would else submit a job whose script is cut short. What the scheduler gets of a job is
// its directives and a line that runs its script, a file in the run's directory: a shell that holds a
// thousand whole scripts forks slowly, and a controller takes longer for long ones (300 jobs: a tenth each).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/backend.h"
#include "core/dialect.h"

namespace catena {

// The program for `sh`; deterministic. Its jobs run the files of take_scripts().
std::string submission_program(const Dialect& dialect, const Submission& submission);

// The job scripts, taken out of the submission, and of each array those of its elements: files that are there
// before the program runs.
std::vector<FileToPut> take_scripts(Submission& submission);

// Reads the program's lines. What is no answer (a login shell's banner) is passed over.
class ProgramAnswers {
 public:
  // The submission must outlive it.
  ProgramAnswers(const Dialect& dialect, const Submission& submission);
  // One answer, or those of all elements of an array; none.
  std::vector<Answer> read(std::string_view line);
  bool ended() const { return ended_; }  // END or STOP was seen: jobs without an answer were not tried
  // The jobs without an answer, in order: after a broken connection each of them is unsure.
  std::vector<std::size_t> unanswered() const;

 private:
  const Submission& submission_;
  const SubmitText text_;
  std::unordered_map<std::string_view, std::size_t> places_;
  std::vector<bool> answered_;
  bool ended_ = false;
};

}  // namespace catena
