#include "adapters/transfer/errors.h"

#include <fmt/core.h>

#include "core/error.h"

namespace catena::transfer {

void fail(const Transport& transport, const std::string& what, const std::string& directory,
          const CommandResult& result) {
  auto words = result.err;
  while (!words.empty() && words.back() == '\n') words.pop_back();
  // tar repeats one cause for every file.
  const auto newline = words.find('\n');
  // GNU tar says of the last write on a full disk how much of it there was room for.
  const bool full = words.find("No space left") != std::string::npos ||
                    words.find("quota") != std::string::npos || words.find("Wrote only") != std::string::npos;
  throw Error(ErrorKind::transport,
              fmt::format("{} in {} on {}: {}{}", what, directory, transport.where(),
                          full ? "no space left there: " : "",
                          words.empty() ? fmt::format("status {}", result.status) : words.substr(0, newline)),
              full ? "free some space there, or give the site another `scratch`; then try again" : "");
}

}  // namespace catena::transfer
