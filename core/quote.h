// Quoting for POSIX shells, and for JSON.
#pragma once

#include <string>
#include <string_view>

namespace catena {

// One word for a POSIX shell. Words of [A-Za-z0-9_@%+=:,./-] stay as they are; all else goes into single
// quotes.
std::string shell_quote(std::string_view word);

// A JSON string, on one line.
std::string json_quote(std::string_view text);

// A here-document's delimiter that is no line of `text`: "stem", else "stem_1", "stem_2", …
std::string delimiter_for(std::string_view stem, std::string_view text);

}  // namespace catena
