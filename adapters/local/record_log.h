// The records of a run's bare jobs: lines of one file, RUN_DIR/.catena/local/records, as core/report.h
// defines them. A job script drops each record as a file of its own, to be safe on any file system and from
// any host; workers share a host with their readers, and an append costs a tenth of a file.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "adapters/local/descriptor.h"
#include "adapters/local/line_file.h"
#include "core/report.h"

namespace catena::local {

// Several processes append at once: each record is one write.
class RecordWriter {
 public:
  explicit RecordWriter(const std::string& path);  // throws std::system_error
  // False where it is not whole in the file (a full disk).
  bool append(std::string_view line);

 private:
  Descriptor file_;
};

class RecordLog {
 public:
  explicit RecordLog(std::string path) : lines_(std::move(path)) {}
  void refresh();  // reads what is new; throws std::system_error
  // The job's exit record, or else its start record (state running), or nothing: it never began.
  const Report* find(std::string_view token) const;

 private:
  LineReader lines_;
  std::unordered_map<std::string, Report> latest_;
};

}  // namespace catena::local
