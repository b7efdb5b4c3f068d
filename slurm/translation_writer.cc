#include <fmt/core.h>

#include <algorithm>

#include "core/quantity.h"
#include "slurm/directives.h"
#include "slurm/text.h"
#include "slurm/translation.h"

namespace catena::slurm {
namespace {

constexpr std::string_view title = "SLURM";

class Writer {
 public:
  explicit Writer(const BatchHeader& header) : header_(header) {}

  NewHeader write() {
    made_.shell = shell();
    for (const auto& each : header_.terms) term(each);
    resources();
    streams();
    environment();
    return std::move(made_);
  }

 private:
  void add(int line, std::string_view option, std::string_view value) {
    made_.directives.push_back({line, fmt::format("#SBATCH --{}={}", option, directive_word(value))});
  }
  void flag(int line, std::string_view option) {
    made_.directives.push_back({line, fmt::format("#SBATCH --{}", option)});
  }
  void warn(Position at, std::string message, std::string hint = {}) {
    made_.warnings.push_back({{}, at, {}, std::move(message), std::move(hint)});
  }

  // sbatch takes a script only with "#!", and runs it with what stands there.
  std::string shell() {
    const auto named = header_.shell.empty() ? std::string("/bin/bash") : header_.shell;
    if (header_.shell.empty()) {
      warn({1, 1}, "sbatch takes a script only if its first line names its shell",
           "#!/bin/bash is put there; PBS would have run it by the login shell");
    }
    return named == header_.lines.shell ? std::string() : named;
  }

  void term(const HeaderTerm& each) {
    const int line = each.at.line;
    switch (each.term) {
      case Term::name:
        return add(line, "job-name", each.value);
      case Term::mail_events:
        return add(line, "mail-type", mail(each.value));
      case Term::mail_users:
        return add(line, "mail-user", each.value);
      case Term::dependency:
        warn(each.at, fmt::format("'{}' names jobs of the other scheduler", each.text),
             "put in the ids that sbatch prints");
        return add(line, "dependency", each.value);
      case Term::array:
        return add(line, "array", each.value);
      case Term::hold:
        return flag(line, "hold");
      case Term::rerun:
        return flag(line, each.value == "y" ? "requeue" : "no-requeue");
      case Term::workdir:
        return add(line, "chdir", each.value);
      case Term::clock:
        return add(line, "begin", each.value);
      case Term::project:
        return add(line, "wckey", each.value);
      case Term::wait:
        return flag(line, "wait");
      case Term::quiet:
        return flag(line, "quiet");
      case Term::node_list:
        return add(line, "nodelist", each.value);
      case Term::least_walltime:
        return add(line, "time-min",
                   std::to_string((whole_number(each.value).value_or(0) + 59) / 60));  // minutes
      case Term::other:
        made_.warnings.push_back(no_counterpart(each, title, each.value));
        return;
      case Term::output:
      case Term::error:
      case Term::resource:
      case Term::export_all:
      case Term::export_none:
      case Term::variable:
        return;  // together, below
    }
  }

  static std::string mail(const std::string& events) {
    std::vector<std::string> types;
    for (const auto& event : comma_parts(events))
      types.emplace_back(event == "each_task" ? "ARRAY_TASKS"
                         : event == "none"    ? "NONE"
                         : event == "begin"   ? "BEGIN"
                         : event == "end"     ? "END"
                                              : "FAIL");
    return with_commas(types);
  }

  void resources() {
    auto resources = header_.resources;
    if (resources.priority.value_or(0) > 0) {
      const std::string_view field[] = {"priority"};
      if (const auto* said = find_resource(header_, field))
        warn(said->at, fmt::format("'{}' has no counterpart in SLURM", said->text),
             "a job goes forward in the queue only by an operator's hand");
      resources.priority.reset();
    }
    for (auto& each : resource_directives(resources, gpu_gres(resources))) {
      const std::string_view field[] = {each.field};
      const auto* said = find_resource(header_, field);
      made_.directives.push_back({said ? said->at.line : 0, std::move(each.text)});
    }
  }

  // The names that PBS gives to files that nobody has named.
  void streams() {
    const auto* output = find_term(header_, Term::output);
    const auto* error = find_term(header_, Term::error);
    const bool array = find_term(header_, Term::array) != nullptr;
    const auto name = [&](char letter) { return std::string("%x.") + letter + (array ? "%A.%a" : "%j"); };
    add(output ? output->at.line : 0, "output", output ? output->value : name('o'));
    if (!header_.joined) add(error ? error->at.line : 0, "error", error ? error->value : name('e'));
  }

  // Names alone would start the job without the rest of its environment, but for what a login gives it: what
  // PBS does.
  void environment() {
    std::vector<std::string> parts;
    int line = 0;
    for (const auto& each : header_.terms) {
      if (each.term != Term::export_all && each.term != Term::variable) continue;
      if (line == 0) line = each.at.line;
      if (each.term == Term::export_all) {
        parts.insert(parts.begin(), "ALL");
        continue;
      }
      parts.push_back(comma_part(each.value));
      if (!parts.back().empty()) continue;
      warn(each.at, fmt::format("'{}': a value with a quote cannot stand in --export", each.value),
           "export it in the body");
      parts.pop_back();
    }
    if (!parts.empty()) add(line, "export", with_commas(parts));
  }

  const BatchHeader& header_;
  NewHeader made_;
};

constexpr BatchVariable variables[] = {
    {"SLURM_JOB_ID", Fact::job_id},
    {"SLURM_JOBID", Fact::job_id},
    {"SLURM_JOB_NAME", Fact::job_name},
    {"SLURM_SUBMIT_DIR", Fact::submit_directory},
    {"SLURM_SUBMIT_HOST", Fact::submit_host},
    {"SLURM_ARRAY_JOB_ID", Fact::array_id},
    {"SLURM_ARRAY_TASK_ID", Fact::array_index},
    {"SLURM_ARRAY_TASK_COUNT", Fact::array_size},
    {"SLURM_JOB_PARTITION", Fact::queue},
    {"SLURM_JOB_NODELIST", Fact::node_list, "a list that scontrol show hostnames spells out"},
    {"SLURM_NODELIST", Fact::node_list},
    {"SLURM_NODEID", Fact::node_number},
    {"SLURM_JOB_NUM_NODES", Fact::nodes},
    {"SLURM_NNODES", Fact::nodes},
    {"SLURM_NTASKS", Fact::tasks},
    {"SLURM_NPROCS", Fact::tasks},
    {"SLURM_CPUS_ON_NODE", Fact::cpus_on_node},
    {"SLURM_NTASKS_PER_NODE", Fact::tasks_per_node},
    {"SLURM_CPUS_PER_TASK", Fact::cpus_per_task},
    {"SLURM_JOB_ACCOUNT", Fact::account},
    {"SLURM_JOB_GPUS", Fact::gpus},
    {"SLURM_RESTART_COUNT", Fact::restarts},
};

}  // namespace

NewHeader write_batch_header(const BatchHeader& header) {
  return Writer(header).write();
}

const BatchLanguage& batch_language() {
  static constexpr BatchLanguage language{.name = "slurm",
                                          .title = title,
                                          .family = "slurm",
                                          .directive = "#SBATCH",
                                          .prefix = "SLURM_",
                                          .start = "the directory of submission",
                                          .to_other_start = "cd \"$HOME\"",
                                          .read = read_batch_header,
                                          .write = write_batch_header,
                                          .variables = variables};
  return language;
}

}  // namespace catena::slurm
