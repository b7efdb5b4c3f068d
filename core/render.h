// {{ name }} in texts. In shell text a value is quoted for the place where it stands, so that it arrives as
// one word (or as its exact characters inside quotes and here-documents), whatever characters it holds.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostic.h"
#include "core/late.h"
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

// What only the job will know, for a text that may hold it.
struct LateSource {
  LateNames names;
  std::function<bool(std::string_view name)> is_late;  // whether that parameter's value is one of them
  LateValues* values = nullptr;                        // nullptr: none can stand in this text
  std::string_view place = "text";                     // of a use in Quoting::none, see LateValues::add
};

// Fills in every {{ name }} and {{ name | raw }} (raw: never quoted; the author answers for it). A literal
// "{{" is written
// "{{ '{{' }}". `names` are what suggestions are taken from. Problems are appended, and the text is then not
// to be used. Of what only the job will know (core/late.h), the text holds the marks; without `late` it is a
// problem.
std::string render(std::string_view text, Quoting quoting, const Lookup& lookup,
                   const std::vector<std::string>& names, std::vector<RenderProblem>& problems,
                   const LateSource* late = nullptr);

// The steps to a whole text that holds late values, {{ nodes.fit.results.a }} or more around it: a
// parameter's.
LateAnswer late_text(std::string_view text, const LateNames& names);
// Whether one of its {{ }} is one.
bool holds_late(std::string_view text);

// Whether the text holds a {{ at all.
bool has_template(std::string_view text);

// The names used in the text, in order, without duplicates.
std::vector<std::string> names_in(std::string_view text);

}  // namespace catena
