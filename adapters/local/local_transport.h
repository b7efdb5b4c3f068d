// This machine as a Transport: commands are processes of ours, files are ours.
#pragma once

#include "core/transport.h"

namespace catena {

class LocalTransport : public Transport {
 public:
  std::string where() const override { return "this machine"; }

  // Standard output that is not streamed is kept up to 256 MiB (more is an Error: half an answer must not be
  // read as a whole one), standard error up to 1 MiB (what is beyond is dropped, and said). A grandchild that
  // holds the pipes open after the command has ended is waited for 200 ms. After a time-out TERM is followed
  // by KILL two seconds later. An exception from `on_line` ends the command.
  CommandResult run(const Command& command, const LineSink& on_line = {}) override;
  // Not synced to the disk: what a power failure leaves half-written belongs to a job that it has ended as
  // well.
  void put(std::span<const FileToPut> files) override;
  void make_directories(std::span<const std::string> paths) override;
  std::optional<FileInfo> stat(const std::string& path) override;
  void read(const std::string& path, std::uintmax_t offset,
            const std::function<void(std::string_view piece)>& sink) override;
};

}  // namespace catena
