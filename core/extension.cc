#include "core/extension.h"

#include <fmt/core.h>

#include <algorithm>

namespace catena {
namespace {

constexpr std::string_view prefix = "extension:";  // extension:000001:NODE, so that names are in order
constexpr std::size_t digits = 6;

}  // namespace

std::string extension_file(std::string_view node) {
  return fmt::format("the extension by {}", node);
}

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

bool add_extension(Snapshot& snapshot, const Extension& extension) {
  const auto known = extensions(snapshot);
  if (std::ranges::any_of(known, [&](const Extension& each) {
        return each.node == extension.node && each.text == extension.text;
      }))
    return false;
  snapshot.files[fmt::format("{}{:0{}}:{}", prefix, known.size() + 1, digits, extension.node)] =
      extension.text;
  return true;
}

void take_extensions(Snapshot& snapshot, const Snapshot& from) {
  for (const auto& [name, text] : from.files) {
    if (is_extension(name)) snapshot.files[name] = text;
  }
}

}  // namespace catena
