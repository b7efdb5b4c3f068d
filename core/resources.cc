#include "core/resources.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <variant>
#include <vector>

#include "core/diagnostic.h"
#include "core/quantity.h"

namespace catena {
namespace {

using Member = std::variant<std::optional<int> Resources::*, std::optional<Bytes> Resources::*,
                            std::optional<Seconds> Resources::*, std::optional<bool> Resources::*,
                            std::string Resources::*>;

struct Field {
  std::string_view name;
  Member member;
  std::string_view characters = {};  // of a text: what it may hold beside letters and digits
};

// A text goes into a directive line as it stands: nothing that such a line or a shell could read as something
// else.
constexpr std::string_view name_characters = "_-.";
constexpr std::string_view list_characters = "_-.,:@+/=";
constexpr std::string_view constraint_characters = "_-.,:@+/=&|*[]()";

const std::array<Field, 19> fields{{
    {"nodes", &Resources::nodes},
    {"tasks", &Resources::tasks},
    {"tasks_per_node", &Resources::tasks_per_node},
    {"cpus_per_task", &Resources::cpus_per_task},
    {"gpus", &Resources::gpus},
    {"gpu_type", &Resources::gpu_type, name_characters},
    {"memory", &Resources::memory},
    {"memory_per_cpu", &Resources::memory_per_cpu},
    {"walltime", &Resources::walltime},
    {"queue", &Resources::queue, list_characters},
    {"account", &Resources::account, list_characters},
    {"qos", &Resources::qos, list_characters},
    {"reservation", &Resources::reservation, list_characters},
    {"constraint", &Resources::constraint, constraint_characters},
    {"exclusive", &Resources::exclusive},
    {"licenses", &Resources::licenses, list_characters},
    {"scratch", &Resources::scratch},
    {"begin", &Resources::begin},
    {"priority", &Resources::priority},
}};

const std::array<std::string_view, fields.size()> names = [] {
  std::array<std::string_view, fields.size()> list;
  std::transform(fields.begin(), fields.end(), list.begin(), [](const Field& field) { return field.name; });
  return list;
}();

const Field* field_of(std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

std::string set(std::optional<int>& field, const Field& of, std::string_view text) {
  const bool priority = of.name == "priority";
  const int least = priority ? -1024 : 1;
  const int most = priority ? 1023 : std::numeric_limits<int>::max();
  const auto value = whole_number(text);
  if (!value || *value < least || *value > most) {
    return priority
               ? fmt::format("priority must be a whole number from {} to {}, not '{}'", least, most, text)
               : fmt::format("{} must be a whole number from 1 to {}, not '{}'", of.name, most, text);
  }
  field = value;
  return {};
}

std::string set(std::optional<Bytes>& field, const Field& of, std::string_view text) {
  const auto value = parse_size(text);
  if (!value || *value == 0) {
    return fmt::format("{} must be a size above 0 such as 500M, 4G or 1.5T (a bare number is MiB), not '{}'",
                       of.name, text);
  }
  field = value;
  return {};
}

std::string set(std::optional<Seconds>& field, const Field& of, std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || value->count() == 0) {
    return fmt::format(
        "{} must be a time above 0 such as 30s, 10m, 2h, 1d, 01:30:00 or 2-12:00:00 (a bare number is "
        "minutes), "
        "not '{}'",
        of.name, text);
  }
  if (value->count() > std::numeric_limits<std::int32_t>::max()) {
    return fmt::format("{} '{}' is longer than any scheduler takes", of.name, text);
  }
  field = value;
  return {};
}

std::string set(std::optional<bool>& field, const Field& of, std::string_view text) {
  const std::string value = lower_case(text);
  if (value != "yes" && value != "true" && value != "no" && value != "false") {
    return fmt::format("{} must be yes or no, not '{}'", of.name, text);
  }
  field = value == "yes" || value == "true";
  return {};
}

std::string set(std::string& field, const Field& of, std::string_view text) {
  if (of.name == "begin") {
    const auto value = normalised_begin(text);
    if (!value) {
      return fmt::format(
          "begin must be a delay such as +90 (seconds) or now+1h, or a date such as 2030-01-31T08:00, not "
          "'{}'",
          text);
    }
    field = *value;
    return {};
  }
  if (text.empty()) return fmt::format("{} may not be empty", of.name);
  const auto odd = std::find_if_not(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           of.characters.find(c) != std::string_view::npos;
  });
  if (odd != text.end()) {
    return fmt::format("{} may hold letters, digits and {} only, not '{}'", of.name, of.characters, text);
  }
  if (text.front() == '-') return fmt::format("{} may not begin with '-': '{}'", of.name, text);
  field = text;
  return {};
}

std::string show(const std::optional<int>& value) {
  return value ? std::to_string(*value) : "";
}
std::string show(const std::optional<Bytes>& value) {
  return value ? format_size(*value) : "";
}
std::string show(const std::optional<Seconds>& value) {
  return value ? format_walltime(*value) : "";
}
std::string show(const std::optional<bool>& value) {
  return value ? (*value ? "yes" : "no") : "";
}
std::string show(const std::string& value) {
  return value;
}

int product(int a, int b) {
  return static_cast<int>(std::min<std::int64_t>(std::int64_t{a} * b, std::numeric_limits<int>::max()));
}

}  // namespace

std::span<const std::string_view> resource_names() {
  return names;
}

std::string set_resource(Resources& resources, std::string_view name, std::string_view text) {
  const Field* field = field_of(name);
  if (field == nullptr) {
    const std::string meant = suggestion(name, names);
    return fmt::format("unknown resource '{}'{}", name, meant.empty() ? "" : fmt::format(" ({})", meant));
  }
  return std::visit([&](auto member) { return set(resources.*member, *field, text); }, field->member);
}

std::string get_resource(const Resources& resources, std::string_view name) {
  const Field* field = field_of(name);
  if (field == nullptr) return {};
  return std::visit([&](auto member) { return show(resources.*member); }, field->member);
}

Resources merge(Resources base, const Resources& over) {
  if (over.memory || over.memory_per_cpu) base.memory = base.memory_per_cpu = std::nullopt;
  for (const Field& field : fields) {
    std::visit(
        [&](auto member) {
          if (!show(over.*member).empty()) base.*member = over.*member;
        },
        field.member);
  }
  return base;
}

std::string check(const Resources& resources) {
  std::vector<std::string> sentences;
  if (resources.memory && resources.memory_per_cpu) {
    sentences.emplace_back("memory (per node) and memory_per_cpu exclude each other.");
  }
  if (resources.tasks && resources.nodes && *resources.tasks < *resources.nodes) {
    sentences.push_back(fmt::format("{} tasks cannot fill {} nodes.", *resources.tasks, *resources.nodes));
  }
  if (resources.tasks && resources.nodes && resources.tasks_per_node &&
      *resources.tasks > std::int64_t{*resources.nodes} * *resources.tasks_per_node) {
    sentences.push_back(fmt::format("{} tasks do not fit on {} nodes with {} tasks per node.",
                                    *resources.tasks, *resources.nodes, *resources.tasks_per_node));
  }
  if (resources.tasks && !resources.nodes && resources.tasks_per_node &&
      *resources.tasks < *resources.tasks_per_node) {
    sentences.push_back(fmt::format("tasks_per_node ({}) is more than tasks in all ({}).",
                                    *resources.tasks_per_node, *resources.tasks));
  }
  std::string text;
  for (const std::string& sentence : sentences) text += text.empty() ? sentence : " " + sentence;
  return text;
}

int cpus(const Resources& resources) {
  const int nodes = resources.nodes.value_or(1);
  const int tasks = resources.tasks.value_or(product(nodes, resources.tasks_per_node.value_or(1)));
  return std::max(1, product(tasks, resources.cpus_per_task.value_or(1)));
}

Bytes memory_in_all(const Resources& resources) {
  const Bytes each = resources.memory ? *resources.memory : resources.memory_per_cpu.value_or(0);
  const Bytes count = resources.memory ? resources.nodes.value_or(1) : cpus(resources);
  return each > std::numeric_limits<Bytes>::max() / count ? std::numeric_limits<Bytes>::max() : each * count;
}

}  // namespace catena
