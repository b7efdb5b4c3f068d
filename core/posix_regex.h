// Regular expressions of workflow files, for what reads POSIX extended ones: regcomp(3), grep -E, bash.
#pragma once

#include <string>
#include <string_view>

namespace catena {

// \d and \D are no part of POSIX; \s \S \w \W glibc, GNU grep and bash know, and they stay as they are.
std::string posix_regex(std::string_view regex);

}  // namespace catena
