#include "pbs/request.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "core/split.h"

namespace catena::pbs {
namespace {

std::optional<int> count(std::string_view text) {
  int value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && value > 0 && value < 1'000'000 ? std::optional(value)
                                                                               : std::nullopt;
}

// One chunk: "2:ncpus=4:mem=1gb" with the words of `select`, or "2:ppn=4" with those of `nodes`. false: it
// says more than the portable fields can.
bool read_chunk(std::string_view text, bool select, Resources& resources) {
  if (text.find('+') != text.npos) return false;
  auto parts = split(text, ':');
  Resources chunk = resources;
  chunk.nodes = count(parts[0]);
  if (!chunk.nodes && !select) return false;  // a host's name
  if (!chunk.nodes) chunk.nodes = 1;          // "select=ncpus=4" is one chunk
  if (count(parts[0])) parts.erase(parts.begin());
  int cpus = 1, processes = 1;
  for (const auto part : parts) {
    const auto equals = part.find('=');
    if (equals == part.npos) return false;  // a node property
    const auto name = part.substr(0, equals);
    const auto value = part.substr(equals + 1);
    const auto number = count(value);
    if (select && name == "ncpus" && number) {
      cpus = *number;
    } else if ((name == "mpiprocs" && select && number) || (name == "ppn" && !select && number)) {
      processes = *number;
    } else if ((name == "ngpus" || name == "gpus") && number) {
      chunk.gpus = number;
    } else if (select && name == "mem" && size_of(value)) {
      chunk.memory = size_of(value);
    } else if (select && name == "ompthreads" && number) {
      continue;  // ncpus / mpiprocs says it
    } else {
      return false;
    }
  }
  chunk.tasks_per_node = processes;
  chunk.tasks = *chunk.nodes * processes;
  chunk.cpus_per_task = std::max(cpus / processes, 1);
  resources = chunk;
  return true;
}

bool read_item(std::string_view name, std::string_view value, Resources& resources, std::string& problem) {
  if (name == "select" || name == "nodes") return read_chunk(value, name == "select", resources);
  if (name == "walltime") {
    const auto time = time_of(value);
    if (time) resources.walltime = time;
    if (!time) problem = fmt::format("-l walltime={} is no time", value);
    return true;
  }
  if (name == "ncpus" && count(value) && !resources.nodes) {
    resources.cpus_per_task = count(value);
    return true;
  }
  if (name == "mem" && resources.nodes.value_or(1) == 1 && size_of(value)) {
    resources.memory = size_of(value);
    return true;
  }
  if (name == "place" && (value == "excl" || value == "exclhost")) {
    resources.exclusive = true;
    return true;
  }
  return false;
}

}  // namespace

std::optional<Bytes> size_of(std::string_view text) {
  const auto unit = std::min(text.find_first_not_of("0123456789"), text.size());
  Bytes value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + unit, value);
  if (error != std::errc() || unit == 0) return std::nullopt;
  std::string suffix(text.substr(unit));
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  if (suffix.ends_with('b')) suffix.pop_back();
  constexpr std::string_view units = "kmgtp";
  const auto power = suffix.empty() ? 0 : units.find(suffix[0]) + 1;
  if (suffix.size() > 1 || power > units.size()) return std::nullopt;
  for (std::size_t i = 0; i < power; ++i) {
    if (value > Bytes{1} << 52) return std::nullopt;
    value *= 1024;
  }
  return value;
}

std::optional<Seconds> time_of(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() > 3) return std::nullopt;
  Seconds::rep seconds = 0;
  for (const auto part : parts) {
    Seconds::rep value = 0;
    const auto* end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, value);
    if (error != std::errc() || stop != end || value < 0 || value > 1'000'000'000) return std::nullopt;
    seconds = seconds * 60 + value;
  }
  return Seconds(seconds);
}

std::vector<std::string> read_request(std::string_view text, Resources& resources, std::string& problem) {
  std::vector<std::string> rest;
  for (const auto item : split(text, ',')) {
    const auto equals = item.find('=');
    const auto value = equals == item.npos ? std::string_view() : item.substr(equals + 1);
    if (!read_item(item.substr(0, equals), value, resources, problem)) rest.emplace_back(item);
  }
  return rest;
}

}  // namespace catena::pbs
