#include "pbs/directives.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/quote.h"
#include "core/split.h"
#include "pbs/options.h"

namespace catena::pbs {
namespace {

constexpr Bytes kib = 1024;
constexpr Bytes mib = 1024 * kib;

std::string size_text(Bytes size) {
  const auto bytes = std::max<Bytes>(size, 1);
  return bytes % mib == 0 ? fmt::format("{}mb", bytes / mib) : fmt::format("{}kb", (bytes + kib - 1) / kib);
}

class Lines {
 public:
  void add(std::string_view field, std::string_view option, std::string_view value) {
    lines_.push_back({field, directive(option, value)});
  }
  void text(std::string_view field, std::string_view option, const std::string& value) {
    if (!value.empty()) add(field, option, value);
  }
  void resource(std::string_view field, std::string_view name, const std::string& value) {
    if (!value.empty()) add(field, "-l", fmt::format("{}={}", name, value));
  }
  std::vector<ResourceDirective> take() { return std::move(lines_); }

 private:
  std::vector<ResourceDirective> lines_;
};

struct Layout {
  int nodes = 1;
  int tasks = 1;       // in all
  bool free = false;   // each task is a chunk, on any node
  bool asked = false;  // the job says something that belongs into a chunk
};

Layout layout(const Resources& resources) {
  Layout all;
  all.asked = resources.nodes || resources.tasks || resources.tasks_per_node || resources.cpus_per_task ||
              resources.gpus || resources.memory || resources.memory_per_cpu || resources.scratch ||
              !resources.constraint.empty() || !resources.gpu_type.empty();
  const int each = std::max(resources.tasks_per_node.value_or(1), 1);
  if (resources.nodes) {
    all.nodes = *resources.nodes;
  } else if (resources.tasks && resources.tasks_per_node) {
    all.nodes = (*resources.tasks + each - 1) / each;
  } else if (resources.tasks) {
    all.free =
        !resources.memory && !resources.gpus && !resources.scratch && !resources.exclusive.value_or(false);
  }
  all.tasks = resources.tasks.value_or(all.nodes * each);
  return all;
}

// One term a kind of chunk, joined by '+': tasks that do not divide evenly make two kinds.
template <typename Term>
std::string terms(const Layout& all, Term term) {
  const int low = all.tasks / all.nodes, more = all.tasks % all.nodes;
  std::string text;
  if (more > 0) text = term(more, low + 1);
  if (more < all.nodes && low > 0) text += (text.empty() ? "" : "+") + term(all.nodes - more, low);
  return text;
}

std::string select_text(const Resources& resources, const Layout& all) {
  const int cpus = std::max(resources.cpus_per_task.value_or(1), 1);
  const auto chunk = [&](int count, int tasks) {
    auto text = fmt::format("{}:ncpus={}:mpiprocs={}", count, tasks * cpus, tasks);
    if (resources.memory) text += ":mem=" + size_text(*resources.memory);
    if (resources.memory_per_cpu) text += ":mem=" + size_text(*resources.memory_per_cpu * tasks * cpus);
    if (resources.gpus) text += fmt::format(":ngpus={}", *resources.gpus);
    if (!resources.gpu_type.empty()) text += ":gpu_type=" + resources.gpu_type;
    if (resources.scratch) text += ":scratch=" + size_text(*resources.scratch);
    if (!resources.constraint.empty()) text += ":" + resources.constraint;
    return text;
  };
  return all.free ? chunk(all.tasks, 1) : terms(all, chunk);
}

std::string nodes_text(const Resources& resources, const Layout& all) {
  const int cpus = std::max(resources.cpus_per_task.value_or(1), 1);
  return terms(all, [&](int count, int tasks) {
    auto text = fmt::format("{}:ppn={}", count, tasks * cpus);
    if (resources.gpus) text += fmt::format(":gpus={}", *resources.gpus);
    for (const auto& property : {resources.gpu_type, resources.constraint}) {
      if (!property.empty()) text += ":" + property;
    }
    return text;
  });
}

void add_chunks(Lines& lines, const Resources& resources, const Options& options) {
  const auto all = layout(resources);
  const bool exclusive = resources.exclusive.value_or(false);
  if (options.torque) {
    if (all.asked) lines.resource("nodes", "nodes", nodes_text(resources, all));
    if (resources.memory) lines.resource("nodes", "mem", size_text(*resources.memory * all.nodes));
    if (resources.memory_per_cpu) {
      // Per process: of which a task with several processors is one.
      lines.resource("nodes", "pmem",
                     size_text(*resources.memory_per_cpu * resources.cpus_per_task.value_or(1)));
    }
    if (resources.scratch) lines.resource("nodes", "file", size_text(*resources.scratch));
    if (exclusive) lines.resource("nodes", "naccesspolicy", "singlejob");
    return;
  }
  // Without a select qsub refuses a place.
  if (all.asked || exclusive) lines.resource("nodes", "select", select_text(resources, all));
  const bool scatter = all.nodes > 1;
  if (scatter || exclusive)
    lines.resource("nodes", "place", scatter && exclusive ? "scatter:excl" : scatter ? "scatter" : "excl");
}

bool mentions(const std::vector<std::string>& options, std::string_view words) {
  return std::ranges::any_of(options,
                             [&](const std::string& option) { return option.find(words) != option.npos; });
}

// "matlab:2,ansys" as -l matlab=2 and -l ansys=1.
void add_licenses(Lines& lines, std::string_view licenses) {
  for (const auto one : split_words(licenses, ",")) {
    const auto colon = one.find(':');
    lines.resource("licenses", one.substr(0, colon),
                   colon == one.npos ? std::string("1") : std::string(one.substr(colon + 1)));
  }
}

}  // namespace

std::string directive(std::string_view option, std::string_view value) {
  if (value.find_first_of(std::string_view("\n\r\0", 3)) != value.npos) {
    throw Error(ErrorKind::config, fmt::format("a #PBS line cannot hold a line break: '{}'", value));
  }
  return fmt::format("#PBS {} {}", option, shell_quote(value));
}

std::string date_text(std::string_view begin) {
  std::string digits;
  for (const char c : begin) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return digits.size() == 14 ? digits.insert(12, ".") : digits;
}

// For the shell; of an array's elements each opens its own.
std::string log_word(const Job& job, const std::string& log) {
  if (!job.array) return shell_quote(log);
  const auto [before, behind] = around_index(job, log);
  return fmt::format("{}\"$PBS_ARRAY_INDEX\"{}", shell_quote(before), shell_quote(behind));
}

std::string native_name(const Job& job, const Options& options) {
  std::string node = job.name.substr(0, job.name.rfind('.'));
  for (char& c : node) {
    const bool good =
        std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '+' || c == '-';
    if (!good) c = '_';
  }
  if (node.empty() || !std::isalpha(static_cast<unsigned char>(node[0]))) node.insert(0, "n");
  const auto room = options.name_length - std::min(options.name_length, job.token.size() + 1);
  return job_name(node.substr(0, room), job.token);
}

std::vector<ResourceDirective> resource_directives(const Resources& resources, const Options& options,
                                                   bool chunks) {
  Lines lines;
  if (chunks) add_chunks(lines, resources, options);
  if (resources.walltime)
    lines.resource("walltime", "walltime", format_walltime(std::max(*resources.walltime, Seconds(1))));
  // A reservation of PBS has a queue of its own, by its name.
  const bool reserved = !resources.reservation.empty();
  if (reserved && !options.torque) {
    lines.add("reservation", "-q", resources.reservation);
  } else {
    lines.text("queue", "-q", resources.queue);
  }
  if (reserved && options.torque) lines.resource("reservation", "advres", resources.reservation);
  lines.text("account", options.project ? "-P" : "-A", resources.account);
  lines.resource("qos", "qos", resources.qos);
  add_licenses(lines, resources.licenses);
  if (resources.priority) lines.add("priority", "-p", std::to_string(*resources.priority));
  if (!resources.begin.empty() && resources.begin[0] != '+')
    lines.add("begin", "-a", date_text(resources.begin));
  return lines.take();
}

std::vector<std::string> directives(const Job& job, const Options& options) {
  std::vector<std::string> lines = {directive("-N", native_name(job, options)), directive("-S", "/bin/bash")};
  for (auto& each : resource_directives(job.resources, options, !have_chunks(job.options)))
    lines.push_back(std::move(each.text));
  // With chunks of their own the options may still leave open where they go.
  if (have_chunks(job.options) && job.resources.exclusive.value_or(false) && !options.torque &&
      !mentions(job.options, "place="))
    lines.push_back(directive("-l", "place=excl"));
  for (const auto& option : job.options) lines.push_back("#PBS " + option);
  // Added to, not emptied: a second job with this token leaves the first one's words alone.
  const auto& err = job.log_err.empty() ? job.log_out : job.log_err;
  lines.push_back(fmt::format("exec >> {} 2>> {}", log_word(job, job.log_out), log_word(job, err)));
  return lines;
}

}  // namespace catena::pbs
