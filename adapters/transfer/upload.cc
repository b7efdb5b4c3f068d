#include "adapters/transfer/upload.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "adapters/transfer/digest.h"
#include "adapters/transfer/digests_there.h"
#include "adapters/transfer/errors.h"
#include "adapters/transfer/file_time.h"
#include "adapters/transfer/nul_list.h"
#include "adapters/transfer/tar.h"
#include "core/error.h"
#include "core/split.h"

namespace catena::transfer {
namespace {

namespace fs = std::filesystem;

struct Local {
  std::uintmax_t size = 0;
  std::int64_t mtime = 0;  // nanoseconds since 1970; 0: of a text, which has none
};

struct There {
  std::uintmax_t size = 0;
  std::int64_t mtime = 0;
  int mode = 0;
};

Local look_at(const FileToPut& file) {
  if (file.source.empty()) return {file.content.size(), 0};
  struct stat found;
  if (::stat(file.source.c_str(), &found) != 0) {
    throw Error(ErrorKind::transport,
                fmt::format("cannot read {}: {}", file.source.string(), std::strerror(errno)));
  }
  return {static_cast<std::uintmax_t>(found.st_size), file_time(found)};
}

// What is there already, by target.
std::unordered_map<std::string, There> listing(Transport& transport, std::span<const FileToPut> files,
                                               const std::string& root) {
  Command command;
  command.argv = {
      "sh", "-c",
      "[ -d \"$1\" ] || exit 0; xargs -0 -r stat -L --printf '%s %.9Y %a %n\\0' -- 2>/dev/null; :", "sh",
      root};
  for (const auto& file : files) append_nul(command.input, file.target);
  command.repeatable = true;
  const auto out = transport.run(command).out;
  std::unordered_map<std::string, There> found;
  for (const auto line : split_ended(out, '\0')) {
    There there;
    const auto* last = line.data() + line.size();
    auto at = std::from_chars(line.data(), last, there.size).ptr;
    if (at < last) {
      const auto* const begin = ++at;
      while (at < last && *at != ' ') ++at;
      there.mtime = file_time({begin, at});
    }
    if (at < last) at = std::from_chars(at + 1, last, there.mode, 8).ptr;
    if (at < last) found.emplace(std::string(at + 1, last), there);
  }
  return found;
}

// The files that differ from what is there, with what is known of them.
std::vector<std::pair<const FileToPut*, Local>> changed(Transport& transport,
                                                        std::span<const FileToPut> files,
                                                        const std::string& root) {
  const auto found = listing(transport, files, root);
  std::vector<std::pair<const FileToPut*, Local>> send, ask;
  std::vector<std::string> targets;
  for (const auto& file : files) {
    const auto local = look_at(file);
    const auto there = found.find(file.target);
    if (there == found.end() || there->second.size != local.size || there->second.mode != file.mode) {
      send.emplace_back(&file, local);
    } else if (file.source.empty() || there->second.mtime != local.mtime) {
      ask.emplace_back(&file, local);
      targets.push_back(file.target);
    }
  }
  const auto digests = digests_there(transport, targets);
  for (const auto& [file, local] : ask) {
    const auto there = digests.find(file->target);
    const auto here = file->source.empty() ? digest_of(file->content) : digest_of_file(file->source);
    if (there == digests.end() || there->second != here) send.emplace_back(file, local);
  }
  return send;
}

constexpr std::string_view incoming = ".catena-incoming";

// Takes the stream into a folder beside the targets, checks number and sizes, and moves all into place: whole
// directories where there is nothing yet, else file by file, each by one rename(2).
constexpr const char* receive = R"sh(
part=$1 count=$2 bytes=$3
shift 3
umask 077
clean() { for root; do rm -rf "$root/$part"; done; }
give_up() { [ -z "$1" ] || echo "$1" >&2; shift; clean "$@"; exit 1; }
for root; do
  rm -rf "$root/$part"
  mkdir -p "$root/$part" || give_up '' "$@"
done
tar -x -p --no-same-owner -P -f - || give_up '' "$@"
found=$(for root; do find "$root/$part" -type f -printf '%s\n'; done | awk '{ n++; s += $1 } END { printf "%d %.0f", n, s }')
[ "$found" = "$count $bytes" ] || give_up "of $count files with $bytes bytes, this arrived: $found" "$@"
merge() {
  find "$1" -mindepth 1 -maxdepth 1 -print0 | xargs -0 -r mv -f -t "$2" -- 2>/dev/null
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$entry" ] || continue
    if [ -d "$entry" ] && [ -d "$2/${entry##*/}" ]; then
      merge "$entry" "$2/${entry##*/}"
    else
      mv -f -T -- "$entry" "$2/${entry##*/}" || failed=yes
    fi
  done
}
failed=
for root; do merge "$root/$part" "$root"; done
[ -z "$failed" ] || give_up '' "$@"
clean "$@"
)sh";

bool is_below(const std::string& path, const std::string& root) {
  return path.size() > root.size() + 1 && path.starts_with(root) && path[root.size()] == '/';
}

}  // namespace

void upload(Transport& transport, std::span<const FileToPut> files, const std::string& root,
            const Progress& progress) {
  if (files.empty()) return;
  const auto send = changed(transport, files, root);
  if (send.empty()) return;

  std::vector<TarSource::Item> items;
  std::map<std::tuple<std::string, std::string, int>, std::string> sources;  // root, source, mode: member
  std::set<std::string> targets, roots;
  std::uintmax_t bytes = 0, all = 0;
  const auto now = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const auto& [file, local] : send) {
    if (!targets.insert(file->target).second) {
      throw Error(ErrorKind::conflict, fmt::format("{} is the target of two files", file->target));
    }
    const auto base = is_below(file->target, root) ? root : fs::path(file->target).parent_path().string();
    roots.insert(base);
    Member member{fmt::format("{}/{}/{}", base, incoming, file->target.substr(base.size() + 1)),
                  local.size,
                  file->source.empty() ? now : local.mtime,
                  file->mode,
                  {}};
    bytes += local.size;
    bool first = true;
    if (!file->source.empty()) {
      const auto [place, fresh] = sources.try_emplace({base, file->source.string(), file->mode}, member.name);
      first = fresh;
      if (!fresh) member.link = place->second;
    }
    if (first) all += local.size;
    items.emplace_back(std::move(member), Content{file->source, file->content});
  }

  Command command;
  command.argv = {
      "sh", "-c", receive, "sh", std::string(incoming), std::to_string(items.size()), std::to_string(bytes)};
  command.argv.insert(command.argv.end(), roots.begin(), roots.end());
  command.timeout = std::chrono::milliseconds{0};
  TarSource source(items);
  std::uintmax_t done = 0;
  const auto result = transport.stream(
      command,
      [&](std::span<char> buffer) {
        const auto size = source.read(buffer);
        done += size;
        if (progress) progress(std::min(done, all), all);
        return size;
      },
      [](std::string_view) {});
  if (result.status != 0) fail(transport, "cannot put the input files", root, result);
}

}  // namespace catena::transfer
