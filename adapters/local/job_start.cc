#include "adapters/local/job_start.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "adapters/local/launcher.h"

namespace catena::local {

Descriptor open_log(const std::string& path) {
  if (path.empty()) return {};
  const auto create = [&] {
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  };
  Descriptor file(create());
  if (!file.open() && errno == ENOENT) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    file.reset(create());
  }
  if (!file.open()) throw std::system_error(errno, std::generic_category(), "cannot write " + path);
  return file;
}

JobEnvironment::JobEnvironment() {
  for (char** entry = environ; *entry; ++entry) {
    if (!std::string_view(*entry).starts_with("CATENA_JOB_ID=")) entries_.push_back(*entry);
  }
  entries_.push_back(nullptr);  // the place of the id
  entries_.push_back(nullptr);
}

char* const* JobEnvironment::with(const std::string& id) {
  id_ = "CATENA_JOB_ID=" + id;
  entries_[entries_.size() - 2] = id_.data();
  return entries_.data();
}

pid_t start_job(const QueueLine& job, const std::string& script, JobEnvironment& environment) {
  const auto out = open_log(job.log_out);
  const auto err = job.log_err.empty() || job.log_err == job.log_out ? Descriptor() : open_log(job.log_err);
  return launch({.argv = {"/bin/bash", script},
                 .directory = job.workdir,
                 .out = out.get(),
                 .err = err.open() ? err.get() : out.get(),
                 .environment = environment.with(job.id)});
}

void log(const std::string& text) {
  const auto line =
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ} [{}] {}\n", fmt::gmtime(std::time(nullptr)), getpid(), text);
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;  // nowhere is left to say it
}

}  // namespace catena::local
