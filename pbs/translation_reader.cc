#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/quantity.h"
#include "core/quote.h"
#include "core/split.h"
#include "pbs/request.h"
#include "pbs/script.h"
#include "pbs/translation.h"

namespace catena::pbs {
namespace {

bool digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

std::string instead(char letter) {
  switch (letter) {
    case 'I':
      return "use salloc or srun --pty";
    case 'k':
      return "SLURM writes the files where they belong from the start";
    case 'f':
      return "none is needed";
    case 'R':
      return "send what is not wanted to /dev/null";
    case 'X':
      return "use srun --x11";
    default:
      return {};
  }
}

std::string instead_of_attribute(std::string_view name) {
  if (name == "umask") return "say umask in the body";
  if (name == "stagein" || name == "stageout") return "copy the files in the body";
  if (name == "sandbox") return "make the directory in the body";
  if (name == "group_list") return "use newgrp before the submission";
  return {};
}

std::string instead_of_resource(std::string_view name) {
  if (name == "cput" || name == "pcput") return "use ulimit -t in the body";
  if (name == "vmem" || name == "pvmem") return "use ulimit -v in the body";
  if (name == "host" || name == "vnode") return "use --nodelist";
  return "a resource of the site: --gres or --licenses may say it";
}

class Reader {
 public:
  BatchHeader read(std::string_view script) {
    auto all = script_options(script);
    for (const auto& problem : all.problems)
      header_.errors.push_back({{}, {problem.line, problem.column}, {}, problem.message, problem.hint});
    header_.shell = all.shell;
    for (const auto& option : all.options) {
      at_ = {option.line, option.column};
      text_ = option.value.empty() ? fmt::format("-{}", option.letter)
                                   : fmt::format("-{} {}", option.letter, option.value);
      take(option.letter, option.value);
    }
    finish();
    header_.lines = std::move(all);
    return std::move(header_);
  }

 private:
  struct Request {
    std::string value;
    Position at;
  };

  void add(Term term, std::string value = {}) {
    header_.terms.push_back({term, std::move(value), at_, text_});
  }
  void warn(std::string message, std::string hint = {}) {
    header_.warnings.push_back({{}, at_, {}, std::move(message), std::move(hint)});
  }
  void error(std::string message) {
    if (!message.empty()) header_.errors.push_back({{}, at_, {}, std::move(message), {}});
  }
  void set(std::string_view field, std::string_view value) {
    const auto before = header_.resources;
    error(set_resource(header_.resources, field, value));
    add_resource_terms(header_.terms, before, header_.resources, at_, text_);
  }

  // A value that PBS takes need not be one of a field.
  void assign(std::string_view field, std::string_view value) {
    auto problem = set_resource(header_.resources, field, value);
    if (!problem.empty()) add(Term::other, std::move(problem));
  }

  void take(char letter, const std::string& value) {
    switch (letter) {
      case 'N':
        return add(Term::name, value);
      case 'o':
        return add(Term::output, path(value));
      case 'e':
        return add(Term::error, path(value));
      case 'j':
        join_ = value;
        if (value != "oe" && value != "eo" && value != "n")
          error(fmt::format("'{}' is no way to join", value));
        return;
      case 'd':
      case 'w':
        return add(Term::workdir, value);
      case 'S':
        return take_shell(value);
      case 'A':
        return set("account", value);
      case 'P':
        project_ = {Term::project, value, at_, text_};
        return;
      case 'q':
        return take_queue(value);
      case 'p':
        return set("priority", value);
      case 'a':
        return take_time(value);
      case 'h':
        return add(Term::hold);
      case 'r':
        if (value != "y" && value != "n") return error(fmt::format("-r is y or n, not '{}'", value));
        return add(Term::rerun, value);
      case 'J':
      case 't':
        return add(Term::array, value);
      case 'm':
        return take_mail(value);
      case 'M':
        return add(Term::mail_users, value);
      case 'V':
        return add(Term::export_all);
      case 'v':
        for (auto& part : comma_parts(value))
          if (!part.empty()) add(Term::variable, std::move(part));
        return;
      case 'z':
        return add(Term::quiet);
      case 'W':
        return take_attributes(value);
      case 'l':
        requests_.push_back({value, at_});
        return;
      case 'c':
        if (value == "n") return;
        return add(Term::other, "write checkpoints in the body");
      default:
        return add(Term::other, instead(letter));
    }
  }

  // [HOST:]PATH; a directory is one in which PBS chooses the name.
  std::string path(std::string_view value) {
    const auto colon = value.find(':');
    if (colon != value.npos && value.substr(0, colon).find('/') == value.npos) {
      warn(fmt::format("'{}': only PBS brings files to other hosts", text_), "copy the file in the body");
      value.remove_prefix(colon + 1);
    }
    std::string text;
    for (const char c : value) text += c == '%' ? std::string("%%") : std::string(1, c);
    constexpr std::string_view index = "^array_index^", job = "$PBS_JOBID";
    for (auto at = text.find(index); at != text.npos; at = text.find(index))
      text.replace(at, index.size(), "%a");
    for (auto at = text.find(job); at != text.npos; at = text.find(job)) text.replace(at, job.size(), "%j");
    return text.ends_with('/') ? text + "%j.OU" : text;
  }

  void take_shell(std::string_view value) {
    const auto comma = value.find(',');
    if (comma != value.npos || value.find('@') != value.npos)
      warn(fmt::format("'{}': only PBS has a shell for each host; the first is taken", text_));
    header_.shell = value.substr(0, std::min(comma, value.find('@')));
  }

  void take_queue(std::string_view value) {
    const auto server = value.find('@');
    if (server != value.npos)
      warn(fmt::format("'{}': its server has no counterpart", text_), "submit where the job shall run");
    if (server != 0) set("queue", value.substr(0, server));
  }

  // [[[[CC]YY]MM]DD]hhmm[.SS]
  void take_time(std::string_view value) {
    const auto dot = value.find('.');
    const auto digits_of = value.substr(0, dot);
    const auto seconds = dot == value.npos ? std::string_view() : value.substr(dot + 1);
    const auto size = digits_of.size();
    if (!digits(digits_of) || (dot != value.npos && (!digits(seconds) || seconds.size() != 2)) ||
        size % 2 != 0 || size < 4 || size > 12)
      return error(fmt::format("-a: '{}' is not [[[[CC]YY]MM]DD]hhmm[.SS]", value));
    const auto pair = [&](std::size_t from_end) { return digits_of.substr(size - from_end, 2); };
    const auto clock = fmt::format("{}:{}{}{}", pair(4), pair(2), seconds.empty() ? "" : ":", seconds);
    if (size == 4) return add(Term::clock, clock);
    if (size == 6) return add(Term::other, "say the month, too");
    if (size == 8) return add(Term::clock, fmt::format("{}/{}-{}", pair(8), pair(6), clock));
    const auto century = size == 12 ? digits_of.substr(0, 2) : std::string_view("20");
    set("begin", fmt::format("{}{}-{}-{}T{}", century, pair(10), pair(8), pair(6), clock));
  }

  void take_mail(std::string_view value) {
    std::vector<std::string> events;
    const auto event = [&](const char* name) {
      if (std::ranges::find(events, name) == events.end()) events.emplace_back(name);
    };
    for (const char c : value) {
      if (c == 'a' || c == 'f') event("fail");  // f: Torque
      if (c == 'b') event("begin");
      if (c == 'e') event("end");
      if (c == 'j') event("each_task");
      if (c == 'n' || c == 'p') event("none");  // p: Torque
      if (std::string_view("afbejnp").find(c) == std::string_view::npos)
        error(fmt::format("-m: '{}' is no event", c));
    }
    add(Term::mail_events, with_commas(events));
  }

  // "depend=afterok:1,afterany:2,umask=022": a comma parts attributes only where another begins.
  void take_attributes(std::string_view value) {
    std::vector<std::string> attributes;
    for (const auto part : split(value, ',')) {
      const bool begins =
          part.find('=') != part.npos && part.find('=') < std::min(part.find(':'), part.size());
      if (begins || attributes.empty()) {
        attributes.emplace_back(part);
      } else {
        attributes.back().append(",").append(part);
      }
    }
    for (const auto& attribute : attributes) {
      text_ = "-W " + attribute;
      const auto name = attribute.substr(0, attribute.find('='));
      const auto text = attribute.substr(std::min(name.size() + 1, attribute.size()));
      if (name == "depend") {
        take_dependency(text);
      } else if (name == "block") {
        if (text == "true") add(Term::wait);
      } else {
        add(Term::other, instead_of_attribute(name));
      }
    }
  }

  void take_dependency(std::string_view value) {
    std::vector<std::string> kept;
    for (const auto part : split(value, ',')) {
      const auto kind = part.substr(0, part.find(':'));
      if (kind == "after" || kind == "afterok" || kind == "afternotok" || kind == "afterany") {
        kept.emplace_back(part);
      } else {
        header_.terms.push_back(
            {Term::other, "say after… in the other job", at_, fmt::format("-W depend={}", part)});
      }
    }
    if (!kept.empty()) add(Term::dependency, with_commas(kept));
  }

  void finish() {
    // What -l mem= means depends on the number of nodes, wherever that stands.
    std::stable_partition(requests_.begin(), requests_.end(), [](const Request& each) {
      return each.value.starts_with("select=") || each.value.starts_with("nodes=");
    });
    for (const auto& request : requests_) {
      at_ = request.at;
      text_ = "-l " + request.value;
      const auto before = header_.resources;
      std::string wrong;
      const auto rest = read_request(request.value, header_.resources, wrong);
      error(wrong);
      add_resource_terms(header_.terms, before, header_.resources, at_, text_);
      for (const auto& item : rest) {
        text_ = "-l " + item;
        const auto equals = std::min(item.find('='), item.size());
        take_resource(item.substr(0, equals), item.substr(std::min(equals + 1, item.size())));
      }
    }
    if (!project_.value.empty()) {
      at_ = project_.at;
      text_ = project_.text;
      // A project may be what an account may not ("my project"), and then is none.
      auto with_account = header_.resources;
      if (header_.resources.account.empty() &&
          set_resource(with_account, "account", project_.value).empty()) {
        set("account", project_.value);
      } else {
        header_.terms.push_back(project_);
      }
    }
    header_.joined = join_ == "oe" || join_ == "eo";
    for (auto& term : header_.terms) {
      if (join_ == "eo" && (term.term == Term::output || term.term == Term::error))
        term.term = term.term == Term::error ? Term::output : Term::error;
    }
  }

  void take_resource(std::string_view name, const std::string& value) {
    const auto before = header_.resources;
    auto& resources = header_.resources;
    if (name == "select" || name == "nodes") {
      take_chunk(name, value);
    } else if (name == "place") {
      take_place(value);
    } else if (name == "mem" && size_of(value)) {  // the whole job's
      const int nodes = resources.nodes.value_or(1);
      resources.memory = (*size_of(value) + nodes - 1) / nodes;
    } else if (name == "pmem" && size_of(value)) {  // a process's
      const int cpus = resources.cpus_per_task.value_or(1);
      resources.memory_per_cpu = (*size_of(value) + cpus - 1) / cpus;
    } else if (name == "file" && size_of(value)) {
      resources.scratch = size_of(value);
    } else if (name == "procs" && digits(value)) {
      error(set_resource(resources, "tasks", value));
    } else if (name == "ngpus" && digits(value)) {
      error(set_resource(resources, "gpus", value));
    } else if (name == "qos") {
      assign("qos", value);
    } else if (name == "advres") {
      assign("reservation", value);
    } else if (name == "feature") {
      assign("constraint", value);
    } else if (name == "naccesspolicy" && (value == "singlejob" || value == "singletask")) {
      resources.exclusive = true;
    } else if (name == "max_walltime" && time_of(value)) {
      resources.walltime = time_of(value);
    } else if (name == "min_walltime" && time_of(value)) {
      return add(Term::least_walltime, std::to_string(time_of(value)->count()));
    } else {
      return add(Term::other, instead_of_resource(name));
    }
    add_resource_terms(header_.terms, before, resources, at_, text_);
  }

  // A chunk that says more than the portable fields can: without that.
  void take_chunk(std::string_view name, std::string_view value) {
    if (value.find('+') != value.npos)
      return add(Term::other, "chunks of several kinds are a heterogeneous job");
    auto parts = split(value, ':');
    std::string known, constraint;
    if (!digits(parts[0]) && parts[0].find('=') == std::string::npos) {
      add(Term::node_list, std::string(parts[0]));
      parts[0] = "1";
    }
    for (const auto part : parts) {
      const auto equals = part.find('=');
      Resources unused;
      std::string wrong;
      const auto item = digits(part) ? fmt::format("{}={}", name, part) : fmt::format("{}=1:{}", name, part);
      if (read_request(item, unused, wrong).empty()) {
        known.append(known.empty() ? "" : ":").append(part);
      } else if (equals == part.npos || lower_case(part.substr(equals + 1)) == "true") {
        constraint.append(constraint.empty() ? "" : "&").append(part.substr(0, equals));
      } else if (part.starts_with("host=") || part.starts_with("vnode=")) {
        add(Term::node_list, std::string(part.substr(equals + 1)));
      } else {
        header_.terms.push_back({Term::other, instead_of_resource({}), at_, std::string(part)});
      }
    }
    std::string wrong;
    if (!known.empty()) read_request(fmt::format("{}={}", name, known), header_.resources, wrong);
    if (!constraint.empty()) assign("constraint", constraint);
  }

  void take_place(std::string_view value) {
    for (const auto part : split(value, ':')) {
      if (part == "excl" || part == "exclhost") {
        header_.resources.exclusive = true;
      } else if (part == "pack") {
        header_.terms.push_back({Term::other, "use --nodes=1", at_, "place=pack"});
      } else if (part != "free" && part != "scatter" && part != "vscatter" && part != "shared") {
        header_.terms.push_back({Term::other, "--switches may say it", at_, fmt::format("place={}", part)});
      }
    }
  }

  BatchHeader header_;
  std::vector<Request> requests_;
  std::string join_;
  HeaderTerm project_;
  Position at_;
  std::string text_;
};

}  // namespace

BatchHeader read_batch_header(std::string_view script) {
  return Reader().read(script);
}

}  // namespace catena::pbs
