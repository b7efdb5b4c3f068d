#include "pbs/query.h"

#include <algorithm>

#include "pbs/reply.h"

namespace catena::pbs {
namespace {

std::vector<std::string> qstat(const Query& query, const Options& options, bool history) {
  auto argv = command_words("qstat");
  const bool subjobs = query.jobs.empty() ||
                       std::ranges::any_of(query.jobs, [](const JobRef& job) { return in_array(job.token); });
  if (subjobs && !options.torque) argv.emplace_back("-t");
  if (history && !options.torque) argv.emplace_back("-x");  // to Torque -x means XML
  argv.emplace_back("-f");
  if (options.json) argv.insert(argv.end(), {"-F", "json"});
  return argv;
}

}  // namespace

Command queue_query(const Query& query, const Options& options) {
  return repeatable(qstat(query, options, false), options.timeout);
}

Command history_query(const Query& query, const Options& options) {
  auto argv = qstat(query, options, true);
  bool by_id = query.jobs.size() <= most_ids;
  for (const auto& job : query.jobs) by_id = by_id && !job.native_id.empty();
  if (by_id) {
    for (const auto& job : query.jobs) argv.push_back(job.native_id);
  }
  return repeatable(std::move(argv), options.timeout);
}

}  // namespace catena::pbs
