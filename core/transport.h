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

// Fills `buffer` with the next bytes of standard input and gives their number; 0 at the end.
using ByteSource = std::function<std::size_t(std::span<char> buffer)>;
// Called with the bytes of standard output as they arrive.
using ByteSink = std::function<void(std::string_view piece)>;

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

// What is wanted from one directory of the site.
struct FilesToGet {
  std::string directory;              // absolute, on the site
  std::vector<std::string> patterns;  // below it: files, directories (with all that is in them), globs
  std::filesystem::path target;       // a directory on this machine; the same names are made below it
};

struct FileGot {
  std::size_t set = 0;  // place in what was asked for
  std::string path;     // below the directory
  std::uintmax_t size = 0;
  bool sent = false;  // false: the copy here was the same already
};

struct FilesGot {
  std::vector<FileGot> files;
  std::vector<std::string> left_out;  // what matched and was not taken, one sentence each: why
};

// Bytes that have gone over, and that there are in all.
using Progress = std::function<void(std::uintmax_t done, std::uintmax_t all)>;

class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::string where() const = 0;  // for messages: "this machine", "alice@login1"
  // Throws Error(transport) if the command could not be run at all or the connection broke; a non-zero status
  // is a value. Output that is not streamed is kept up to 256 MiB: more is an Error, as half an answer must
  // not be read as a whole one.
  virtual CommandResult run(const Command& command, const LineSink& on_line = {});
  // As run(), with bytes both ways: `input`, if set, is used instead of command.input. Standard error is kept
  // in the result up to 1 MiB. A function that throws ends the command, and its exception is passed on.
  virtual CommandResult stream(const Command& command, const ByteSource& input, const ByteSink& output) = 0;
  // Each file arrives under a temporary name, is checked, then renamed. Those that are there already, with
  // size and time of modification, or with the same content, are not sent again; a source that is named twice
  // is sent once (the targets become hard links where they can). `root`: the directory that most targets are
  // below. Throws Error(transport) naming the file.
  virtual void put(std::span<const FileToPut> files, const std::string& root,
                   const Progress& progress = {}) = 0;
  // As put(), the other way. Symbolic links are followed to files below the directory only. A pattern that
  // nothing matches gives nothing.
  virtual FilesGot get(std::span<const FilesToGet> sets, const Progress& progress = {}) = 0;
  virtual void make_directories(
      std::span<const std::string> paths) = 0;  // with parents, 0700; existing ones are left alone
  virtual std::optional<FileInfo> stat(const std::string& path) = 0;  // nullopt: not there
  // Writes `path` from `offset` on to `sink` in pieces. Throws Error(not_found, transport).
  virtual void read(const std::string& path, std::uintmax_t offset, const ByteSink& sink) = 0;
};

}  // namespace catena
