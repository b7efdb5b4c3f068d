#include "adapters/batch/input_files.h"

#include <fmt/core.h>
#include <glob.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/error.h"

namespace catena {
namespace fs = std::filesystem;
namespace {

bool has_glob(const std::string& path) {
  return path.find_first_of("*?[") != std::string::npos;
}

std::vector<fs::path> matches(const Input& input) {
  if (!has_glob(input.from)) {
    std::error_code error;
    if (fs::exists(input.from, error)) return {input.from};
    return {};
  }
  glob_t found{};
  std::vector<fs::path> paths;
  if (glob(input.from.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  }
  globfree(&found);
  return paths;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Error(ErrorKind::not_found, fmt::format("cannot read {}", path.string()));
  return std::move(text).str();
}

// A link in a folder may lead to a file of that folder: what lies outside was not named as an input.
void check_link(const std::string& node, const fs::path& root, const fs::path& link) {
  std::error_code error;
  const auto target = fs::canonical(link, error);
  const auto below = target.lexically_relative(root);
  if (!error && !below.empty() && *below.begin() != "..") return;
  throw Error(
      ErrorKind::config,
      fmt::format("node {}: the input {} is a symbolic link that {}", node, link.string(),
                  error ? "leads nowhere" : fmt::format("leads out of its folder, to {}", target.string())),
      "name that file as an input of its own, or take the link away");
}

int mode_of(const fs::path& path) {
  return static_cast<int>(fs::status(path).permissions() & fs::perms::mask) & 0777;
}

}  // namespace

std::vector<std::string> missing_inputs(const Rendered& node) {
  std::vector<std::string> missing;
  for (const auto& input : node.inputs) {
    if (matches(input).empty()) {
      missing.push_back(has_glob(input.from) ? fmt::format("input {}: no file matches", input.from)
                                             : fmt::format("input {}: there is no such file", input.from));
    }
  }
  return missing;
}

std::vector<FileToPut> input_files(
    const Rendered& node,
    const std::function<RenderedInput(const std::string& file, const std::string& text)>& fill_in) {
  std::vector<FileToPut> files;
  auto add = [&](const Input& input, const fs::path& from, const fs::path& to) {
    FileToPut file;
    file.target = to.lexically_normal().string();
    file.mode = mode_of(from);
    if (input.render) {
      auto filled = fill_in(from.string(), read_file(from));
      file.content = std::move(filled.text);
      // The job fills in the rest, from there into its working directory.
      if (filled.late)
        file.target =
            (fs::path(node.late_inputs) / to.lexically_normal().lexically_relative(node.workdir)).string();
    } else {
      file.source = from;
    }
    files.push_back(std::move(file));
  };
  for (const auto& input : node.inputs) {
    const auto found = matches(input);
    if (found.empty()) {
      throw Error(ErrorKind::not_found, fmt::format("node {}: input {} is not there", node.name, input.from));
    }
    const fs::path workdir = node.workdir;
    for (const auto& path : found) {
      const auto target = has_glob(input.from) ? workdir / input.to / path.filename() : workdir / input.to;
      if (!fs::is_directory(path)) {
        add(input, path, target);
        continue;
      }
      const auto root = fs::canonical(path);
      for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.is_symlink()) check_link(node.name, root, entry.path());
        if (entry.is_regular_file()) add(input, entry.path(), target / entry.path().lexically_relative(path));
      }
    }
  }
  return files;
}

}  // namespace catena
