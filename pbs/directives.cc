#include "pbs/directives.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/quote.h"
#include "pbs/options.h"

namespace catena::pbs {
namespace {

constexpr Bytes kib = 1024;
constexpr Bytes mib = 1024 * kib;

std::string size_text(Bytes size) {
  const auto bytes = std::max<Bytes>(size, 1);
  return bytes % mib == 0 ? fmt::format("{}mb", bytes / mib) : fmt::format("{}kb", (bytes + kib - 1) / kib);
}

// YYYY-MM-DDThh:mm:ss as qsub -a spells it.
std::string date_text(std::string_view begin) {
  std::string digits;
  for (const char c : begin) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return digits.size() == 14 ? digits.insert(12, ".") : digits;
}

class Lines {
 public:
  void add(std::string_view option, std::string_view value) {
    if (value.find_first_of(std::string_view("\n\r\0", 3)) != value.npos) {
      throw Error(ErrorKind::config, fmt::format("a #PBS line cannot hold a line break: '{}'", value));
    }
    lines_.push_back(fmt::format("#PBS {} {}", option, shell_quote(value)));
  }
  void text(std::string_view option, const std::string& value) {
    if (!value.empty()) add(option, value);
  }
  void resource(std::string_view name, const std::string& value) {
    if (!value.empty()) add("-l", fmt::format("{}={}", name, value));
  }
  void verbatim(std::string line) { lines_.push_back(std::move(line)); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
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
    if (all.asked) lines.resource("nodes", nodes_text(resources, all));
    if (resources.memory) lines.resource("mem", size_text(*resources.memory * all.nodes));
    if (resources.memory_per_cpu) {
      // Per process: of which a task with several processors is one.
      lines.resource("pmem", size_text(*resources.memory_per_cpu * resources.cpus_per_task.value_or(1)));
    }
    if (resources.scratch) lines.resource("file", size_text(*resources.scratch));
    if (exclusive) lines.resource("naccesspolicy", "singlejob");
    return;
  }
  if (all.asked) lines.resource("select", select_text(resources, all));
  const bool scatter = all.nodes > 1;
  if (scatter || exclusive)
    lines.resource("place", scatter && exclusive ? "scatter:excl" : scatter ? "scatter" : "excl");
}

// "matlab:2,ansys" as -l matlab=2 and -l ansys=1.
void add_licenses(Lines& lines, std::string_view licenses) {
  while (!licenses.empty()) {
    const auto end = std::min(licenses.find(','), licenses.size());
    const auto one = licenses.substr(0, end);
    licenses.remove_prefix(std::min(end + 1, licenses.size()));
    const auto colon = one.find(':');
    lines.resource(one.substr(0, colon),
                   colon == one.npos ? std::string("1") : std::string(one.substr(colon + 1)));
  }
}

}  // namespace

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

std::vector<std::string> directives(const Job& job, const Options& options) {
  const auto& resources = job.resources;
  Lines lines;
  lines.add("-N", native_name(job, options));
  lines.add("-S", "/bin/bash");
  if (!have_chunks(job.options)) add_chunks(lines, resources, options);
  if (resources.walltime)
    lines.resource("walltime", format_walltime(std::max(*resources.walltime, Seconds(1))));
  // A reservation of PBS has a queue of its own, by its name.
  const bool reserved = !resources.reservation.empty();
  lines.text("-q", reserved && !options.torque ? resources.reservation : resources.queue);
  if (reserved && options.torque) lines.resource("advres", resources.reservation);
  lines.text(options.project ? "-P" : "-A", resources.account);
  lines.resource("qos", resources.qos);
  add_licenses(lines, resources.licenses);
  if (resources.priority) lines.add("-p", std::to_string(*resources.priority));
  // A begin that counts from the submission is on the submit line: begin_words in submit.h.
  if (!resources.begin.empty() && resources.begin[0] != '+') lines.add("-a", date_text(resources.begin));
  for (const auto& option : job.options) lines.verbatim("#PBS " + option);
  // Added to, not emptied: a second job with this token leaves the first one's words alone.
  const auto& err = job.log_err.empty() ? job.log_out : job.log_err;
  lines.verbatim(fmt::format("exec >> {} 2>> {}", shell_quote(job.log_out), shell_quote(err)));
  return lines.take();
}

}  // namespace catena::pbs
