#include "adapters/transfer/selection.h"

#include <fmt/core.h>
#include <fnmatch.h>

#include <filesystem>
#include <string_view>
#include <unordered_map>

namespace catena::transfer {
namespace {

constexpr int most_links = 16;  // a chain of links that is longer turns in a circle

std::string normal(const std::filesystem::path& path) {
  auto text = path.lexically_normal().string();
  while (text.ends_with('/')) text.pop_back();
  return text;
}

// The pattern matches the path, or a directory above it.
bool matches(const std::string& pattern, std::string_view path) {
  for (auto slash = path.find('/');; slash = path.find('/', slash + 1)) {
    const std::string start(path.substr(0, slash));
    if (fnmatch(pattern.c_str(), start.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) return true;
    if (slash == std::string_view::npos) return false;
  }
}

}  // namespace

bool stays_below(std::string_view path) {
  if (path.empty() || path.front() == '/') return false;
  while (true) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

Selection select(std::span<const Entry> listing, std::span<const std::string> patterns) {
  std::unordered_map<std::string_view, std::size_t> by_path;
  for (std::size_t i = 0; i < listing.size(); ++i) by_path.emplace(listing[i].path, i);

  Selection selection;
  std::vector<std::string> wanted;
  for (const auto& pattern : patterns) wanted.push_back(normal(pattern));
  for (std::size_t i = 0; i < listing.size(); ++i) {
    const auto& entry = listing[i];
    if (entry.type == 'd' || !stays_below(entry.path)) continue;
    bool match = false;
    for (const auto& pattern : wanted) match = match || pattern == "." || matches(pattern, entry.path);
    if (!match) continue;
    auto end = i;
    for (int steps = 0; listing[end].type == 'l' && steps < most_links; ++steps) {
      const auto& link = listing[end];
      const auto target = normal(std::filesystem::path(link.path).parent_path() / link.link);
      const auto found = by_path.find(target);
      if (found == by_path.end()) break;
      end = found->second;
    }
    if (listing[end].type == 'f') {
      selection.files.push_back({entry.path, end});
    } else if (listing[end].type == 'l') {
      selection.left_out.push_back(fmt::format(
          "{} is a symbolic link to {}, which is no file below its directory", entry.path, entry.link));
    } else {
      selection.left_out.push_back(fmt::format("{} is no regular file", entry.path));
    }
  }
  return selection;
}

}  // namespace catena::transfer
