#include "core/extension.h"

#include <fmt/core.h>

namespace catena {
namespace {

constexpr std::string_view prefix = "extension:";  // extension:000001:NODE, so that names are in order
constexpr std::size_t digits = 6;

}  // namespace

bool is_extension(std::string_view file) {
  return file.starts_with(prefix);
}

std::vector<Extension> extensions(const Snapshot& snapshot) {
  std::vector<Extension> list;
  for (const auto& [name, text] : snapshot.files) {
    if (is_extension(name)) list.push_back({std::string_view(name).substr(prefix.size() + digits + 1), text});
  }
  return list;
}

void add_extension(Snapshot& snapshot, std::string_view node, std::string text) {
  const auto number = extensions(snapshot).size() + 1;
  snapshot.files[fmt::format("{}{:0{}}:{}", prefix, number, digits, node)] = std::move(text);
}

void take_extensions(Snapshot& snapshot, const Snapshot& from) {
  for (const auto& [name, text] : from.files) {
    if (is_extension(name)) snapshot.files[name] = text;
  }
}

}  // namespace catena
