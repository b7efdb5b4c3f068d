#include "adapters/transfer/remote_transport.h"

#include <fmt/core.h>

#include <charconv>
#include <thread>

#include "adapters/transfer/download.h"
#include "adapters/transfer/nul_list.h"
#include "adapters/transfer/upload.h"
#include "core/error.h"

namespace catena {
namespace {

constexpr int not_there = 66;  // EX_NOINPUT

}  // namespace

CommandResult RemoteTransport::run(const Command& command, const LineSink& on_line) {
  const bool again = command.repeatable && !on_line;
  for (auto pause : {std::chrono::seconds{1}, std::chrono::seconds{4}}) {
    try {
      return Transport::run(command, on_line);
    } catch (const ConnectionLost&) {
      if (!again) throw;
      std::this_thread::sleep_for(pause);
    }
  }
  return Transport::run(command, on_line);
}

void RemoteTransport::put(std::span<const FileToPut> files, const std::string& root,
                          const Progress& progress) {
  transfer::upload(*this, files, root, progress);
}

FilesGot RemoteTransport::get(std::span<const FilesToGet> sets, const Progress& progress) {
  return transfer::download(*this, sets, progress);
}

void RemoteTransport::make_directories(std::span<const std::string> paths) {
  if (paths.empty()) return;
  Command command;
  command.argv = {"sh", "-c", "umask 077; xargs -0 -r mkdir -p --"};
  for (const auto& path : paths) transfer::append_nul(command.input, path);
  command.repeatable = true;
  const auto result = run(command);
  if (result.status != 0) {
    throw Error(ErrorKind::transport, fmt::format("cannot make directories on {}: {}", where(), result.err));
  }
}

std::optional<FileInfo> RemoteTransport::stat(const std::string& path) {
  Command command;
  command.argv = {"sh", "-c",
                  fmt::format("[ -e \"$1\" ] || exit {}; exec stat -L --printf '%f %s' -- \"$1\"", not_there),
                  "sh", path};
  command.repeatable = true;
  const auto result = run(command);
  if (result.status == not_there) return std::nullopt;
  unsigned mode = 0;
  FileInfo info;
  const auto* last = result.out.data() + result.out.size();
  const auto after_mode = std::from_chars(result.out.data(), last, mode, 16);
  if (result.status != 0 || after_mode.ptr == last ||
      std::from_chars(after_mode.ptr + 1, last, info.size).ec != std::errc{}) {
    throw Error(ErrorKind::transport, fmt::format("cannot look at {} on {}: {}", path, where(), result.err));
  }
  info.directory = (mode & 0170000U) == 0040000U;
  info.mode = static_cast<int>(mode & 07777U);
  return info;
}

void RemoteTransport::read(const std::string& path, std::uintmax_t offset, const ByteSink& sink) {
  Command command;
  command.argv = {
      "sh", "-c", fmt::format("[ -e \"$1\" ] || exit {}; exec tail -c \"+$2\" -- \"$1\"", not_there),
      "sh", path, std::to_string(offset + 1)};
  command.timeout = std::chrono::milliseconds{0};
  const auto result = stream(command, {}, sink);
  if (result.status == not_there)
    throw Error(ErrorKind::not_found, fmt::format("{}: there is no such file on {}", path, where()));
  if (result.status != 0)
    throw Error(ErrorKind::transport, fmt::format("cannot read {} on {}: {}", path, where(), result.err));
}

}  // namespace catena
