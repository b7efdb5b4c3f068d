// This machine as a Backend: a tiny scheduler whose state is in files below RUN_DIR/.catena/local
// (records.h), and whose supervisor (supervisor.h) is started whenever there is something for it to do.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "adapters/local/local_transport.h"
#include "adapters/local/records.h"
#include "core/backend.h"

namespace catena {

class LocalBackend : public Backend {
 public:
  // `binary`: the catena executable, which is run as `BINARY _supervise RUN_DIR`.
  LocalBackend(std::string binary, const local::Limits& limits);
  ~LocalBackend() override;

  void prepare(const std::string& run_directory, std::span<const std::string> directories,
               std::span<const FileToPut> files, const Progress& progress = {}) override;
  // Ids are "local.N", unique within the run. A token that is in the queue already is answered with the id it
  // has, and is not queued again. Refused: what asks for more than the machine (or the site's limits) has,
  // and unknown parents. Throws Error(transport) where the run's files cannot be written (nothing was queued
  // then), and Error(unavailable) where the supervisor does not start (what was answered is queued, and the
  // next call tries again).
  void submit(const Submission& submission, const AnswerSink& sink) override;
  // Reports by the jobs' records (record), the journal (accounting) and the queue (queue). A job that was
  // skipped because an edge can no longer be met is `cancelled` with the native state "skipped" or
  // "unneeded". Where the supervisor was killed it is started again, which `trouble` says, and jobs that ran
  // are unknown in this observation.
  Observation observe(std::span<const JobRef> jobs) override;
  std::optional<std::size_t> queued() override { return 0; }  // there is no limit to learn
  // A target without a run_directory is looked for in the runs that this object has seen.
  std::vector<std::string> control(Action action, std::span<const ControlTarget> targets) override;
  void put_away(const std::vector<std::string>& spooled) override;
  Transport& transport() override { return transport_; }

 private:
  struct View;  // what this process has read of a run's files
  View& view(const std::string& run_directory);
  View* owner(const ControlTarget& target, std::string& problem);
  void ensure_supervisor(View& view);
  void observe_run(View& view, std::span<const JobRef* const> jobs, Observation& observation);

  std::string binary_;
  local::Limits limits_;
  LocalTransport transport_;
  std::map<std::string, std::unique_ptr<View>> views_;
};

}  // namespace catena
