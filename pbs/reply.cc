#include "pbs/reply.h"

#include <algorithm>

#include "core/error.h"

namespace catena::pbs {
namespace {

// Texts that speak of the connection and not of a job.
constexpr std::string_view unanswered[] = {
    "annot connect to server",  // "qstat: cannot connect to server pbshost (errno=15010)"
    "Couldn't connect to cluster",
    "Connection refused",
    "Connection reset by peer",
    "Connection timed out",
    "Communication failure",
    "Unknown Host",
    "End of File",
    "Protocol (ASN.1) error",
    "Premature end of message",
    "errno=15031",
    "errno=15033",
    "Server shutdown in progress",
};

bool holds(std::string_view line, std::string_view text) {
  return line.find(text) != line.npos;
}

}  // namespace

std::vector<std::string> command_words(std::string_view command) {
  return {"env", "-u", "PBS_QSTAT_EXECONLY", "LC_ALL=C", "TZ=UTC0", std::string(command)};
}

bool says_ended(std::string_view line) {
  return holds(line, "Job has finished") || holds(line, "Request invalid for state of job");
}

bool says_unknown(std::string_view line) {
  return holds(line, "Unknown Job Id");
}

std::string whole_array(std::string id) {
  const auto open = id.find('['), close = id.find(']');
  if (open != id.npos && close != id.npos && open < close) id.erase(open + 1, close - open - 1);
  return id;
}

void throw_if_unanswered(const CommandResult& result) {
  if (result.timed_out) throw_failed(result);
  for (const auto text : unanswered) {
    if (result.err.find(text) != std::string::npos) throw_failed(result);
  }
}

void throw_failed(const CommandResult& result) {
  throw Error(ErrorKind::unavailable, "PBS: " + words_of(result),
              "nothing has changed; it is asked again at the next pass");
}

}  // namespace catena::pbs
