#include "adapters/store/location.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "core/error.h"

namespace catena {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::filesystem::path home_directory() {
  if (const auto value = environment("HOME"); !value.empty()) {
    return value;
  }
  // A job or a cron entry may run without $HOME.
  const passwd* entry = getpwuid(getuid());
  if (entry == nullptr || entry->pw_dir == nullptr || *entry->pw_dir == '\0') {
    throw Error(ErrorKind::config,
                fmt::format("user {} has no home directory, and $HOME is not set", getuid()),
                "set CATENA_HOME to a directory that lasts");
  }
  return entry->pw_dir;
}

}  // namespace

std::filesystem::path home() {
  if (const auto value = environment("CATENA_HOME"); !value.empty()) {
    return std::filesystem::absolute(value);
  }
  if (const std::filesystem::path value = environment("XDG_STATE_HOME"); value.is_absolute()) {
    return value / "catena";
  }
  return home_directory() / ".local" / "state" / "catena";
}

std::filesystem::path store_file() {
  return home() / "catena.db";
}

}  // namespace catena
