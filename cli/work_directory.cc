#include "cli/work_directory.h"

#include <fmt/core.h>

#include <charconv>

#include "adapters/transfer/nul_list.h"
#include "core/error.h"
#include "core/split.h"

namespace catena::cli {
namespace {

constexpr const char* list = R"sh(xargs -0 -r sh -c 'for dir; do
  [ -d "$dir/.catena" ] && [ ! -h "$dir" ] || continue
  size=$(du -sk -- "$dir" 2> /dev/null)
  printf "%s %s\0" "${size%%[!0-9]*}" "$dir"
done' sh)sh";

constexpr const char* take_away = R"sh(xargs -0 -r sh -c 'for dir; do
  [ -d "$dir/.catena" ] && [ ! -h "$dir" ] || continue
  rm -rf -- "$dir" || failed=yes
done; [ -z "$failed" ]' sh)sh";

Command on(const char* script, const std::vector<std::string>& directories) {
  Command command;
  command.argv = {"sh", "-c", script};
  for (const auto& directory : directories) transfer::append_nul(command.input, directory);
  command.repeatable = true;
  command.timeout = std::chrono::milliseconds{0};
  return command;
}

}  // namespace

std::vector<WorkDirectory> existing(Transport& transport, const std::vector<std::string>& directories) {
  std::vector<WorkDirectory> found;
  if (directories.empty()) return found;
  const auto out = transport.run(on(list, directories)).out;
  for (const auto entry : split_ended(out, '\0')) {
    const auto blank = std::min(entry.find(' '), entry.size());
    std::uintmax_t kibibytes = 0;
    std::from_chars(entry.data(), entry.data() + blank, kibibytes);
    if (blank < entry.size()) found.push_back({std::string(entry.substr(blank + 1)), kibibytes * 1024});
  }
  return found;
}

void remove(Transport& transport, const std::vector<std::string>& directories) {
  if (directories.empty()) return;
  const auto result = transport.run(on(take_away, directories));
  if (result.status != 0) {
    throw Error(ErrorKind::transport,
                fmt::format("cannot remove all work directories on {}: {}", transport.where(), result.err));
  }
}

}  // namespace catena::cli
