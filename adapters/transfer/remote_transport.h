// A Transport whose only wire is a command's standard streams: files go as one tar stream through it.
// Kinds of wire (libssh2, the system's ssh) implement connect(), stream() and where().
#pragma once

#include <utility>

#include "core/error.h"
#include "core/transport.h"

namespace catena {

// The host is out of reach, or the connection broke: what may be repeated is worth another try. Not for a
// host key or a login that was refused.
class ConnectionLost : public Error {
 public:
  explicit ConnectionLost(const std::string& message, std::string remedy = {})
      : Error(ErrorKind::transport, message, std::move(remedy)) {}
};

class RemoteTransport : public Transport {
 public:
  // A repeatable command whose output is not streamed is tried again after a ConnectionLost: three
  // times in all, with pauses of one and four seconds.
  CommandResult run(const Command& command, const LineSink& on_line = {}) override;
  void put(std::span<const FileToPut> files, const std::string& root, const Progress& progress = {}) override;
  FilesGot get(std::span<const FilesToGet> sets, const Progress& progress = {}) override;
  void make_directories(std::span<const std::string> paths) override;
  std::optional<FileInfo> stat(const std::string& path) override;
  void read(const std::string& path, std::uintmax_t offset, const ByteSink& sink) override;
};

}  // namespace catena
