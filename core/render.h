// {{ name }} in texts. In shell text a value is quoted for the place where it stands, so that it arrives as
// one word (or as its exact characters inside quotes and here-documents), whatever characters it holds.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostic.h"
#include "core/value.h"

namespace catena {

enum class Quoting {
  none,   // the value's characters, as they are: names, paths, input files
  shell,  // the text is a POSIX/bash program
};

struct RenderProblem {
  Position at;          // within the text, from 1
  std::string message;  // "unknown parameter 'elat'"
  std::string hint;     // "did you mean 'alat'?"
};

// Finds the value of a name such as "alat", "node.name", "run.dir"; nullptr if there is none.
using Lookup = std::function<const Value*(std::string_view name)>;

// Fills in every {{ name }} and {{ name | raw }} (raw: never quoted; the author answers for it). A literal
// "{{" is written
// "{{ '{{' }}". `names` are what suggestions are taken from. Problems are appended, and the text is then not
// to be used. nodes.X.results.Y (another node's result) is a problem of its own: it cannot be known before
// that node has run.
std::string render(std::string_view text, Quoting quoting, const Lookup& lookup,
                   const std::vector<std::string>& names, std::vector<RenderProblem>& problems);

// Whether the text holds a {{ at all.
bool has_template(std::string_view text);

// The names used in the text, in order, without duplicates.
std::vector<std::string> names_in(std::string_view text);

}  // namespace catena
