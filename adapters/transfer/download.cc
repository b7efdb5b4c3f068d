#include "adapters/transfer/download.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "adapters/transfer/digest.h"
#include "adapters/transfer/digests_there.h"
#include "adapters/transfer/errors.h"
#include "adapters/transfer/file_time.h"
#include "adapters/transfer/nul_list.h"
#include "adapters/transfer/selection.h"
#include "adapters/transfer/tar.h"
#include "core/error.h"

namespace catena::transfer {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const fs::path& path) {
  throw Error(ErrorKind::transport, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
}

// What find(1) lists below each of the directories.
std::unordered_map<std::string, std::vector<Entry>> listings(Transport& transport,
                                                             std::span<const FilesToGet> sets) {
  std::unordered_map<std::string, std::vector<Entry>> found;
  Command command;
  command.argv = {
      "sh", "-c",
      "xargs -0 -r sh -c 'find -P \"$@\" -mindepth 1 -printf \"%H\\\\0%P\\\\0%y\\\\0%s\\\\0%T@\\\\0%l\\\\0\" "
      "2>/dev/null' sh; :"};
  for (const auto& set : sets) {
    if (found.try_emplace(set.directory).second) append_nul(command.input, set.directory);
  }
  command.repeatable = true;
  const auto out = transport.run(command).out;
  std::string_view rest = out;
  const auto field = [&rest] {
    const auto end = std::min(rest.find('\0'), rest.size());
    const auto text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return text;
  };
  while (!rest.empty()) {
    const auto directory = found.find(std::string(field()));
    Entry entry;
    entry.path = field();
    const auto type = field(), size = field(), mtime = field();
    entry.type = type.empty() ? '?' : type[0];
    std::from_chars(size.data(), size.data() + size.size(), entry.size);
    entry.mtime = file_time(mtime);
    entry.link = field();
    if (directory != found.end()) directory->second.push_back(std::move(entry));
  }
  return found;
}

struct Wanted {
  fs::path to;
  std::int64_t mtime = 0;
  std::size_t place = 0;  // in the answer
};

// Files as they come, each under a temporary name beside its own until it is whole.
class Writer {
 public:
  explicit Writer(const std::unordered_map<std::string, std::vector<Wanted>>& wanted) : wanted_(wanted) {}
  ~Writer() { drop(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void begin(const Member& member) {
    member_ = member;
    const auto found = wanted_.find(member.name);
    targets_ = found == wanted_.end() ? nullptr : &found->second;
    if (!targets_) return;
    const auto& to = targets_->front().to;
    fs::create_directories(to.parent_path());
    temporary_ = to.parent_path() / fmt::format(".catena-{}.part", getpid());
    fd_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) cannot_write(to);
  }
  void content(std::string_view piece) {
    if (!targets_) return;
    while (!piece.empty()) {
      const auto written = write(fd_, piece.data(), piece.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) cannot_write(targets_->front().to);
      piece.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void end() {
    if (!targets_) return;
    const auto& to = targets_->front().to;
    // The listing's time: the stream's has no fraction.
    const timespec time{targets_->front().mtime / 1'000'000'000, targets_->front().mtime % 1'000'000'000};
    const timespec times[2] = {time, time};
    if (fchmod(fd_, static_cast<mode_t>(member_.mode & 0777)) != 0 || futimens(fd_, times) != 0)
      cannot_write(to);
    if (close(std::exchange(fd_, -1)) != 0) cannot_write(to);
    if (rename(temporary_.c_str(), to.c_str()) != 0) cannot_write(to);
    temporary_.clear();
    for (std::size_t i = 1; i < targets_->size(); ++i) copy(to, (*targets_)[i].to);
    arrived_.insert(member_.name);
  }
  bool arrived(const std::string& name) const { return arrived_.contains(name); }

 private:
  void copy(const fs::path& from, const fs::path& to) const {
    fs::create_directories(to.parent_path());
    const auto part = to.parent_path() / fmt::format(".catena-{}.part", getpid());
    fs::copy_file(from, part, fs::copy_options::overwrite_existing);
    fs::last_write_time(part, fs::last_write_time(from));
    fs::rename(part, to);
  }
  void drop() {
    if (fd_ >= 0) close(fd_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
  }

  const std::unordered_map<std::string, std::vector<Wanted>>& wanted_;
  Member member_;
  const std::vector<Wanted>* targets_ = nullptr;
  fs::path temporary_;
  int fd_ = -1;
  std::unordered_set<std::string> arrived_;
};

}  // namespace

FilesGot download(Transport& transport, std::span<const FilesToGet> sets, const Progress& progress) {
  FilesGot got;
  if (sets.empty()) return got;
  const auto found = listings(transport, sets);

  std::unordered_map<std::string, std::vector<Wanted>> wanted;  // by absolute name there
  std::map<std::string, std::vector<Wanted>> ask;               // same size, other time: is it the same file?
  std::unordered_map<std::string, std::uintmax_t> sizes;
  for (std::size_t s = 0; s < sets.size(); ++s) {
    const auto& set = sets[s];
    const auto& listing = found.at(set.directory);
    auto selection = select(listing, set.patterns);
    for (auto& sentence : selection.left_out) got.left_out.push_back(set.directory + ": " + sentence);
    for (const auto& file : selection.files) {
      const auto& entry = listing[file.entry];
      const auto name = set.directory + "/" + entry.path;
      const Wanted one{set.target / file.path, entry.mtime, got.files.size()};
      got.files.push_back({s, file.path, entry.size, false});
      sizes.emplace(name, entry.size);
      struct stat here;
      const bool same_size = lstat(one.to.c_str(), &here) == 0 && S_ISREG(here.st_mode) &&
                             static_cast<std::uintmax_t>(here.st_size) == entry.size;
      if (!same_size) {
        wanted[name].push_back(one);
      } else if (file_time(here) != entry.mtime) {
        ask[name].push_back(one);
      }
    }
  }
  std::vector<std::string> names;
  names.reserve(ask.size());
  for (const auto& [name, places] : ask) names.push_back(name);
  const auto digests = digests_there(transport, names);
  for (const auto& [name, places] : ask) {
    const auto there = digests.find(name);
    for (const auto& place : places) {
      if (there == digests.end() || digest_of_file(place.to) != there->second) wanted[name].push_back(place);
    }
  }
  if (wanted.empty()) return got;

  std::uintmax_t all = 0, done = 0;
  Command command;
  command.argv = {"tar", "-c", "-P", "--format=gnu", "--hard-dereference", "--no-recursion", "--null", "-T",
                  "-",   "-f", "-"};
  for (const auto& [name, places] : wanted) {
    append_nul(command.input, name);
    all += sizes.at(name);
    for (const auto& place : places) got.files[place.place].sent = true;
  }
  command.timeout = std::chrono::milliseconds{0};
  Writer writer(wanted);
  TarSink sink([&](const Member& member) { writer.begin(member); },
               [&](std::string_view piece) {
                 writer.content(piece);
                 done += piece.size();
                 if (progress) progress(std::min(done, all), all);
               },
               [&] { writer.end(); });
  const auto result = transport.stream(command, {}, [&](std::string_view piece) { sink.take(piece); });
  if (result.status != 0 || !sink.complete())
    fail(transport, "cannot get all files", sets.front().directory, result);
  for (const auto& [name, places] : wanted) {
    if (!writer.arrived(name)) {
      throw Error(ErrorKind::transport, fmt::format("{} did not arrive from {}", name, transport.where()));
    }
  }
  return got;
}

}  // namespace catena::transfer
