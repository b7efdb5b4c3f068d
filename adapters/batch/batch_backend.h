// A batch scheduler: a dialect's texts over a transport.
#pragma once

#include <string>
#include <vector>

#include "core/backend.h"
#include "core/dialect.h"
#include "core/site.h"

namespace catena {

class BatchBackend : public Backend {
 public:
  // All must outlive the backend.
  BatchBackend(const Dialect& dialect, Transport& transport, const Site& site)
      : dialect_(dialect), transport_(transport), site_(site) {}

  void prepare(const std::string& run_directory, std::span<const std::string> directories,
               std::span<const FileToPut> files, const Progress& progress = {}) override;
  // One `sh` that reads the submission program (core/program.h).
  void submit(const Submission& submission, const AnswerSink& sink) override;
  // The run directories' records, one queue query, and one accounting query for the jobs that neither
  // explains.
  std::optional<std::size_t> queued() override;
  Observation observe(std::span<const JobRef> jobs) override;
  std::vector<std::string> control(Action action, std::span<const ControlTarget> targets) override;
  void put_away(const std::vector<std::string>& spooled) override;
  Transport& transport() override { return transport_; }

 private:
  void read_spool(std::span<const JobRef> jobs, Observation& observation);
  bool ask(QueryKind kind, std::span<const JobRef> jobs, Observation& observation);

  const Dialect& dialect_;
  Transport& transport_;
  const Site& site_;
};

}  // namespace catena
