#include "core/diagnostic.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "core/error.h"
#include "core/quantity.h"

namespace catena {
namespace {

// Damerau-Levenshtein in its optimal string alignment form: a swap of neighbours counts one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string format(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.at.line > 0) {
    if (!text.empty()) text += ':';
    text += std::to_string(diagnostic.at.line);
    if (diagnostic.at.column > 0) text += ':' + std::to_string(diagnostic.at.column);
  }
  if (!text.empty()) text += ": ";
  if (!diagnostic.node.empty()) text += fmt::format("node '{}': ", diagnostic.node);
  text += diagnostic.message;
  if (!diagnostic.hint.empty()) text += fmt::format(" ({})", diagnostic.hint);
  return text;
}

void Diagnostics::throw_if_any() const {
  if (list_.empty()) return;
  std::vector<const Diagnostic*> ordered;
  for (const Diagnostic& diagnostic : list_) ordered.push_back(&diagnostic);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return std::tie(a->file, a->at.line, a->at.column) < std::tie(b->file, b->at.line, b->at.column);
  });
  std::string text;
  for (const Diagnostic* diagnostic : ordered) {
    if (!text.empty()) text += '\n';
    text += format(*diagnostic);
  }
  throw Error(ErrorKind::config, text);
}

std::string nearest(std::string_view name, std::span<const std::string_view> candidates) {
  const std::string wanted = lower_case(name);
  for (const std::string_view candidate : candidates) {
    if (lower_case(candidate) == wanted) return std::string(candidate);
  }
  const std::size_t limit = std::clamp<std::size_t>(wanted.size() / 3, 1, 3);
  std::size_t best = limit + 1;
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    const std::size_t longer = std::max(candidate.size(), wanted.size());
    if (longer - std::min(candidate.size(), wanted.size()) >= best) continue;
    const std::size_t far = distance(wanted, lower_case(candidate));
    // Where no character is shared, a short name is not a slip of the pen.
    if (far < best && far < longer) {
      best = far;
      found = candidate;
    }
  }
  return std::string(found);
}

std::string suggestion(std::string_view name, std::span<const std::string_view> candidates) {
  const std::string found = nearest(name, candidates);
  return found.empty() ? found : fmt::format("did you mean '{}'?", found);
}

}  // namespace catena
