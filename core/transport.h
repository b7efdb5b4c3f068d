// Runs commands and moves files on one machine: this one, or a login node.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena {

struct Command {
  std::vector<std::string> argv;
  std::string input;        // standard input; empty: /dev/null
  bool repeatable = false;  // may be run again by itself after a broken connection. A submission never is
  std::chrono::milliseconds timeout{120'000};  // 0: none. TERM, then KILL to its process group
};

struct CommandResult {
  int status = 0;  // exit status; 128+N when killed by signal N
  bool timed_out = false;
  std::string out, err;  // what was not streamed
};

// Called with each whole line of standard output as it arrives, without its newline (the last may lack one).
using LineSink = std::function<void(std::string_view line)>;

struct FileInfo {
  bool directory = false;
  std::uintmax_t size = 0;
  int mode = 0;  // permission bits
};

struct FileToPut {
  std::string content;           // used if `source` is empty
  std::filesystem::path source;  // a file on this machine
  std::string target;            // absolute, on the site; missing parent folders are made, 0700
  int mode = 0600;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::string where() const = 0;  // for messages: "this machine", "alice@login1"
  // Throws Error(transport) if the command could not be run at all or the connection broke; a non-zero status
  // is a value.
  virtual CommandResult run(const Command& command, const LineSink& on_line = {}) = 0;
  // Each file arrives whole or not at all (temporary name, then rename). Throws Error(transport) naming the
  // file.
  virtual void put(std::span<const FileToPut> files) = 0;
  virtual void make_directories(
      std::span<const std::string> paths) = 0;  // with parents, 0700; existing ones are left alone
  virtual std::optional<FileInfo> stat(const std::string& path) = 0;  // nullopt: not there
  // Writes `path` from `offset` on to `sink` in pieces. Throws Error(not_found, transport).
  virtual void read(const std::string& path, std::uintmax_t offset,
                    const std::function<void(std::string_view piece)>& sink) = 0;
};

}  // namespace catena
