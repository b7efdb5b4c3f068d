// Which files below a directory some patterns mean: a pure function of a listing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace catena::transfer {

// What find(1) says of one name below the directory.
struct Entry {
  std::string path;  // below the directory: "a/b.out"
  char type = 'f';   // as find's %y: f, d, l, …
  std::uintmax_t size = 0;
  std::int64_t mtime = 0;  // nanoseconds since 1970
  std::string link;        // where a symbolic link points to, as it is written
};

struct Selected {
  std::string path;   // the name that was asked for
  std::size_t entry;  // place in the listing: of the file itself, or of the one that a link leads to
};

struct Selection {
  std::vector<Selected> files;        // in the listing's order, each path once
  std::vector<std::string> left_out;  // one sentence each
};

// A pattern is a path below the directory whose parts may hold *, ? and [ ]; a directory that it matches
// means all files in it. A leading dot is matched by a dot only, as a shell does. Links that lead to a file
// of the listing count as that file; others are left out.
Selection select(std::span<const Entry> listing, std::span<const std::string> patterns);

// Whether a path that came from elsewhere stays below the directory it is put into.
bool stays_below(std::string_view path);

}  // namespace catena::transfer
