#include "slurm/reply.h"

#include <algorithm>

#include "core/error.h"

namespace catena::slurm {
namespace {

// The texts of slurm_errno.c that speak of the connection and not of a job.
constexpr std::string_view unanswered[] = {
    "Unable to contact slurm controller",
    "Socket timed out",
    "Zero Bytes were transmitted or received",
    // Of scontrol release and hold while the controller is down: they get no reply and take that for a wrong
    // one.
    "Unexpected message received",
    "Communication connection failure",
    "Communication shutdown failure",
    "Message send failure",
    "Message receive failure",
    "Insane message length",
    "Protocol authentication error",
    "Connection refused",
    "Connection reset by peer",
    "Connection timed out",
    "Problem talking to the database",
    "Slurm backup controller in standby mode",
    "Controller is in standby mode",
    "Could not establish a configuration source",
};

}  // namespace

std::vector<std::string> command_words(std::string_view command,
                                       std::initializer_list<std::string_view> unset) {
  std::vector<std::string> words = {"env"};
  for (const auto variable : unset) words.insert(words.end(), {"-u", std::string(variable)});
  words.insert(words.end(), {"LC_ALL=C", "TZ=UTC0", "SLURM_TIME_FORMAT=%s", std::string(command)});
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : ",").append(word);
  return text;
}

void throw_if_unanswered(const CommandResult& result) {
  if (result.timed_out) throw_failed(result);
  for (const auto text : unanswered) {
    if (result.err.find(text) != std::string::npos) throw_failed(result);
  }
}

void throw_failed(const CommandResult& result) {
  throw Error(ErrorKind::unavailable, "SLURM: " + words_of(result),
              "nothing has changed; it is asked again at the next pass");
}

}  // namespace catena::slurm
