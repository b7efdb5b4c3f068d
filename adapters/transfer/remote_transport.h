// A Transport whose only wire is a command's standard streams: files go as one tar stream through it.
// Kinds of wire (libssh2, the system's ssh) implement connect(), stream() and where().
#pragma once

#include "core/transport.h"

namespace catena {

class RemoteTransport : public Transport {
 public:
  // A repeatable command whose output is not streamed is tried again after an Error(transport): three times
  // in all, with pauses of one and four seconds.
  CommandResult run(const Command& command, const LineSink& on_line = {}) override;
  void put(std::span<const FileToPut> files, const std::string& root, const Progress& progress = {}) override;
  FilesGot get(std::span<const FilesToGet> sets, const Progress& progress = {}) override;
  void make_directories(std::span<const std::string> paths) override;
  std::optional<FileInfo> stat(const std::string& path) override;
  void read(const std::string& path, std::uintmax_t offset, const ByteSink& sink) override;
};

}  // namespace catena
