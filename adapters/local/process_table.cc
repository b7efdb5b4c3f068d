#include "adapters/local/process_table.h"

#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <thread>

#include "adapters/local/line_file.h"

namespace catena::local {
namespace {

// The words of a command line; nullopt while the process is in the middle of its exec, when it has an image
// but no words yet.
std::optional<std::string> command_line(const std::string& process) {
  auto words = read_file(process + "/cmdline");
  if (!words.empty()) return words;
  char image[2];  // zombies and kernel threads have none
  return readlink((process + "/exe").c_str(), image, sizeof image) < 0 ? std::optional(words) : std::nullopt;
}

template <typename Function>
void for_each_process(Function&& function) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && end == name.data() + name.size()) function(pid, entry.path().string());
  }
}

}  // namespace

std::string boot_id() {
  auto id = read_file("/proc/sys/kernel/random/boot_id");
  if (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

std::optional<std::int64_t> process_start(pid_t pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  const auto name_end = stat.rfind(')');  // the name may hold anything, spaces and brackets too
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return std::nullopt;
  std::string_view rest(stat);
  rest.remove_prefix(name_end + 2);
  if (rest.front() == 'Z' || rest.front() == 'X') return std::nullopt;
  for (int field = 3; field < 22; ++field) {
    const auto space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  std::int64_t ticks = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), ticks);
  return ticks;
}

std::unordered_map<std::string, pid_t> script_processes(std::string_view directory) {
  std::unordered_map<std::string, pid_t> found;
  for_each_process([&](pid_t pid, const std::string& process) {
    auto line = command_line(process);
    for (int tries = 0; !line && tries < 1000; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      line = command_line(process);
    }
    if (!line) return;
    const auto first = line->find('\0');
    if (first == std::string::npos) return;
    auto script = line->substr(first + 1);
    script.resize(std::min(script.find('\0'), script.size()));
    // The body's subshell shows the same words before its exec: the leader of the group is the one.
    if (script.starts_with(directory) && getpgid(pid) == pid) found.emplace(std::move(script), pid);
  });
  return found;
}

std::optional<pid_t> body_of(std::string_view token) {
  const auto variable = '\0' + fmt::format("CATENA_TOKEN={}", token) + '\0';
  std::optional<pid_t> found;
  for_each_process([&](pid_t pid, const std::string& process) {
    if (getpgid(pid) == pid && ('\0' + read_file(process + "/environ")).find(variable) != std::string::npos)
      found = pid;
  });
  return found;
}

}  // namespace catena::local
