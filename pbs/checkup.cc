#include "pbs/checkup.h"

#include <fmt/format.h>

#include <string_view>

#include "core/split.h"
#include "pbs/reply.h"

namespace catena::pbs {
namespace {

using Level = Finding::Level;

constexpr int not_found = 127;  // the shell's: there is no such command
constexpr int usage = 2;        // the command's own: it does not know an option

// "pbs_version = 23.06.06", of Torque on stderr.
std::vector<Finding> version(const CommandResult& result) {
  if (result.status == not_found) {
    return {{Level::problem, "qsub, qstat and qdel are not all on PATH in a shell that is no login shell",
             "set PATH (or load the module) in ~/.bashrc, before it returns for shells without a terminal"}};
  }
  if (result.status == usage)
    return {{Level::note, "qstat does not tell its version: an emulation of Torque's commands?", ""}};
  const auto& text = result.out.empty() ? result.err : result.out;
  if (result.status == 0 && !lines(text).empty())
    return {{Level::good, std::string(lines(text).front()), ""}};
  return {{Level::problem, "qstat --version: " + words_of(result), "is PBS set up on this host?"}};
}

// "    job_history_enable = True" of qstat -Bf.
std::string value_of(std::string_view text, std::string_view name) {
  for (auto line : lines(text)) {
    const auto start = line.find_first_not_of(" \t");
    if (start == line.npos || !line.substr(start).starts_with(name)) continue;
    line.remove_prefix(start + name.size());
    if (line.starts_with(" = ")) return std::string(line.substr(3));
  }
  return {};
}

std::vector<Finding> up(const CommandResult& result) {
  if (result.status != 0 || lines(result.out).empty()) {
    return {{Level::problem, "the server does not answer: " + words_of(result),
             "jobs can be neither submitted nor asked for until it does"}};
  }
  const auto state = value_of(result.out, "server_state");
  const bool active = state == "Active" || state == "Scheduling" || state == "Idle";
  std::vector<Finding> found = {
      {active ? Level::good : Level::note, "the server is " + state, active ? "" : "ask the site's support"}};
  for (const auto* limit : {"max_queued", "max_run", "max_user_queuable", "max_array_size"}) {
    if (const auto value = value_of(result.out, limit); !value.empty())
      found.push_back({Level::good, fmt::format("limit: {} = {}", limit, value), ""});
  }
  return found;
}

std::vector<Finding> server(const CommandResult& result) {
  auto found = up(result);
  if (found.front().level == Level::problem) return found;
  if (value_of(result.out, "job_history_enable") == "True") {
    const auto duration = value_of(result.out, "job_history_duration");
    found.push_back(
        {Level::good,
         fmt::format("ended jobs stay in the history for {}", duration.empty() ? "two weeks" : duration),
         ""});
  } else {
    found.push_back(
        {Level::note, "the server keeps no history: how a job ended is known from its own record only",
         "set `accounting = no` in the site's [scheduler], or ask the site for job_history_enable"});
  }
  return found;
}

std::vector<Finding> torque_server(const CommandResult& result) {
  if (result.status == usage) return {{Level::note, "the server tells nothing about itself", ""}};
  auto found = up(result);
  if (found.front().level == Level::problem) return found;
  const auto keep = value_of(result.out, "keep_completed");
  if (!keep.empty() && keep != "0") {
    found.push_back({Level::good, fmt::format("completed jobs stay in the listing for {} s", keep), ""});
  } else {
    found.push_back(
        {Level::note,
         "completed jobs leave the listing at once: how they ended is known from their records only",
         "ask the site for keep_completed"});
  }
  return found;
}

// "workq  0  3 yes yes …", below two lines of heading.
std::vector<Finding> queues(const CommandResult& result) {
  if (result.status != 0) return {};
  std::string names;
  const auto all = lines(result.out);
  for (std::size_t i = 2; i < all.size(); ++i)
    names.append(names.empty() ? "" : ", ").append(all[i].substr(0, all[i].find(' ')));
  if (names.empty()) return {{Level::note, "no queue is shown", "ask the site's support"}};
  return {{Level::good, "queues: " + names, ""}};
}

Command ask(std::string text) {
  return repeatable({"sh", "-c", std::move(text)}, std::chrono::seconds{30});
}

constexpr const char* ask_version =
    "for c in qsub qdel qrls qhold qalter; do command -v $c > /dev/null || exit 127; done; qstat --version";

}  // namespace

std::vector<Check> checkup() {
  return {{ask(ask_version), version}, {ask("qstat -Bf"), server}, {ask("qstat -Q"), queues}};
}

std::vector<Check> torque_checkup() {
  return {{ask(ask_version), version}, {ask("qstat -Bf"), torque_server}, {ask("qstat -Q"), queues}};
}

}  // namespace catena::pbs
