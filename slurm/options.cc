#include "slurm/options.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>

#include "core/error.h"
#include "slurm/text.h"

namespace catena::slurm {
namespace {

const OptionSpec* find_letter(char letter) {
  for (const auto& spec : option_table()) {
    if (spec.letter == letter) return &spec;
  }
  return nullptr;
}

// getopt_long: the exact name, else the only one that starts so.
const OptionSpec* find_name(std::string_view name, bool& ambiguous) {
  const OptionSpec* found = nullptr;
  for (const auto& spec : option_table()) {
    if (spec.name == name) return &spec;
  }
  for (const auto& spec : option_table()) {
    if (!spec.name.starts_with(name)) continue;
    ambiguous = found != nullptr;
    if (ambiguous) return nullptr;
    found = &spec;
  }
  return found;
}

bool is_option(std::string_view word) {
  return word.size() > 1 && word[0] == '-';
}

class Reader {
 public:
  explicit Reader(std::span<const std::string> words) : words_(words) {}
  std::vector<GivenOption> read() {
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_];
      if (word.starts_with("--") && word.size() > 2) {
        long_option(word.substr(2));
      } else if (is_option(word) && word != "--") {
        letters(word.substr(1));
      } else {
        add({}).problem = fmt::format("'{}' is no option", word);
      }
      ++at_;
    }
    return std::move(options_);
  }

 private:
  GivenOption& add(std::string_view name, const OptionSpec* spec = nullptr) {
    auto& option = options_.emplace_back();
    option.word = at_;
    option.spec = spec;
    option.name = spec != nullptr ? spec->name : name;
    return option;
  }
  static void give(GivenOption& option, std::string_view value) {
    option.value = value;
    option.has_value = true;
  }
  void give_next(GivenOption& option) {
    if (at_ + 1 < words_.size()) {
      give(option, words_[++at_]);
    } else {
      option.problem = fmt::format("--{} needs a value", option.name);
    }
  }
  void long_option(std::string_view text) {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    bool ambiguous = false;
    const auto* spec = find_name(name, ambiguous);
    auto& option = add(name, spec);
    if (ambiguous) option.problem = fmt::format("--{} is ambiguous", name);
    if (equals != text.npos) {
      give(option, text.substr(equals + 1));
      if (spec != nullptr && spec->argument == Argument::none)
        option.problem = fmt::format("--{} takes no value", spec->name);
    } else if (spec != nullptr ? spec->argument == Argument::required : next_is_value()) {
      give_next(option);
    }
  }
  // Of an option that the table does not hold nobody knows whether it takes a value: a word without a dash
  // can be nothing else.
  bool next_is_value() const { return at_ + 1 < words_.size() && !is_option(words_[at_ + 1]); }
  void letters(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto* spec = find_letter(text[i]);
      auto& option = add(text.substr(i, 1), spec);
      const auto rest = text.substr(i + 1);
      if (spec == nullptr) {
        option.problem = fmt::format("sbatch has no option -{}", text[i]);
        return;
      }
      if (spec->argument == Argument::none) continue;
      if (!rest.empty()) {
        give(option, rest);
      } else if (spec->argument == Argument::required) {
        give_next(option);
      }
      return;
    }
  }
  std::span<const std::string> words_;
  std::size_t at_ = 0;
  std::vector<GivenOption> options_;
};

std::optional<long> integer(std::string_view text) {
  long value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

// now+1hour, now+90: a number of seconds, as the field `begin` spells it; empty if it is something else.
std::string relative_begin(std::string_view text) {
  if (text == "now") return "+0";
  if (!text.starts_with("now+")) return {};
  text.remove_prefix(4);
  const auto unit = text.find_first_not_of("0123456789");
  const auto count = integer(text.substr(0, unit));
  if (!count) return {};
  static constexpr std::pair<std::string_view, long> units[] = {
      {"seconds", 1}, {"minutes", 60}, {"hours", 3600}, {"days", 86400}, {"weeks", 604800}};
  if (unit == text.npos) return fmt::format("+{}", *count);
  for (const auto& [name, seconds] : units) {
    if (name.starts_with(text.substr(unit)) && *count < 1'000'000'000 / seconds)
      return fmt::format("+{}", *count * seconds);
  }
  return {};
}

// gpu[:type][:count] or, for --gpus-per-node, [type:]count.
Portable set_gpus(std::string_view text, bool gres, Resources& resources, std::string& problem) {
  if (text.find(',') != text.npos) return Portable::impossible;
  if (gres) {
    if (text == "gpu") text = "gpu:1";
    if (text.starts_with("gres:")) text.remove_prefix(5);
    if (!text.starts_with("gpu:")) return Portable::impossible;
    text.remove_prefix(4);
  }
  const auto colon = text.rfind(':');
  const auto last = colon == text.npos ? text : text.substr(colon + 1);
  const bool counted = integer(last).has_value();
  const auto type = counted ? text.substr(0, colon == text.npos ? 0 : colon) : text;
  if (type.find_first_of(":()") != type.npos) return Portable::impossible;
  problem = set_resource(resources, "gpus", counted ? last : "1");
  if (problem.empty() && !type.empty()) problem = set_resource(resources, "gpu_type", type);
  return problem.empty() ? Portable::set : Portable::wrong;
}

bool beyond_the_field(std::string_view name, std::string_view value) {
  if (name == "nodes") return value.find_first_of("-,:") != value.npos;
  if (name == "mem" || name == "mem-per-cpu") return value == "0";
  if (name == "time")
    return value == "0" || value == "-1" || value == "UNLIMITED" || value == "INFINITE" ||
           value == "infinite";
  if (name == "exclusive") return !value.empty();
  return false;
}

}  // namespace

std::string GivenOption::text() const {
  return directive_word(has_value ? fmt::format("--{}={}", name, value) : "--" + name);
}

std::vector<GivenOption> read_options(std::span<const std::string> words) {
  return Reader(words).read();
}

Portable set_portable(const GivenOption& option, Resources& resources, std::string& problem) {
  const auto& name = option.spec->name;
  const auto& value = option.value;
  if (beyond_the_field(name, value)) return Portable::impossible;
  if (name == "gres" || name == "gpus-per-node") return set_gpus(value, name == "gres", resources, problem);
  std::string text = value;
  if (name == "exclusive") text = "true";
  if (name == "begin") {
    text = relative_begin(value);
    const bool date = value.size() > 4 && value[4] == '-';
    if (text.empty() && !date) return Portable::impossible;  // 16:00, tomorrow, …
    if (text.empty()) text = value;
  }
  if (name == "nice") {
    const auto nice = option.has_value ? integer(value) : 100;
    if (!nice || *nice < -1023 || *nice > 1024) return Portable::impossible;
    text = std::to_string(-*nice);
  }
  problem = set_resource(resources, option.spec->note, text);
  return problem.empty() ? Portable::set : Portable::wrong;
}

std::vector<std::string> check_options(std::span<const std::string> options) {
  std::vector<std::string> problems;
  for (const auto& text : options) {
    const auto refuse = [&](std::string_view why) { problems.push_back(fmt::format("'{}': {}", text, why)); };
    if (text.find_first_of("\n\r") != text.npos) {
      refuse("an option cannot hold a line break");
      continue;
    }
    std::vector<std::string> words;
    try {
      words = directive_words(text);
    } catch (const Error& error) {
      refuse(error.what());
      continue;
    }
    if (words.empty()) refuse("it is no option of sbatch");
    for (const auto& option : read_options(words)) {
      Resources resources;
      std::string problem;
      if (!option.problem.empty()) {
        refuse(option.problem);
      } else if (option.spec == nullptr || option.spec->use == Use::verbatim) {
        continue;
      } else if (option.spec->use == Use::reserved) {
        refuse(fmt::format("--{} is not for scheduler_options: {}", option.name, option.spec->note));
      } else if (set_portable(option, resources, problem) != Portable::impossible) {
        refuse(fmt::format("use the resource '{}' instead of --{}", option.spec->note, option.name));
      }
    }
  }
  return problems;
}

}  // namespace catena::slurm
