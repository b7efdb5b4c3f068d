#include "slurm/checkup.h"

#include <fmt/format.h>

#include <string_view>

#include "core/split.h"
#include "slurm/reply.h"

namespace catena::slurm {
namespace {

using Level = Finding::Level;

constexpr int not_found = 127;  // the shell's: there is no such command

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

std::vector<Finding> version(const CommandResult& result) {
  if (result.status == 0) return {{Level::good, fmt::format("{}", first_line(result.out)), ""}};
  if (result.status == not_found) {
    return {{Level::problem, "sbatch is not on PATH in a shell that is no login shell",
             "set PATH (or load the module) in ~/.bashrc, before it returns for shells without a terminal"}};
  }
  return {{Level::problem, "sbatch --version: " + words_of(result), "is SLURM set up on this host?"}};
}

std::vector<Finding> controller(const CommandResult& result) {
  std::vector<Finding> found;
  for (const auto line : lines(result.out)) {
    const bool up = line.find("is UP") != std::string_view::npos;
    found.push_back({up ? Level::good : Level::note, std::string(line), up ? "" : "ask the site's support"});
  }
  if (result.status != 0 && found.empty())
    found.push_back({Level::problem, "the controller does not answer: " + words_of(result),
                     "jobs can be neither submitted nor asked for until it does"});
  return found;
}

// "MaxJobCount             = 10000"
std::string value_of(std::string_view text, std::string_view key) {
  for (auto line : lines(text)) {
    if (!line.starts_with(key)) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || line.find_first_not_of(' ', key.size()) != equals) continue;
    line.remove_prefix(std::min(equals + 2, line.size()));
    return std::string(line);
  }
  return {};
}

std::vector<Finding> configuration(const CommandResult& result) {
  if (result.status != 0) return {{Level::note, "no configuration shown: " + words_of(result), ""}};
  std::vector<Finding> found;
  found.push_back({Level::good,
                   fmt::format("limits: {} jobs in all, arrays up to index {}",
                               value_of(result.out, "MaxJobCount"), value_of(result.out, "MaxArraySize")),
                   ""});
  if (value_of(result.out, "AccountingStorageType") != "accounting_storage/slurmdbd") {
    found.push_back({Level::note,
                     "there is no accounting database: ends are known from the jobs' own records",
                     "set `accounting = no` in the site's [scheduler]"});
  }
  if (const auto age = value_of(result.out, "MinJobAge"); !age.empty())
    found.push_back({Level::good, fmt::format("the queue forgets an ended job after {}", age), ""});
  return found;
}

std::vector<Finding> accounting(const CommandResult& result) {
  if (result.status == 0) return {{Level::good, "accounting answers", ""}};
  return {
      {Level::note, "accounting does not answer: " + words_of(result),
       "states come from the queue and the jobs' own records meanwhile; `accounting = no` if there is none"}};
}

// ACCOUNT|MaxJobs|MaxSubmit|GrpSubmit, a line an association.
std::vector<Finding> associations(const CommandResult& result) {
  if (result.status != 0) return {};  // what accounting said is enough
  std::vector<Finding> found;
  for (const auto line : lines(result.out)) {
    std::vector<std::string> fields{""};
    for (const char c : line) c == '|' ? fields.emplace_back() : fields.back() += c;
    if (fields.size() < 4) continue;
    std::string limits;
    for (const auto& [name, value] :
         {std::pair{"running", fields[1]}, {"submitted", fields[2]}, {"submitted by the group", fields[3]}}) {
      if (!value.empty()) limits += fmt::format("{}{} {}", limits.empty() ? "" : ", ", value, name);
    }
    found.push_back(
        {Level::good,
         fmt::format("account {}: {}", fields[0], limits.empty() ? "no limit on jobs" : "at most " + limits),
         ""});
  }
  return found;
}

std::vector<Finding> partitions(const CommandResult& result) {
  if (result.status != 0) return {};
  std::string names;
  for (const auto line : lines(result.out)) names += (names.empty() ? "" : ", ") + std::string(line);
  return {{Level::good, "partitions: " + names, ""}};
}

Command ask(std::string text) {
  return repeatable({"sh", "-c", std::move(text)}, std::chrono::seconds{30});
}

}  // namespace

std::vector<Check> checkup() {
  return {{ask("sbatch --version"), version},
          {ask("scontrol ping"), controller},
          {ask("scontrol show config"), configuration},
          {ask("sacct -X -n -S now-1minute"), accounting},
          {ask("sacctmgr -nP show assoc user=\"$(id -un)\" format=Account,MaxJobs,MaxSubmit,GrpSubmit"),
           associations},
          {ask("sinfo -h -o '%P'"), partitions}};
}

}  // namespace catena::slurm
