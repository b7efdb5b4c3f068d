#include "slurm/directives.h"

#include <fmt/core.h>

#include <algorithm>

#include "slurm/options.h"
#include "slurm/text.h"

namespace catena::slurm {
namespace {

constexpr Bytes kib = 1024;
constexpr Bytes mib = 1024 * kib;

// Of an array's elements, whose logs are called NODE.INDEX.ATTEMPT.out: with %a for the index.
std::string log_pattern(const Job& job, const std::string& log) {
  if (!job.array) return file_pattern(log);
  const auto [before, behind] = around_index(job, log);
  return file_pattern(before) + "%a" + behind;
}

std::string size_text(Bytes size) {
  const auto bytes = std::max<Bytes>(size, 1);  // 0 would mean all memory of the node
  return bytes % mib == 0 ? fmt::format("{}M", bytes / mib) : fmt::format("{}K", (bytes + kib - 1) / kib);
}

// [D-]HH:MM:00. At least a minute: 0 would mean no limit.
std::string time_text(Seconds walltime) {
  const auto minutes = std::max<Seconds::rep>((walltime.count() + 59) / 60, 1);
  const auto clock = fmt::format("{:02}:{:02}:00", minutes / 60 % 24, minutes % 60);
  return minutes < 24 * 60 ? clock : fmt::format("{}-{}", minutes / (24 * 60), clock);
}

std::string directive(std::string_view option, std::string_view value) {
  return fmt::format("#SBATCH --{}={}", option, directive_word(value));
}

class Lines {
 public:
  void add(std::string_view field, std::string_view option, std::string_view value) {
    lines_.push_back({field, directive(option, value)});
  }
  void text(std::string_view field, std::string_view option, const std::string& value) {
    if (!value.empty()) add(field, option, value);
  }
  void number(std::string_view field, std::string_view option, const std::optional<int>& value) {
    if (value) add(field, option, std::to_string(*value));
  }
  void size(std::string_view field, std::string_view option, const std::optional<Bytes>& value) {
    if (value) add(field, option, size_text(*value));
  }
  void verbatim(std::string_view field, std::string_view text) {
    lines_.push_back({field, fmt::format("#SBATCH {}", text)});
  }
  std::vector<ResourceDirective> take() { return std::move(lines_); }

 private:
  std::vector<ResourceDirective> lines_;
};

// The user's own options; values of --gres are taken out of them, since a second --gres would replace the
// first.
std::vector<std::string> without_gres(const Job& job, std::string& gres) {
  std::vector<std::string> kept;
  for (const auto& text : job.options) {
    bool whole = true;
    std::string rest;
    for (const auto& option : read_options(directive_words(text))) {
      if (option.name == "gres") {
        gres += (gres.empty() ? "" : ",") + option.value;
        whole = false;
      } else {
        rest += (rest.empty() ? "" : " ") + option.text();
      }
    }
    if (whole) kept.push_back(text);
    if (!whole && !rest.empty()) kept.push_back(rest);
  }
  return kept;
}

}  // namespace

std::string gpu_gres(const Resources& resources) {
  if (!resources.gpus) return {};
  return fmt::format("gpu{}{}:{}", resources.gpu_type.empty() ? "" : ":", resources.gpu_type,
                     *resources.gpus);
}

std::vector<ResourceDirective> resource_directives(const Resources& resources, const std::string& gres) {
  Lines lines;
  lines.number("nodes", "nodes", resources.nodes);
  lines.number("tasks", "ntasks", resources.tasks);
  lines.number("tasks_per_node", "ntasks-per-node", resources.tasks_per_node);
  lines.number("cpus_per_task", "cpus-per-task", resources.cpus_per_task);
  lines.text("gpus", "gres", gres);
  lines.size("memory", "mem", resources.memory);
  lines.size("memory_per_cpu", "mem-per-cpu", resources.memory_per_cpu);
  if (resources.walltime) lines.add("walltime", "time", time_text(*resources.walltime));
  lines.text("queue", "partition", resources.queue);
  lines.text("account", "account", resources.account);
  lines.text("qos", "qos", resources.qos);
  lines.text("reservation", "reservation", resources.reservation);
  lines.text("constraint", "constraint", resources.constraint);
  if (resources.exclusive.value_or(false)) lines.verbatim("exclusive", "--exclusive");
  lines.text("licenses", "licenses", resources.licenses);
  lines.size("scratch", "tmp", resources.scratch);
  if (!resources.begin.empty())
    lines.add("begin", "begin", resources.begin[0] == '+' ? "now" + resources.begin : resources.begin);
  if (resources.priority) lines.add("priority", "nice", std::to_string(-*resources.priority));
  return lines.take();
}

std::vector<std::string> directives(const Job& job, const Options& options) {
  std::string gres = gpu_gres(job.resources);
  const auto own = without_gres(job, gres);
  std::vector<std::string> lines = {directive("job-name", job.name), directive("chdir", job.workdir),
                                    directive("output", log_pattern(job, job.log_out))};
  // Without --error both streams go to --output.
  if (!job.log_err.empty() && job.log_err != job.log_out)
    lines.push_back(directive("error", log_pattern(job, job.log_err)));
  lines.push_back(directive("export", options.export_all ? "ALL" : "NONE"));
  for (auto& each : resource_directives(job.resources, gres)) lines.push_back(std::move(each.text));
  if (job.requeued) {  // it must be let, and the output of the tries before must stay
    lines.emplace_back("#SBATCH --requeue");
    lines.push_back(directive("open-mode", "append"));
  }
  for (const auto& option : own) lines.push_back("#SBATCH " + option);
  return lines;
}

}  // namespace catena::slurm
