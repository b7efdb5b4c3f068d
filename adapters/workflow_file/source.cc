#include "adapters/workflow_file/source.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <system_error>

#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t workflow_limit = std::size_t{1} << 30;
constexpr std::size_t part_limit = std::size_t{4}
                                   << 20;  // scripts and templates: sbatch itself refuses more than 4 MB

struct ReadFile {
  std::string text;
  std::string problem;  // empty: read
  bool missing = false;
};

ReadFile read_file(const fs::path& path, std::size_t limit) {
  std::error_code code;
  const auto status = fs::status(path, code);
  if (status.type() == fs::file_type::not_found) return {{}, "there is no such file", true};
  if (status.type() == fs::file_type::directory) return {{}, "it is a folder, not a file"};
  // A device or a pipe could be read for ever; /dev/fd/N of a shell's <(…) is a pipe, and has an end.
  if (status.type() != fs::file_type::regular && status.type() != fs::file_type::fifo && !code) {
    return {{}, "it is not a regular file"};
  }
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) return {{}, std::strerror(errno)};
  ReadFile result;
  if (const auto size = fs::file_size(path, code); !code && size <= limit) result.text.reserve(size);
  char buffer[1 << 16];
  std::size_t count = 0;
  while ((count = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) {
    if (result.text.size() + count > limit) {
      return {{}, fmt::format("it is larger than {} MiB", limit >> 20)};
    }
    result.text.append(buffer, count);
  }
  if (std::ferror(file.get()) != 0) return {{}, std::strerror(errno)};
  return result;
}

// As a person would write it beside the workflow file.
std::string beside(const std::string& file, std::string_view path) {
  return (fs::path(file).parent_path() / path).lexically_normal().string();
}

}  // namespace

Source Source::from_file(const std::string& file) {
  ReadFile read = read_file(file, workflow_limit);
  if (read.missing) {
    throw Error(ErrorKind::not_found, fmt::format("there is no workflow file '{}'", file), "check the path");
  }
  if (!read.problem.empty()) {
    throw Error(ErrorKind::config,
                fmt::format("the workflow file '{}' cannot be read: {}", file, read.problem));
  }
  Source source;
  source.on_disk_ = true;
  source.file_ = file;
  const fs::path absolute = fs::absolute(file).lexically_normal();
  source.directory_ = absolute.parent_path().string();
  source.snapshot_.file = absolute.string();
  source.snapshot_.text = std::move(read.text);
  return source;
}

Source Source::from_snapshot(Snapshot snapshot, bool or_disk) {
  Source source;
  source.on_disk_ = or_disk;
  source.file_ = snapshot.file;
  source.directory_ = fs::path(snapshot.file).parent_path().string();
  source.snapshot_ = std::move(snapshot);
  return source;
}

Source::Loaded Source::load(const std::string& key, const fs::path& path, std::string shown) {
  Loaded loaded;
  loaded.file = std::move(shown);
  if (auto known = snapshot_.files.find(key); known != snapshot_.files.end()) {
    loaded.text = &known->second;
    return loaded;
  }
  if (!on_disk_) {
    loaded.problem = "it is missing from the run's snapshot";
    return loaded;
  }
  ReadFile read = read_file(path, part_limit);
  loaded.problem = std::move(read.problem);
  if (loaded.problem.empty()) loaded.text = &snapshot_.files.emplace(key, std::move(read.text)).first->second;
  return loaded;
}

Source::Loaded Source::script(std::string_view path) {
  return load(fmt::format("script:{}", path), fs::path(directory_) / path, beside(file_, path));
}

Source::Loaded Source::template_file(std::string_view name, std::span<const fs::path> folders) {
  const std::string file_name = fmt::format("{}.yaml", name);
  const std::string key = fmt::format("template:{}", name);
  fs::path found = file_name;
  for (const fs::path& folder : folders) {
    std::error_code code;
    if (fs::exists(folder / file_name, code)) {
      found = folder / file_name;
      break;
    }
  }
  if (on_disk_ && found == file_name && !snapshot_.files.contains(key))
    return {nullptr, file_name, "there is no such template"};
  return load(key, found, found.string());
}

Source::Loaded Source::template_script(std::string_view template_name, std::string_view path,
                                       std::span<const fs::path> folders) {
  const std::string file = template_file(template_name, folders).file;
  const std::string shown = beside(file, path);
  return load(fmt::format("template:{}/script:{}", template_name, path), shown, shown);
}

std::vector<std::string> template_names(std::span<const fs::path> folders) {
  std::set<std::string> names;
  for (const fs::path& folder : folders) {
    std::error_code code;
    for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
      if (entry->path().extension() == ".yaml") names.insert(entry->path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace catena
