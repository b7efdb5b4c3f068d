#include "adapters/site_file/scratch.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"

namespace catena {
namespace {

bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}
bool is_letter_or_digit(char c) {
  return is_letter(c) || (c >= '0' && c <= '9');
}

[[noreturn]] void refuse(const std::string& origin, const std::string& what, const std::string& remedy = {}) {
  throw Error(ErrorKind::config, fmt::format("{}: {}", origin, what), remedy);
}

std::string fill_in(std::string_view text, const std::string& origin, const EnvironmentLookup& environment) {
  std::string filled;
  while (!text.empty()) {
    const auto dollar = std::min(text.find('$'), text.size());
    filled += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    text.remove_prefix(1);
    const bool braced = text.starts_with('{');
    if (braced) text.remove_prefix(1);
    const auto end = std::find_if_not(text.begin(), text.end(), is_letter_or_digit);
    const std::string name(text.begin(), end);
    text.remove_prefix(name.size());
    if (name.empty() || !is_letter(name.front()) || (braced && !text.starts_with('}'))) {
      refuse(origin, "a '$' that is followed by no variable's name", "write $NAME or ${NAME}");
    }
    if (braced) text.remove_prefix(1);
    const std::string value = environment(name).value_or("");
    if (value.empty()) refuse(origin, fmt::format("the environment variable {} is not set", name));
    filled += value;
  }
  return filled;
}

std::string absolute(const std::string& path, const std::string& origin) {
  if (!path.starts_with('/')) {
    refuse(origin, fmt::format("'{}' is not an absolute path", path),
           path.starts_with('~') ? "write $HOME for '~'" : "begin it with '/' or with a variable");
  }
  // The path goes into job scripts and scheduler directives, a line each.
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    refuse(origin, "the path holds a control character");
  }
  std::string normal = std::filesystem::path(path).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

}  // namespace

std::string expand_scratch(const Site& site, const EnvironmentLookup& environment) {
  if (!site.scratch.empty()) {
    const std::string origin =
        fmt::format("{}: scratch = {}", site.file.empty() ? "site " + site.name : site.file, site.scratch);
    return absolute(fill_in(site.scratch, origin, environment), origin);
  }
  for (const char* variable : {"CATENA_SCRATCH_BASE", "CRY_SCRATCH_BASE", "CRY23_SCRDIR"}) {
    const std::string value = environment(variable).value_or("");
    if (!value.empty()) return absolute(value, fmt::format("${}", variable));
  }
  return {};
}

}  // namespace catena
