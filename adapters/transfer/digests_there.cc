#include "adapters/transfer/digests_there.h"

#include <string_view>

#include "adapters/transfer/nul_list.h"
#include "core/split.h"

namespace catena::transfer {

std::unordered_map<std::string, std::string> digests_there(Transport& transport,
                                                           const std::vector<std::string>& files) {
  std::unordered_map<std::string, std::string> digests;
  if (files.empty()) return digests;
  Command command;
  command.argv = {"sh", "-c", "xargs -0 -r sha256sum -z -- 2>/dev/null; :"};
  for (const auto& file : files) append_nul(command.input, file);
  command.repeatable = true;
  command.timeout = std::chrono::milliseconds{0};
  const auto out = transport.run(command).out;
  for (const auto line : split_ended(out, '\0')) {
    if (line.size() > 66) digests.emplace(line.substr(66), line.substr(0, 64));  // HASH, two blanks, NAME
  }
  return digests;
}

}  // namespace catena::transfer
