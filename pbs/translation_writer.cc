#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "core/quote.h"
#include "pbs/directives.h"
#include "pbs/translation.h"

namespace catena::pbs {
namespace {

// What stands in chunks, and in place.
constexpr std::string_view chunk_fields[] = {"nodes",      "tasks",     "tasks_per_node", "cpus_per_task",
                                             "gpus",       "gpu_type",  "memory",         "memory_per_cpu",
                                             "constraint", "exclusive", "scratch"};

class Writer {
 public:
  Writer(const BatchHeader& header, bool torque)
      : header_(header), torque_(torque), title_(torque ? "Torque" : "PBS") {
    options_.torque = torque;
    if (torque) options_.name_length = 15;
  }

  NewHeader write() {
    for (const auto& each : header_.terms) term(each);
    // Torque's shell is the login shell whatever "#!" says.
    const auto& shell = header_.lines.shell;
    if (torque_ && !shell.empty() && shell.find(' ') == shell.npos) add(0, "-S", shell);
    resources();
    streams();
    variables();
    return std::move(made_);
  }

 private:
  void add(int line, std::string_view option, std::string_view value) {
    made_.directives.push_back({line, directive(option, value)});
  }
  void flag(int line, std::string_view option) {
    made_.directives.push_back({line, fmt::format("#PBS {}", option)});
  }
  void warn(const HeaderTerm& term, std::string message, std::string hint = {}) {
    made_.warnings.push_back({{}, term.at, {}, fmt::format("'{}': {}", term.text, message), std::move(hint)});
  }
  void none(const HeaderTerm& term, std::string_view hint = {}) {
    made_.warnings.push_back(no_counterpart(term, title_, hint));
  }

  void term(const HeaderTerm& each) {
    const int line = each.at.line;
    switch (each.term) {
      case Term::name:
        return name(each);
      case Term::mail_events:
        return add(line, "-m", mail(each.value));
      case Term::mail_users:
        return add(line, "-M", each.value);
      case Term::dependency:
        warn(each, "it names jobs of the other scheduler", "put in the ids that qsub prints");
        return add(line, "-W", "depend=" + each.value);
      case Term::array:
        return array(each);
      case Term::hold:
        return flag(line, "-h");
      case Term::rerun:
        return add(line, "-r", each.value);
      case Term::export_all:
        return flag(line, "-V");
      case Term::export_none:
        return;  // PBS passes nothing on by itself
      case Term::workdir:
        if (torque_) return add(line, "-d", each.value);
        return none(each, fmt::format("say cd {} first in the body", shell_quote(each.value)));
      case Term::clock:
        return add(line, "-a", clock(each.value));
      case Term::project:
        if (torque_) return none(each);
        return add(line, "-P", each.value);
      case Term::wait:
        if (torque_) return none(each);
        return add(line, "-W", "block=true");
      case Term::quiet:
        return flag(line, "-z");
      case Term::least_walltime:
        if (torque_) return none(each);
        return add(line, "-l", "min_walltime=" + least_walltime(each.value));
      case Term::node_list:
        return none(each,
                    torque_ ? "-l nodes=NAME:ppn=… asks for a host" : "host=NAME in a chunk asks for a host");
      case Term::other:
        return none(each, each.value);
      case Term::output:
      case Term::error:
      case Term::resource:
      case Term::variable:
        return;  // together, below
    }
  }

  void name(const HeaderTerm& each) {
    std::string text = each.value;
    for (char& c : text) {
      if (!std::isalnum(static_cast<unsigned char>(c)) &&
          std::string_view("._+-").find(c) == std::string_view::npos)
        c = '_';
    }
    text = text.substr(0, options_.name_length);
    if (text != each.value)
      warn(each, fmt::format("{} takes up to {} letters, digits and . _ + -: it is called {}", title_,
                             options_.name_length, text));
    name_ = text;
    add(each.at.line, "-N", text);
  }

  static std::string mail(const std::string& events) {
    std::string letters;
    for (const auto& event : comma_parts(events)) {
      letters += event == "none"    ? 'n'
                 : event == "begin" ? 'b'
                 : event == "end"   ? 'e'
                 : event == "fail"  ? 'a'
                                    : 'j';
    }
    if (letters.find('j') != letters.npos) {
      std::erase(letters, 'j');
      letters.insert(0, "j");
    }
    return letters;
  }

  // -J takes one range, of two elements at least; -t takes lists, without steps.
  void array(const HeaderTerm& each) {
    const auto indices = std::string_view(each.value).substr(0, each.value.find('%'));
    const auto dash = indices.find('-');
    const bool list = indices.find(',') != indices.npos, step = indices.find(':') != indices.npos;
    if (torque_) {
      if (step) return none(each, "-t takes lists: spell the steps out");
      return add(each.at.line, "-t", each.value);
    }
    if (list || dash == indices.npos)
      return none(each, "-J takes one range of two elements or more: choose in the body by the index");
    add(each.at.line, "-J", each.value);
  }

  // hh:mm[:ss] or MM/DD-hh:mm[:ss] as [MMDD]hhmm[.SS]
  static std::string clock(std::string_view text) {
    std::string digits;
    const bool seconds = std::ranges::count(text, ':') == 2;
    for (const char c : text) {
      if (c >= '0' && c <= '9') digits += c;
    }
    return seconds ? digits.insert(digits.size() - 2, ".") : digits;
  }

  static std::string least_walltime(std::string_view seconds) {
    Seconds::rep value = 0;
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
    return format_walltime(Seconds(value));
  }

  // The first option that has set one of these fields; nullptr: none of them is set.
  const HeaderTerm* said(std::string_view field) const {
    const std::string_view fields[] = {field};
    return field == "nodes" ? find_resource(header_, chunk_fields) : find_resource(header_, fields);
  }
  const HeaderTerm* said_alone(std::string_view field) const {
    const std::string_view fields[] = {field};
    return find_resource(header_, fields);
  }

  void resources() {
    auto resources = header_.resources;
    constraint(resources);
    for (const auto field : {"qos", "gpu_type", "scratch", "licenses"}) {
      const auto* term = said_alone(field);
      const bool usual =
          torque_ && (std::string_view(field) == "qos" || std::string_view(field) == "scratch");
      if (term != nullptr && !usual)
        warn(*term, fmt::format("{} knows it only where the site has such a resource", title_));
    }
    if (!torque_ && !resources.reservation.empty() && !resources.queue.empty())
      warn(*said_alone("queue"),
           "a reservation is a queue of its own in PBS, and takes the place of this one");
    if (const auto* begin = said_alone("begin"); begin != nullptr && resources.begin.starts_with('+')) {
      none(*begin,
           fmt::format("qsub -a \"$(date -d '{} seconds' +%Y%m%d%H%M.%S)\" says it", resources.begin));
      resources.begin.clear();
    }
    for (auto& each : resource_directives(resources, options_)) {
      const auto* term = said(each.field);
      made_.directives.push_back({term ? term->at.line : 0, std::move(each.text)});
    }
  }

  // Features joined by '&' become resources with the value True, or properties of Torque's nodes.
  void constraint(Resources& resources) {
    if (resources.constraint.empty()) return;
    const auto* term = said_alone("constraint");
    if (resources.constraint.find_first_of(",|!*[]()") != std::string::npos) {
      none(*term, "name one feature, or several joined by &");
      resources.constraint.clear();
      return;
    }
    std::string text;
    for (const char c : resources.constraint) text += c != '&' ? std::string(1, c) : torque_ ? ":" : "=True:";
    resources.constraint = torque_ ? text : text + "=True";
    if (!torque_) warn(*term, "PBS knows it only where the site has such a resource");
  }

  // The path, or where it has parts that PBS does not fill in, its directory.
  std::string path(const HeaderTerm& term) {
    std::string text;
    std::size_t slash = 0;  // behind the last '/' before what cannot be said
    bool lost = false;
    const std::string_view value = term.value;
    for (std::size_t at = 0; at < value.size(); ++at) {
      if (value[at] != '%' || at + 1 == value.size()) {
        text += value[at];
        if (value[at] == '/' && !lost) slash = text.size();
        continue;
      }
      const char letter = value[++at];
      if (letter == '%') {
        text += '%';
      } else if (letter == 'x' && !name_.empty()) {
        text += name_;
      } else if (letter == 'a' && !torque_) {
        text += "^array_index^";
      } else {
        lost = true;
      }
    }
    if (!lost) return text;
    text = text.substr(0, slash);
    warn(term, fmt::format("{} does not fill in such a name; it chooses one {}", title_,
                           text.empty() ? "in the directory of submission" : "in " + text));
    return text;
  }

  void streams() {
    const auto* output = find_term(header_, Term::output);
    const auto* error = find_term(header_, Term::error);
    const int line = output ? output->at.line : 0;
    if (header_.joined) add(line, "-j", "oe");
    if (output != nullptr) file(*output, "-o");
    if (error != nullptr && !header_.joined) file(*error, "-e");
  }
  void file(const HeaderTerm& term, std::string_view option) {
    const auto text = path(term);
    if (!text.empty()) add(term.at.line, option, text);
  }

  void variables() {
    std::vector<std::string> parts;
    int line = 0;
    for (const auto& each : header_.terms) {
      if (each.term != Term::variable) continue;
      if (line == 0) line = each.at.line;
      parts.push_back(comma_part(each.value));
      if (!parts.back().empty()) continue;
      warn(each, "a value with a quote cannot stand in -v", "export it in the body");
      parts.pop_back();
    }
    if (parts.empty()) return;
    // qsub's manual: a value with commas in quotes, and the whole in quotes of the other kind.
    const auto list = with_commas(parts);
    if (list.find('\'') != list.npos) return flag(line, fmt::format("-v \"{}\"", list));
    add(line, "-v", list);
  }

  const BatchHeader& header_;
  const bool torque_;
  const std::string_view title_;
  Options options_;
  std::string name_;
  NewHeader made_;
};

constexpr BatchVariable pbs_variables[] = {
    {"PBS_JOBID", Fact::job_id, "with the server's name behind the number"},
    {"PBS_JOBNAME", Fact::job_name},
    {"PBS_O_WORKDIR", Fact::submit_directory},
    {"PBS_O_HOST", Fact::submit_host},
    {"PBS_ARRAY_ID", Fact::array_id},
    {"PBS_ARRAY_INDEX", Fact::array_index},
    {"PBS_ARRAYID", Fact::array_index},
    {"PBS_QUEUE", Fact::queue},
    {"PBS_NODEFILE", Fact::node_list, "a file with a line for each process"},
    {"PBS_NODENUM", Fact::node_number},
    {"PBS_NUM_NODES", Fact::nodes},
    {"PBS_NP", Fact::tasks},
    {"PBS_NUM_PPN", Fact::tasks_per_node},
    {"NCPUS", Fact::cpus_on_node},
};
constexpr BatchVariable torque_variables[] = {
    {"PBS_JOBID", Fact::job_id, "with the server's name behind the number"},
    {"PBS_JOBNAME", Fact::job_name},
    {"PBS_O_WORKDIR", Fact::submit_directory},
    {"PBS_O_HOST", Fact::submit_host},
    {"PBS_ARRAYID", Fact::array_index},
    {"PBS_QUEUE", Fact::queue},
    {"PBS_NODEFILE", Fact::node_list, "a file with a line for each process"},
    {"PBS_NODENUM", Fact::node_number},
    {"PBS_NUM_NODES", Fact::nodes},
    {"PBS_NP", Fact::tasks},
    {"PBS_NUM_PPN", Fact::tasks_per_node},
    {"PBS_NUM_PPN", Fact::cpus_on_node},
};

}  // namespace

NewHeader write_pbs_header(const BatchHeader& header) {
  return Writer(header, false).write();
}

NewHeader write_torque_header(const BatchHeader& header) {
  return Writer(header, true).write();
}

const BatchLanguage& batch_language() {
  static constexpr BatchLanguage language{.name = "pbs",
                                          .title = "PBS",
                                          .family = "pbs",
                                          .directive = "#PBS",
                                          .prefix = "PBS_",
                                          .start = "the home directory",
                                          .to_other_start = "cd \"$PBS_O_WORKDIR\"",
                                          .read = read_batch_header,
                                          .write = write_pbs_header,
                                          .variables = pbs_variables};
  return language;
}

const BatchLanguage& torque_batch_language() {
  static constexpr BatchLanguage language{.name = "torque",
                                          .title = "Torque",
                                          .family = "pbs",
                                          .directive = "#PBS",
                                          .prefix = "PBS_",
                                          .start = "the home directory",
                                          .to_other_start = "cd \"$PBS_O_WORKDIR\"",
                                          .read = read_batch_header,
                                          .write = write_torque_header,
                                          .variables = torque_variables};
  return language;
}

}  // namespace catena::pbs
