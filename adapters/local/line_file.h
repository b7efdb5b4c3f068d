// Append-only files of lines, written by one process at a time and read by others while they grow.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/local/descriptor.h"

namespace catena::local {

// An exclusive lock on a file, which is made if it is not there (0600). It belongs to the open file, not to
// the process: a child in the middle of its start holds it too, and it is free only once that child has
// become another program.
class FileLock {
 public:
  enum class Wait { no, yes };
  // Throws std::system_error.
  FileLock(const std::string& path, Wait wait);
  bool held() const { return held_; }
  int fd() const { return file_.get(); }

 private:
  Descriptor file_;
  bool held_ = false;
};

// Whether somebody holds the lock. Asking does not take it, so two who ask do not see each other.
bool is_locked(const std::string& path);

// Appends whole lines. Only for the one who holds the file's writer lock.
class LineWriter {
 public:
  // Opens or makes the file (0600), and cuts off a torn last line, which a writer left that was killed in the
  // middle.
  explicit LineWriter(const std::string& path);
  // All of it or nothing: after an error (a full disk) the file is as it was. Throws std::system_error.
  void append(std::string_view lines);
  void sync();  // to the disk

 private:
  Descriptor file_;
};

// Reads whole lines once each. A line without its newline is left for the next time.
class LineReader {
 public:
  explicit LineReader(std::string path) : path_(std::move(path)) {}
  // Calls `sink` with each new line, without its newline; offset() is then the end of that line, newline and
  // all. A file that is not there has none. Throws std::system_error.
  void read(const std::function<void(std::string_view line)>& sink);
  std::size_t offset() const { return offset_; }  // of what was read
  // What was appended there by this process itself, which knows it: it is not read.
  void skip(std::size_t size) { offset_ += size; }

 private:
  std::string path_;
  Descriptor file_;
  std::size_t offset_ = 0;
  std::vector<char> buffer_;  // kept: a fresh one a call would be new memory from the system each time
};

// Temporary name, then rename. 0600. Throws std::system_error.
void replace_file(const std::string& path, std::string_view content);
// Makes the file (0600) or begins it anew, for readers who learn of it afterwards. Throws std::system_error.
void write_file(const std::string& path, std::string_view content);
// The whole file, or empty if it cannot be read.
std::string read_file(const std::string& path);

}  // namespace catena::local
