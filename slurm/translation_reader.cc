#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/quantity.h"
#include "slurm/options.h"
#include "slurm/script.h"
#include "slurm/translation.h"

namespace catena::slurm {
namespace {

struct Known {
  std::string_view option;
  Term term;
};
// Options whose value is the term's.
constexpr Known known[] = {
    {"job-name", Term::name}, {"mail-user", Term::mail_users}, {"array", Term::array},
    {"hold", Term::hold},     {"chdir", Term::workdir},        {"wckey", Term::project},
    {"wait", Term::wait},     {"quiet", Term::quiet},          {"nodelist", Term::node_list},
};

struct Instead {
  std::string_view option, hint;
};
constexpr Instead instead[] = {
    {"signal", "send it from the body, with timeout(1) or kill"},
    {"exclude", "ask for what the others have in common"},
    {"input", "redirect the input in the body"},
    {"open-mode", "redirect the output in the body"},
    {"deadline", "give it up in the body when it is late"},
    {"export-file", "read the file in the body"},
    {"propagate", "use ulimit in the body"},
    {"bb", "copy the files in the body"},
    {"bbf", "copy the files in the body"},
    {"comment", ""},
};

std::optional<int> positive(std::string_view text) {
  const auto value = whole_number(text);
  return value && *value > 0 ? value : std::nullopt;
}

// "slurm-%4j.out" and the like: the letters that have a portable meaning keep it, numbers for padding go. A
// path with a backslash has no replacements (fname_create in slurmd).
std::string pattern(std::string_view value, std::string& unknown) {
  const bool plain = value.find('\\') != value.npos;
  std::string text;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (plain && value[at] == '\\' && at + 1 < value.size()) ++at;
    text += value[at];
    if (value[at] != '%') continue;
    if (plain) {
      text += '%';
      continue;
    }
    auto letter = std::min(value.find_first_not_of("0123456789", at + 1), value.size());
    if (letter == value.size()) {
      text += '%';
    } else if (std::string_view("%jAaxuN").find(value[letter]) != std::string_view::npos) {
      text += value[letter];
      at = letter;
    } else {
      unknown += fmt::format("{}%{}", unknown.empty() ? "" : ", ", value[letter]);
      text.pop_back();
      at = letter;
    }
  }
  return text;
}

// hh:mm[:ss], MM/DD-hh:mm[:ss] and the words that sbatch has for times of the day; empty: something else.
std::string clock_of(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"midnight", "00:00"}, {"noon", "12:00"}, {"fika", "15:00"}, {"teatime", "16:00"}};
  for (const auto& [word, time] : words)
    if (lower_case(text) == word) return std::string(time);
  std::string shape(text);
  for (char& c : shape)
    if (c >= '0' && c <= '9') c = '0';
  for (const auto good : {"00:00", "00:00:00", "00/00-00:00", "00/00-00:00:00"})
    if (shape == good) return std::string(text);
  return {};
}

class Reader {
 public:
  BatchHeader read(std::string_view script) {
    auto all = script_words(script);
    for (const auto& problem : all.problems)
      header_.errors.push_back({{}, {problem.line, problem.column}, {}, problem.message, problem.hint});
    std::vector<std::string> words;
    for (const auto& word : all.words) words.push_back(word.text);
    const auto options = read_options(words);
    for (const auto& option : options) {
      at_ = {all.words[option.word].line, all.words[option.word].column};
      text_ = option.has_value ? fmt::format("--{}={}", option.name, option.value) : "--" + option.name;
      take(option);
    }
    finish();
    header_.shell = all.shell;
    header_.lines = std::move(all);
    return std::move(header_);
  }

 private:
  void add(Term term, std::string value) { header_.terms.push_back({term, std::move(value), at_, text_}); }
  void warn(std::string message, std::string hint = {}) {
    header_.warnings.push_back({{}, at_, {}, std::move(message), std::move(hint)});
  }
  void error(std::string message) { header_.errors.push_back({{}, at_, {}, std::move(message), {}}); }

  void take(const GivenOption& option) {
    if (!option.problem.empty()) return error(option.problem);
    if (option.spec != nullptr && option.spec->use == Use::portable) return take_portable(option);
    const auto& name = option.name;
    const auto& value = option.value;
    const auto found = std::ranges::find(known, name, &Known::option);
    if (found != std::end(known)) return add(found->term, value);
    if (name == "output" || name == "error") {
      std::string unknown;
      add(name == "output" ? Term::output : Term::error, pattern(value, unknown));
      if (!unknown.empty()) warn(fmt::format("'{}': {} has no counterpart elsewhere", text_, unknown));
    } else if (name == "requeue" || name == "no-requeue") {
      add(Term::rerun, name == "requeue" ? "y" : "n");
    } else if (name == "export") {
      for (auto& part : comma_parts(value)) {
        if (part == "ALL" || part == "NONE" || part == "NIL") {
          add(part == "ALL" ? Term::export_all : Term::export_none, {});
        } else if (!part.empty()) {
          add(Term::variable, std::move(part));
        }
      }
    } else if (name == "mail-type") {
      take_mail(value);
    } else if (name == "dependency") {
      take_dependency(value);
    } else if (name == "time-min") {
      const auto time = parse_duration(value);
      if (!time) return error(fmt::format("--time-min: '{}' is no time", value));
      add(Term::least_walltime, std::to_string(time->count()));
    } else if (name == "gpus" || name == "gpus-per-task") {
      gpus_ = {Term::other, value, at_, text_};
      gpus_per_task_ = name == "gpus-per-task";
    } else if (name == "ignore-pbs" || name == "parsable") {
      return;  // they concern sbatch alone
    } else {
      const auto hint = std::ranges::find(instead, name, &Instead::option);
      add(Term::other, hint == std::end(instead) ? std::string() : std::string(hint->hint));
    }
  }

  void take_portable(const GivenOption& option) {
    const auto before = header_.resources;
    std::string wrong;
    const auto result = set_portable(option, header_.resources, wrong);
    if (result == Portable::wrong) return error(fmt::format("--{}: {}", option.name, wrong));
    if (result == Portable::impossible) take_impossible(option);
    add_resource_terms(header_.terms, before, header_.resources, at_, text_);
  }

  // What the field cannot say.
  void take_impossible(const GivenOption& option) {
    const auto& name = option.name;
    const auto& value = option.value;
    if (name == "nodes") {
      const auto least = positive(value.substr(0, value.find('-')));
      if (!least || value.find_first_of(",:") != value.npos) return add(Term::other, {});
      header_.resources.nodes = least;
      warn(fmt::format("'{}': only SLURM knows a range of nodes; the least number is taken", text_));
    } else if (name == "gres") {
      for (const auto& part : comma_parts(value)) {
        GivenOption one = option;
        one.value = part;
        std::string wrong;
        if (part.find("gpu") == part.npos || set_portable(one, header_.resources, wrong) != Portable::set)
          header_.terms.push_back({Term::other, {}, at_, "--gres=" + part});
      }
    } else if (name == "begin" && !clock_of(value).empty()) {
      add(Term::clock, clock_of(value));
    } else if (name == "mem" || name == "mem-per-cpu") {
      add(Term::other, "say how much memory it needs");
    } else if (name == "time") {
      add(Term::other, "say how long it runs");
    } else {
      add(Term::other, {});
    }
  }

  void take_mail(const std::string& value) {
    static constexpr std::pair<std::string_view, std::string_view> events[] = {
        {"NONE", "none"}, {"BEGIN", "begin"},        {"END", "end"},
        {"FAIL", "fail"}, {"ALL", "begin,end,fail"}, {"ARRAY_TASKS", "each_task"}};
    std::string taken, lost;
    for (const auto& part : comma_parts(value)) {
      const auto found = std::ranges::find_if(
          events, [&](const auto& event) { return lower_case(event.first) == lower_case(part); });
      auto& list = found == std::end(events) ? lost : taken;
      list += (list.empty() ? "" : ",") + (found == std::end(events) ? part : std::string(found->second));
    }
    if (!lost.empty()) warn(fmt::format("'{}': {} has no counterpart elsewhere", text_, lost));
    if (!taken.empty()) add(Term::mail_events, taken);
  }

  void take_dependency(const std::string& value) {
    if (value.find('?') != value.npos) return add(Term::other, "all of a job's dependencies have to be met");
    std::vector<std::string> kept;
    std::string kind;
    for (auto& part : comma_parts(value)) {
      const auto colon = part.find(':');
      // "afterok:A,B" is afterok A and afterany B.
      if (colon == part.npos && positive(part)) part = "afterany:" + part;
      kind = part.substr(0, part.find(':'));
      const bool common = kind == "after" || kind == "afterok" || kind == "afternotok" || kind == "afterany";
      if (common && part.find_first_of("+_") == part.npos) {
        kept.push_back(part);
      } else {
        header_.terms.push_back({Term::other, {}, at_, "--dependency=" + part});
      }
    }
    if (!kept.empty()) add(Term::dependency, with_commas(kept));
  }

  // --gpus counts for the whole job, --gpus-per-task for each task.
  void finish() {
    auto& resources = header_.resources;
    if (!gpus_.value.empty() && !resources.gpus) {
      const auto colon = gpus_.value.rfind(':');
      const auto count = positive(colon == std::string::npos ? gpus_.value : gpus_.value.substr(colon + 1));
      const std::int64_t nodes = resources.nodes.value_or(1);
      const auto tasks =
          resources.tasks ? *resources.tasks : nodes * std::int64_t{resources.tasks_per_node.value_or(1)};
      const bool few = tasks < 1'000'000'000;  // no product overflows
      const auto all = few ? count.value_or(0) * (gpus_per_task_ ? tasks : 1) : 0;
      if (all > 0 && all % nodes == 0 && all / nodes < 1'000'000) {
        const auto before = resources;
        resources.gpus = static_cast<int>(all / nodes);
        if (colon != std::string::npos) {
          at_ = gpus_.at;
          const auto problem = set_resource(resources, "gpu_type", gpus_.value.substr(0, colon));
          if (!problem.empty()) error(problem);
        }
        add_resource_terms(header_.terms, before, resources, gpus_.at, gpus_.text);
      } else {
        gpus_.value = "say them for each node, with --gpus-per-node";
        header_.terms.push_back(gpus_);
      }
    }
    const auto* output = find_term(header_, Term::output);
    const auto* error_file = find_term(header_, Term::error);
    header_.joined = error_file == nullptr || (output != nullptr && output->value == error_file->value);
  }

  BatchHeader header_;
  HeaderTerm gpus_;
  bool gpus_per_task_ = false;
  Position at_;
  std::string text_;
};

}  // namespace

BatchHeader read_batch_header(std::string_view script) {
  return Reader().read(script);
}

}  // namespace catena::slurm
