// An INI file's text as sections and entries with their lines, read by inih r55 with its silent readings made
// mistakes. This file knows the form only; what the sections and keys mean is site_file.h's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/diagnostic.h"

namespace catena {

struct IniEntry {
  std::string section;
  std::string key;
  std::string value;  // as written, without the blanks around it; quotes are kept
  int line = 0;       // from 1
};

struct IniSection {
  std::string name;
  int line = 0;
};

struct IniText {
  std::vector<IniSection> sections;  // in order; a second header of the same name is a mistake and not listed
  std::vector<IniEntry> entries;     // in order; the same key may occur several times: the caller decides
};

// The longest line, without its newline. inih cuts what is longer into several "lines".
inline constexpr std::size_t ini_longest_line = 65'000;

// Reads the whole text. The form: `[section]`, `key = value`, comments on lines of their own that begin with
// # or ;. Everything after the first '=' is the value: nothing in it starts a comment, an indented line is a
// line like any other. LF and CRLF end a line, a byte order mark is passed over. Mistakes go to `diagnostics`
// under the name `file`, all of them: control characters (NUL above all, where a C string would end),
// overlong lines, a line without '=', a key with ':' before the '=', a bad or repeated section header, text
// behind a header. What they spoil is left out; the rest is still read.
IniText read_ini(std::string_view text, const std::string& file, Diagnostics& diagnostics);

}  // namespace catena
