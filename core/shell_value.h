// A value as text for the place of a shell program where it stands.
#pragma once

#include <string>
#include <string_view>

#include "core/shell_context.h"
#include "core/value.h"

namespace catena {

struct ShellText {
  std::string text;
  std::string problem;  // why the value cannot stand here: "a list cannot stand in arithmetic"; empty: it can
  std::string hint;
};

// `rest`: what follows in the source, since the next character can change what a word means ("2" before ">").
ShellText shell_text(const Value& value, const ShellContext& context, std::string_view rest);

// How a value that only the job will know is written in the place where it stands: `mark` stands for it
// until then, between `before` and `after`. `place` says to the job's tool (core/job_tool.h) how the value is
// to be quoted there, and what cannot stand there. Not less strict than shell_text(): what depends on the
// value is refused by the tool, what could depend on it in a way that the tool does not see is refused here.
struct LatePlace {
  std::string before, after;
  std::string place;    // "dquote", "words paren eof \"EOF\"", ...
  std::string problem;  // empty: it can stand here
  std::string hint;
};
LatePlace late_place(const ShellContext& context);

}  // namespace catena
