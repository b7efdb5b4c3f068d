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

}  // namespace catena
