// This machine as a Transport: commands are processes of ours, files are ours.
#pragma once

#include "core/transport.h"

namespace catena {

class LocalTransport : public Transport {
 public:
  std::string where() const override { return "this machine"; }

  // A grandchild that holds the pipes open after the command has ended is waited for 200 ms. After a time-out
  // TERM is followed by KILL two seconds later.
  CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) override;
  // Copies, also of what is there already. Not synced to the disk: what a power failure leaves half-written
  // belongs to a job that it has ended as well.
  void put(std::span<const FileToPut> files, const std::string& root, const Progress& progress = {}) override;
  FilesGot get(std::span<const FilesToGet> sets, const Progress& progress = {}) override;
  void make_directories(std::span<const std::string> paths) override;
  std::optional<FileInfo> stat(const std::string& path) override;
  void read(const std::string& path, std::uintmax_t offset, const ByteSink& sink) override;
};

}  // namespace catena
