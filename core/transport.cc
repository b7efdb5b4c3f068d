#include "core/transport.h"

#include <fmt/core.h>

#include "core/error.h"

namespace catena {
namespace {

constexpr std::size_t output_cap = 256U << 20;

}  // namespace

CommandResult Transport::run(const Command& command, const LineSink& on_line) {
  std::string kept;  // all of the output, or the line that is not whole yet
  auto result = stream(command, {}, [&](std::string_view piece) {
    if (kept.size() + piece.size() > output_cap) {
      throw Error(ErrorKind::transport, fmt::format("{}: {}: more than {} MiB of output", where(),
                                                    command.argv.front(), output_cap >> 20));
    }
    if (on_line) {
      for (auto newline = piece.find('\n'); newline != std::string_view::npos; newline = piece.find('\n')) {
        kept += piece.substr(0, newline);
        piece.remove_prefix(newline + 1);
        on_line(kept);
        kept.clear();
      }
    }
    kept += piece;
  });
  if (on_line) {
    if (!kept.empty()) on_line(kept);
  } else {
    result.out = std::move(kept);
  }
  return result;
}

}  // namespace catena
