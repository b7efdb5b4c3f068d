#include "adapters/local/bare_start.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "adapters/local/launcher.h"
#include "core/job_tool.h"

namespace catena::local {
namespace {

constexpr int cannot_execute = 126, not_found = 127;  // as a shell says it

std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

// This process's environment, over it what every job gets, over that the job's own.
class Environment {
 public:
  explicit Environment(const BareLine& bare)
      : id_("CATENA_JOB_ID=" + bare.queued.id), directory_("PWD=" + bare.queued.workdir) {
    for (auto entry = bare.environment.rbegin(); entry != bare.environment.rend(); ++entry)
      add(entry->c_str());
    add(id_.c_str());
    add(directory_.c_str());  // a shell that changes its directory says so
    const auto own = entries_.size();
    for (char** entry = environ; *entry; ++entry) {
      if (name_of(*entry) != "OLDPWD" && !has(name_of(*entry), own)) entries_.push_back(*entry);
    }
    // The run's own catena is found where there is no other.
    const auto found =
        std::ranges::find_if(entries_, [](const char* entry) { return name_of(entry) == "PATH"; });
    path_ = fmt::format("PATH={}:{}/{}", path(), value_of(bare, "CATENA_RUN_DIR="), tool_folder);
    if (found != entries_.end()) {
      *found = path_.data();
    } else {
      entries_.push_back(path_.data());
    }
    entries_.push_back(nullptr);
  }
  char* const* entries() const { return entries_.data(); }
  std::string_view path() const {
    for (const auto* entry : entries_) {
      if (entry && name_of(entry) == "PATH") return std::string_view(entry).substr(5);
    }
    return "/usr/local/bin:/usr/bin:/bin";
  }

 private:
  static std::string_view value_of(const BareLine& bare, std::string_view prefix) {
    for (const std::string_view entry : bare.environment) {
      if (entry.starts_with(prefix)) return entry.substr(prefix.size());
    }
    return {};
  }
  void add(const char* entry) {
    if (!has(name_of(entry), entries_.size())) entries_.push_back(const_cast<char*>(entry));
  }
  bool has(std::string_view name, std::size_t among_first) const {
    return std::any_of(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(among_first),
                       [name](const char* entry) { return name_of(entry) == name; });
  }
  std::string id_, directory_, path_;
  std::vector<char*> entries_;
};

bool is_program(const std::string& path) {
  struct stat info;
  return access(path.c_str(), X_OK) == 0 && stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// Empty: there is none.
std::string search(const std::string& word, std::string_view path, const std::string& directory) {
  for (;;) {
    const auto end = std::min(path.find(':'), path.size());
    auto folder = std::string(path.substr(0, end));
    if (!folder.starts_with('/')) folder = directory + "/" + folder;
    if (auto found = folder + "/" + word; is_program(found)) return found;
    if (end == path.size()) return {};
    path.remove_prefix(end + 1);
  }
}

// Job after job asks for the same shell: what was found last is looked at first.
std::string find_program(const std::string& word, std::string_view path, const std::string& directory) {
  if (word.find('/') != std::string::npos) return word;
  static std::string last_word, last_path, found;
  if (word == last_word && path == last_path && is_program(found)) return found;
  last_word = word;
  last_path = path;
  return found = search(word, path, directory);
}

bool may_pass(int error) {
  return error == EAGAIN || error == ENOMEM || error == ENFILE;
}

[[noreturn]] void no_interpreter(int err, int status, std::string_view word, std::string_view why) {
  const auto text = fmt::format("catena: exec: {}: {}\n", word, why);
  if (err >= 0 && write(err, text.data(), text.size()) < 0) err = -1;  // the record says it too
  throw CannotStart{status, fmt::format("its shell cannot be run: {}: {}", word, why)};
}

}  // namespace

pid_t start_body(const BareLine& bare, const std::string& body_file, int out, int err) {
  const auto& job = bare.queued;
  const Environment environment(bare);
  Launch body{.argv = bare.shell,
              .program = find_program(bare.shell[0], environment.path(), job.workdir),
              .directory = job.workdir,
              .out = out,
              .err = err,
              .environment = environment.entries()};
  body.argv.push_back(body_file);
  for (;;) {
    try {
      if (body.program.empty()) throw std::system_error(ENOENT, std::generic_category());
      return launch(body);
    } catch (const std::system_error& error) {
      const int code = error.code().value();
      if (may_pass(code)) {
        std::this_thread::sleep_for(std::chrono::seconds{1});
        continue;
      }
      if (access(job.workdir.c_str(), X_OK) != 0)
        throw CannotStart{1, "cannot enter the working directory " + job.workdir};
      if (code == ENOENT) no_interpreter(err, not_found, bare.shell[0], "not found");
      no_interpreter(err, cannot_execute, bare.shell[0], error.code().message());
    }
  }
}

}  // namespace catena::local
