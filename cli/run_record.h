// What a run's directory holds of the run itself, so that the run can be taken in again where the store is
// lost.
#pragma once

#include <string>
#include <string_view>

#include "core/store.h"
#include "core/transport.h"

namespace catena::cli {

inline constexpr std::string_view run_record_name = ".catena/run.json";

struct RunRecordFile {
  RunRow run;  // id, name, file, site, directory, created
  Snapshot snapshot;
};

// RUN_DIR/.catena/run.json, 0600: the same bytes for the same run.
FileToPut write_run_record(const RunRow& run, const Snapshot& snapshot);
// `where` is for messages. Throws Error(config) if it is not what write_run_record() writes.
RunRecordFile read_run_record(std::string_view text, const std::string& where);

}  // namespace catena::cli
