// What the engine asks of a place where jobs run: BatchBackend (a dialect over a transport), LocalBackend
// (this machine).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/job.h"
#include "core/report.h"
#include "core/transport.h"

namespace catena {

enum class Action {
  release,
  hold,
  cancel,   // of an unknown or ended job: no error
  repoint,  // replace its dependencies
};

// A job that the engine knows of.
struct JobRef {
  std::string token;
  std::string name;
  std::string native_id;      // empty: submitted perhaps, its id was never learnt; it is looked for by name
  std::string run_directory;  // where its records are
  Time submitted{};           // or intended: queries need not look further back
};

struct ControlTarget {
  std::string native_id;
  std::vector<std::pair<On, std::string>>
      parents;                  // repoint: the new dependencies, by native id; empty clears them
  std::string run_directory{};  // of its run: a local job's id is unique within it only
};

struct Query {
  std::span<const JobRef> jobs;  // of accounting: never empty
  std::string user;              // the login name on the site; empty: the one who runs the command
};

// A job array: jobs `first` to `first + count - 1`, which go out together.
struct JobArray {
  std::size_t first = 0, count = 0;
  std::string indices;  // "1-5,7"
  FileToPut scripts{};  // of its elements, each behind its array_mark(): core/script.h
};

// One submission, in topological order: a dependency's in_submission is always smaller than the job's own
// place.
struct Submission {
  std::string run_id;
  std::string run_directory;
  std::vector<Job> jobs;
  std::vector<JobArray> arrays{};  // in their order
};

struct Answer {
  enum class Kind {
    accepted,     // native_id is set
    refused,      // for good, with the scheduler's text; nothing was queued
    parent_gone,  // a parent has left the scheduler's memory since it was seen: nothing was queued, and how
                  // it ended is to be found out first
    skipped,      // not tried: a parent in this submission was not accepted
    limited,  // the user has as many jobs in the queue as he may: nothing was queued, the rest was not tried
    unavailable,  // the scheduler did not take it and does not answer: nothing was queued, the rest was not
                  // tried
    unsure,       // it may have been queued: to be looked up by its token before it is tried again
  };
  Kind kind = Kind::unsure;
  std::size_t job = 0;  // place in the submission
  std::string native_id;
  std::string
      text;  // the scheduler's words; of a job that it took: why it waits, where that is known at once
  bool more = false;  // another one follows at once: both may be recorded in one step
};
using AnswerSink = std::function<void(const Answer&)>;

struct Observation {
  std::vector<Report> reports;  // several of one job are possible, from different sources
  bool queue_seen = false;  // the queue was asked and answered: a live job that is not in it is not queued
  bool accounting_seen = false;
  std::vector<SaidRecord> said;  // what the jobs asked for have said since it was last put away
  std::vector<std::string>
      trouble;  // what could not be asked, one sentence each: no state changes because of it
  std::vector<std::string> spooled;  // record files that were read, to be put away once they are stored
};

class Backend {
 public:
  virtual ~Backend() = default;
  // Makes the folders, stages what is not there yet. Called before the first submission of a run, and safe to
  // repeat.
  virtual void prepare(const std::string& run_directory, std::span<const std::string> directories,
                       std::span<const FileToPut> files, const Progress& progress = {}) = 0;
  // Submits in order, one answer a job as it arrives. Jobs without an answer when it returns were not tried;
  // where that is not certain (a cut connection), they are answered `unsure`.
  virtual void submit(const Submission& submission, const AnswerSink& sink) = 0;
  virtual Observation observe(std::span<const JobRef> jobs) = 0;
  // How many jobs of this user are in the queue now, catena's and others. nullopt: it could not be asked.
  virtual std::optional<std::size_t> queued() = 0;
  // Native ids that could not be acted on, with the scheduler's words; throws Error(unavailable) if nothing
  // could be done at all.
  virtual std::vector<std::string> control(Action action, std::span<const ControlTarget> targets) = 0;
  // The records in observation.spooled are in the store now.
  virtual void put_away(const std::vector<std::string>& spooled) = 0;
  virtual Transport& transport() = 0;
};

}  // namespace catena
