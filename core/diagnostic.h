// Mistakes in files that people write: collected, so that one call reports all of them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena {

// Where something stands in a file. Lines and columns count from 1; 0 means "no place known".
struct Position {
  int line = 0;
  int column = 0;
};

struct Diagnostic {
  std::string file;
  Position at;
  std::string node;     // the node it concerns, or empty
  std::string message;  // what is wrong
  std::string hint;     // what to do, or a suggestion; may be empty
};

// "silicon.yaml:12:5: node 'fit': unknown node 'scff' in after (did you mean 'scf'?)"
std::string format(const Diagnostic& diagnostic);

class Diagnostics {
 public:
  void add(Diagnostic diagnostic) { list_.push_back(std::move(diagnostic)); }
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }
  // Throws Error(config) that holds every line, ordered by place, if there is any; else does nothing.
  void throw_if_any() const;

 private:
  std::vector<Diagnostic> list_;
};

// The candidate nearest to `name` by edit distance (swaps count one), or empty if none is near enough to be
// meant.
std::string nearest(std::string_view name, std::span<const std::string_view> candidates);

// "did you mean 'scf'?", or empty.
std::string suggestion(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace catena
