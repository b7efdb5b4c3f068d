#include "adapters/transfer/remote_environment.h"

#include <fmt/core.h>

#include "adapters/transfer/nul_list.h"
#include "core/error.h"
#include "core/split.h"

namespace catena::transfer {
namespace {

// What a profile prints stands before this line.
constexpr std::string_view begin = "catena-environment-begins";

}  // namespace

std::map<std::string, std::string> remote_environment(Transport& transport) {
  Command command;
  command.argv = {
      "sh", "-c",
      fmt::format("printf '%s\\0' {0}; env -0; "
                  "command -v bash > /dev/null && bash -lc 'printf \"%s\\0\" {0}; env -0' < /dev/null; :",
                  begin)};
  command.repeatable = true;
  const auto result = transport.run(command);
  std::map<std::string, std::string> environment;
  bool ours = false;
  for (const auto entry : split_ended(result.out, '\0')) {
    if (entry.ends_with(begin)) {
      ours = true;
    } else if (const auto equals = entry.find('='); ours && equals != std::string_view::npos) {
      environment[std::string(entry.substr(0, equals))] = entry.substr(equals + 1);
    }
  }
  if (environment.empty()) {
    throw Error(ErrorKind::transport,
                fmt::format("cannot read the environment on {}: {}", transport.where(), result.err));
  }
  return environment;
}

}  // namespace catena::transfer
