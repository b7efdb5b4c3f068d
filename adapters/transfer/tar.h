// Files as a tar stream, both ways, as GNU tar on the other side writes and reads it: GNU's format, with
// POSIX records for times finer than a second. Our own, since names here are bytes (libarchive takes them
// through the locale), and reading is pushed, not pulled. Source: info tar, "Basic Tar Format"; pax(1).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/transport.h"

namespace catena::transfer {

struct Member {
  std::string name;
  std::uintmax_t size = 0;
  std::int64_t mtime = 0;  // nanoseconds since 1970; of what is read: whole seconds
  int mode = 0600;
  std::string link;  // of a hard link: the member that it is the same as; it has no content
};

// Where a member's content comes from: a file, or the text itself.
struct Content {
  std::filesystem::path file;  // empty: `text`
  std::string_view text;
};

// The stream of these members, a buffer at a time. Throws Error(transport) where a file cannot be read, or is
// shorter than its member says.
class TarSource {
 public:
  using Item = std::pair<Member, Content>;
  explicit TarSource(const std::vector<Item>& items) : items_(items) {}
  std::size_t read(std::span<char> buffer);  // 0: the end

 private:
  bool next();

  const std::vector<Item>& items_;
  std::size_t item_ = 0;
  std::string head_;       // headers and padding that are due
  std::string_view text_;  // content that is due, of a text
  std::ifstream file_;     // content that is due, of a file
  std::uintmax_t left_ = 0;
  bool ended_ = false;
};

// Takes a stream in pieces as they come. Throws Error(transport) where it is no tar stream.
class TarSink {
 public:
  using Begin = std::function<void(const Member&)>;
  using End = std::function<void()>;
  TarSink(Begin begin, ByteSink content, End end)
      : begin_(std::move(begin)), content_(std::move(content)), end_(std::move(end)) {}
  void take(std::string_view piece);
  bool complete() const { return ended_; }  // the stream's own end was seen

 private:
  void header();

  Begin begin_;
  ByteSink content_;
  End end_;
  std::string block_;      // a header that is not whole yet
  std::string long_name_;  // the next member's, if it is longer than a header holds
  bool in_long_name_ = false, in_file_ = false, ended_ = false;
  std::uintmax_t left_ = 0, padding_ = 0;
};

}  // namespace catena::transfer
