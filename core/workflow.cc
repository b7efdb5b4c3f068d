#include "core/workflow.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace catena {
namespace {

constexpr std::array<std::pair<On, std::string_view>, 4> on_names{
    {{On::ok, "ok"}, {On::any, "any"}, {On::notok, "notok"}, {On::start, "start"}}};
constexpr std::string_view how_names[] = {"resubmit", "requeue", "in_place"};
constexpr std::string_view check_names[] = {"file",       "directory", "env",         "command",
                                            "free_space", "text",      "vasp_potcar", "qe_pseudo"};

bool letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

std::string_view to_string(NodeCheck::Kind kind) {
  return check_names[static_cast<std::size_t>(kind)];
}

std::string describe(const NodeCheck& check) {
  const auto kind = to_string(check.kind);
  switch (check.kind) {
    case NodeCheck::Kind::free_space:
      return fmt::format("{} {} in {}", kind, check.limit, check.subject);
    case NodeCheck::Kind::text:
      return fmt::format("{} {} in {}", kind, check.regex, check.subject);
    case NodeCheck::Kind::vasp_potcar:
      return fmt::format("{} of {} in {}", kind, check.subject, check.limit);
    default:
      return fmt::format("{} {}", kind, check.subject);
  }
}

std::string_view to_string(On on) {
  for (const auto& [value, name] : on_names) {
    if (value == on) return name;
  }
  return {};
}

std::optional<On> on_from(std::string_view text) {
  for (const auto& [value, name] : on_names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::string_view to_string(RetryHow how) {
  return how_names[static_cast<std::size_t>(how)];
}

std::optional<RetryHow> retry_how_from(std::string_view text) {
  const auto found = std::ranges::find(how_names, text);
  if (found == std::end(how_names)) return std::nullopt;
  return static_cast<RetryHow>(found - std::begin(how_names));
}

std::string check_name(std::string_view name) {
  constexpr std::size_t longest = 64;
  if (name.empty()) return "a name may not be empty";
  if (name.size() > longest) {
    return fmt::format("the name is {} characters long; at most {} are allowed", name.size(), longest);
  }
  if (!letter(name.front())) return fmt::format("the name '{}' must begin with a letter", name);
  const auto odd = std::find_if(name.begin(), name.end(), [](char c) {
    return !letter(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-';
  });
  if (odd == name.end()) return {};
  if (*odd == '.') {
    return fmt::format("the name '{}' holds a dot, which is kept for the elements of a foreach (scf.3)",
                       name);
  }
  return fmt::format("the name '{}' may hold letters, digits, '_' and '-' only", name);
}

}  // namespace catena
