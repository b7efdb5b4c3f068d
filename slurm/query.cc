#include "slurm/query.h"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <algorithm>
#include <unordered_set>

#include "core/quote.h"
#include "slurm/reply.h"

namespace catena::slurm {
namespace {

// Each of these would narrow or reshape the answer in silence.
std::vector<std::string> squeue() {
  return command_words(
      "squeue",
      {"SQUEUE_ACCOUNT", "SQUEUE_ALL", "SQUEUE_ARRAY", "SQUEUE_FEDERATION", "SQUEUE_FORMAT", "SQUEUE_FORMAT2",
       "SQUEUE_LICENSES", "SQUEUE_LOCAL", "SQUEUE_NAMES", "SQUEUE_PARTITION", "SQUEUE_PRIORITY", "SQUEUE_QOS",
       "SQUEUE_SIBLING", "SQUEUE_SORT", "SQUEUE_STATES", "SQUEUE_USERS", "SLURM_BITSTR_LEN"});
}
std::vector<std::string> sacct() {
  return command_words("sacct", {"SACCT_FEDERATION", "SACCT_FORMAT", "SACCT_LOCAL", "SLURM_BITSTR_LEN"});
}

constexpr std::string_view ended_states = "BF,CA,CD,DL,F,NF,OOM,PR,TO";

// How far the cluster's clock may be behind the one that wrote down when a job was submitted.
constexpr auto clock_skew = std::chrono::hours(1);

std::vector<std::string> sacct_words(const Query& query) {
  auto argv = sacct();
  argv.insert(argv.end(), {"-n", "-P", "-X", "-o", std::string(accounting_format)});
  if (!query.user.empty()) argv.insert(argv.end(), {"-u", query.user});
  return argv;
}

std::string time_text(Time time) {
  time = std::max(time, Time(std::chrono::days(1)));  // sacct knows no time before 1970
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace

Command queue_query(const Query& query, const Options& options) {
  auto argv = squeue();
  // -a: in hidden partitions too; -r: a line for each element of an array.
  argv.insert(argv.end(), {"-h", "-a", "-r", "-t", "all"});
  if (query.user.empty()) {
    argv.emplace_back("--me");
  } else {
    argv.insert(argv.end(), {"-u", query.user});
  }
  argv.insert(argv.end(), {"-o", std::string(queue_format)});
  return repeatable(std::move(argv), options.timeout);
}

Command accounting_query(const Query& query, const Options& options) {
  std::vector<std::string> ids, names;
  std::unordered_set<std::string> seen;
  const auto add = [&seen](std::vector<std::string>& list, const std::string& word) {
    if (seen.insert(word).second) list.push_back(word);
  };
  auto earliest = Time::max();
  for (const auto& job : query.jobs) {
    if (!job.native_id.empty()) {
      add(ids, job.native_id.substr(0, job.native_id.find('_')));  // of an array, for all its elements
    } else {
      add(names, job.name);
      earliest = std::min(earliest, job.submitted);
    }
  }
  std::vector<std::vector<std::string>> calls;
  for (const auto& list : lists_of(ids, options.argument_bytes)) {
    auto& argv = calls.emplace_back(sacct_words(query));
    argv.insert(argv.end(), {"-j", joined(list)});
  }
  for (const auto& list : lists_of(names, options.argument_bytes)) {
    auto& argv = calls.emplace_back(sacct_words(query));
    argv.insert(argv.end(), {"-s", std::string(ended_states), "-S", time_text(earliest - clock_skew), "-E",
                             "now", "--name", joined(list)});
  }
  if (calls.size() == 1) return repeatable(std::move(calls.front()), options.timeout);
  auto command = repeatable({"sh"}, options.timeout);
  for (const auto& argv : calls) {
    for (const auto& word : argv) command.input += shell_quote(word) + " ";
    command.input += "</dev/null || exit\n";
  }
  return command;
}

}  // namespace catena::slurm
