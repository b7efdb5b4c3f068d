// Where a workflow's texts come from: the disk, or the snapshot that was taken when the run was created.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/extension.h"
#include "core/store.h"

namespace catena {

class Source {
 public:
  // Reads the workflow file. Throws Error(not_found) if there is none, Error(config) if it cannot be read or
  // is too large.
  static Source from_file(const std::string& file);
  // Never touches the disk: what the snapshot does not hold is missing. `or_disk`: it is read from there.
  static Source from_snapshot(Snapshot snapshot, bool or_disk = false);
  // What jobs have added to a run of this workflow.
  void add_extensions(const Snapshot& recorded) { take_extensions(snapshot_, recorded); }

  const std::string& file() const { return file_; }            // as given, for messages
  const std::string& directory() const { return directory_; }  // absolute: where relative paths start
  std::string_view text() const { return snapshot_.text; }

  // A file that the workflow names. The text stays where it is for as long as the Source does.
  struct Loaded {
    const std::string* text = nullptr;  // nullptr: it could not be read
    std::string file;                   // for messages
    std::string problem;                // "there is no file 'relax.sbatch'"
  };
  Loaded script(std::string_view path);  // relative to the workflow file's folder, or absolute
  // NAME.yaml, from the first of the folders that has it.
  Loaded template_file(std::string_view name, std::span<const std::filesystem::path> folders);
  // A script that a template names: relative to the template's folder.
  Loaded template_script(std::string_view template_name, std::string_view path,
                         std::span<const std::filesystem::path> folders);

  // Everything read so far. `file` is absolute in it, so that it means the same from any folder.
  const Snapshot& snapshot() const { return snapshot_; }

 private:
  Loaded load(const std::string& key, const std::filesystem::path& path, std::string shown);
  Snapshot snapshot_;
  std::string file_;
  std::string directory_;
  bool on_disk_ = false;
};

// The names of the templates in these folders, without ".yaml", in order.
std::vector<std::string> template_names(std::span<const std::filesystem::path> folders);

}  // namespace catena
