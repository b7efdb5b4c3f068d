#include "adapters/site_file/site_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "adapters/site_file/ini.h"

namespace catena {
namespace {

constexpr off_t largest_file = 1 << 20;

// What is wrong with a value; no message: nothing is.
struct Complaint {
  std::string message, hint;
};

constexpr std::array<std::string_view, 6> section_names = {"site",   "transport", "scheduler",
                                                           "limits", "defaults",  "environment"};

bool is_word(std::string_view text, std::string_view further) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           further.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_variable_name(std::string_view text) {
  return is_word(text, "_") && !(text.front() >= '0' && text.front() <= '9');
}

template <typename Number>
Complaint set_number(Number& target, std::string_view text, Number least,
                     Number most = std::numeric_limits<Number>::max()) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most) {
    target = number;
    return {};
  }
  return {most == std::numeric_limits<Number>::max()
              ? fmt::format("'{}' is not a whole number of at least {}", text, least)
              : fmt::format("'{}' is not a whole number from {} to {}", text, least, most),
          {}};
}

Complaint set_duration(Seconds& target, std::string_view text, Seconds least) {
  // A bare number would be seconds to some and is minutes in SLURM's notation: [defaults] walltime reads it
  // so.
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return {fmt::format("'{}' has no unit", text), fmt::format("write '{0}s' or '{0}m'", text)};
  }
  const auto duration = parse_duration(text);
  if (!duration) return {fmt::format("'{}' is not a time", text), "write '30s', '10m', '2h' or 'HH:MM:SS'"};
  if (*duration < least) return {fmt::format("'{}' is less than {}s", text, least.count()), {}};
  target = *duration;
  return {};
}

Complaint set_size(Bytes& target, std::string_view text) {
  const auto size = parse_size(text);
  if (!size || *size < 0) return {fmt::format("'{}' is not a size", text), "write '500M', '4G' or '1.5T'"};
  target = *size;
  return {};
}

// A word that this version serves, one that it knows of, or neither.
Complaint set_kind(std::string& target, std::string_view text, std::span<const std::string_view> served,
                   std::span<const std::string_view> known) {
  if (std::find(served.begin(), served.end(), text) != served.end()) {
    target = text;
    return {};
  }
  if (std::find(known.begin(), known.end(), text) != known.end()) {
    return {fmt::format("'{}' is not supported yet", text),
            fmt::format("this version has {}", fmt::join(served, ", "))};
  }
  std::string hint = suggestion(text, served);
  if (hint.empty()) hint = fmt::format("one of {}", fmt::join(served, ", "));
  return {fmt::format("unknown kind '{}'", text), std::move(hint)};
}

Complaint set_name(Site& site, const std::string& text) {
  std::string problem = check_site_name(text);
  if (problem.empty()) site.name = text;
  return {std::move(problem), {}};
}

Complaint set_transport(Site& site, const std::string& text) {
  static constexpr std::array<std::string_view, 1> served = {"local"};
  static constexpr std::array<std::string_view, 3> known = {"ssh", "openssh", "auto"};
  return set_kind(site.transport, text, served, known);
}

Complaint set_host(Site&, const std::string&) {
  return {"a host has no meaning with the transport 'local', the only one of this version",
          "install catena on the login node"};
}

Complaint set_scheduler(Site& site, const std::string& text) {
  static constexpr std::array<std::string_view, 2> served = {"local", "slurm"};
  static constexpr std::array<std::string_view, 2> known = {"pbs", "torque"};
  return set_kind(site.scheduler, text, served, known);
}

Complaint set_user(Site& site, const std::string& text) {
  if (!is_word(text, "._-@+\\")) return {fmt::format("'{}' is no login name", text), {}};
  site.user = text;
  return {};
}

// Lists of module names: what `module load` takes, and nothing that a shell would read otherwise.
Complaint add_modules(Site& site, std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view name = text.substr(0, end);
    if (!name.empty()) {
      if (!is_word(name, "._+-/@:=")) {
        return {fmt::format("'{}' is no module's name", name), "names are separated by blanks"};
      }
      site.modules.emplace_back(name);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

enum class For { all, local };  // the scheduler kind that a key has a meaning for

struct Key {
  std::string_view section, name;
  Complaint (*set)(Site& site, const std::string& value);
  For scheduler = For::all;
};

const Key keys[] = {
    {"site", "name", set_name},
    {"site", "description",
     [](Site& s, const std::string& v) {
       s.description = v;
       return Complaint{};
     }},
    {"transport", "kind", set_transport},
    {"transport", "host", set_host},
    {"transport", "scratch",
     [](Site& s, const std::string& v) {
       s.scratch = v;
       return Complaint{};
     }},
    {"scheduler", "kind", set_scheduler},
    {"scheduler", "user", set_user},
    {"scheduler", "poll", [](Site& s, const std::string& v) { return set_duration(s.poll, v, Seconds{0}); }},
    {"scheduler", "timeout",
     [](Site& s, const std::string& v) { return set_duration(s.timeout, v, Seconds{1}); }},
    {"scheduler", "settle",
     [](Site& s, const std::string& v) { return set_duration(s.settle, v, Seconds{0}); }},
    {"limits", "cpus", [](Site& s, const std::string& v) { return set_number(s.cpus, v, 0); }, For::local},
    {"limits", "memory", [](Site& s, const std::string& v) { return set_size(s.memory, v); }, For::local},
    {"limits", "kill_grace",
     [](Site& s, const std::string& v) { return set_duration(s.kill_grace, v, Seconds{0}); }, For::local},
    {"limits", "submit_batch",
     [](Site& s, const std::string& v) { return set_number<std::size_t>(s.submit_batch, v, 1); }},
    // 128 KiB is the longest single argument that Linux takes.
    {"limits", "argument_bytes",
     [](Site& s, const std::string& v) {
       return set_number<std::size_t>(s.argument_bytes, v, 1'000, 131'071);
     }},
};

std::vector<std::string_view> keys_of(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Key& key : keys) {
    if (key.section == section) names.push_back(key.name);
  }
  return names;
}

// One pair of quotes around the whole value is not part of it.
std::string unquoted(const std::string& value) {
  if (value.size() < 2 || (value.front() != '"' && value.front() != '\'') || value.back() != value.front())
    return value;
  std::string inside = value.substr(1, value.size() - 2);
  return inside.find(value.front()) == std::string::npos ? inside : value;
}

class SiteReader {
 public:
  SiteReader(const std::string& file, const OptionCheck& check_options, Diagnostics& diagnostics)
      : file_(file), check_options_(check_options), diagnostics_(diagnostics) {
    site_.file = file;
    site_.name = std::filesystem::path(file).filename().string();
    if (site_.name.ends_with(".ini")) site_.name.resize(site_.name.size() - 4);
  }

  Site read(std::string_view text) {
    const IniText ini = read_ini(text, file_, diagnostics_);
    for (const IniSection& section : ini.sections) take_section(section);
    for (const IniEntry& entry : ini.entries) take(entry);
    if (!seen("site", "name")) {
      const std::string problem = check_site_name(site_.name);
      if (!problem.empty()) complain(0, {problem, "rename the file or set [site] name"});
    }
    if (!seen("scheduler", "kind")) {
      complain(line_of("scheduler"),
               {"[scheduler] kind is missing", "write 'kind = slurm', or 'kind = local'"});
    } else if (scheduler_known_) {
      finish_scheduler();
    }
    const std::string problem = check(site_.defaults);
    if (!problem.empty()) complain(line_of("defaults"), {"in [defaults]: " + problem, {}});
    return std::move(site_);
  }

 private:
  void complain(int line, Complaint complaint) {
    diagnostics_.add({file_, {line, 0}, {}, std::move(complaint.message), std::move(complaint.hint)});
  }

  bool seen(const std::string& section, const std::string& key) const {
    return lines_.contains({section, key});
  }

  int line_of(const std::string& section) const {
    const auto found = section_lines_.find(section);
    return found == section_lines_.end() ? 0 : found->second;
  }

  void take_section(const IniSection& section) {
    section_lines_[section.name] = section.line;
    if (std::find(section_names.begin(), section_names.end(), section.name) == section_names.end()) {
      complain(section.line,
               {fmt::format("unknown section [{}]", section.name), suggestion(section.name, section_names)});
    }
  }

  void take(const IniEntry& entry) {
    if (entry.section.empty()) {
      complain(entry.line, {fmt::format("'{}' stands before the first [section]", entry.key), {}});
      return;
    }
    if (entry.section == "environment" && (entry.key == "modules" || entry.key == "prologue")) {
      take_repeatable(entry);
      return;
    }
    const auto [first, fresh] = lines_.try_emplace({entry.section, entry.key}, entry.line);
    if (!fresh) {
      complain(entry.line, {fmt::format("'{}' a second time in [{}] (first in line {})", entry.key,
                                        entry.section, first->second),
                            {}});
      return;
    }
    const std::string value = unquoted(entry.value);
    if (entry.section == "environment") {
      take_variable(entry, value);
    } else if (value.empty() && entry.key != "description") {
      complain(entry.line,
               {fmt::format("'{}' has no value", entry.key), "leave the line out for the default"});
    } else if (entry.section == "defaults") {
      take_default(entry, value);
    } else {
      take_key(entry, value);
    }
  }

  // Several lines of the same key are one value.
  void take_repeatable(const IniEntry& entry) {
    if (entry.key == "prologue") {
      site_.prologue += entry.value + "\n";  // shell text: its quotes are its own
      return;
    }
    Complaint complaint = add_modules(site_, unquoted(entry.value));
    if (!complaint.message.empty()) complain(entry.line, std::move(complaint));
  }

  void take_variable(const IniEntry& entry, const std::string& value) {
    static constexpr std::array<std::string_view, 2> reserved = {"modules", "prologue"};
    std::string hint = suggestion(entry.key, reserved);
    if (!hint.empty()) {  // `module = gcc` would else become a variable, and no module be loaded
      complain(entry.line, {fmt::format("unknown key '{}' in [environment]", entry.key), std::move(hint)});
    } else if (!is_variable_name(entry.key)) {
      complain(entry.line, {fmt::format("'{}' is no name of an environment variable", entry.key), {}});
    } else {
      site_.environment.emplace_back(entry.key, value);
    }
  }

  void take_default(const IniEntry& entry, const std::string& value) {
    const auto names = resource_names();
    if (std::find(names.begin(), names.end(), entry.key) == names.end()) {
      complain(entry.line,
               {fmt::format("unknown resource '{}' in [defaults]", entry.key), suggestion(entry.key, names)});
      return;
    }
    std::string problem = set_resource(site_.defaults, entry.key, value);
    if (!problem.empty()) complain(entry.line, {fmt::format("{}: {}", entry.key, problem), {}});
  }

  void take_key(const IniEntry& entry, const std::string& value) {
    const auto* key = std::find_if(std::begin(keys), std::end(keys), [&](const Key& candidate) {
      return candidate.section == entry.section && candidate.name == entry.key;
    });
    if (key == std::end(keys)) {
      if (entry.section == "scheduler") {
        site_.options[entry.key] = value;  // the dialect's; looked at when its kind is known
      } else if (std::find(section_names.begin(), section_names.end(), entry.section) !=
                 section_names.end()) {
        complain(entry.line, {fmt::format("unknown key '{}' in [{}]", entry.key, entry.section),
                              suggestion(entry.key, keys_of(entry.section))});
      }  // an unknown section has been complained about once
      return;
    }
    Complaint complaint = key->set(site_, value);
    const bool good = complaint.message.empty();
    if (!good) complain(entry.line, {fmt::format("{}: {}", entry.key, complaint.message), complaint.hint});
    if (key->set == set_scheduler) scheduler_known_ = good;
  }

  // What depends on the scheduler's kind, which may stand anywhere in the file.
  void finish_scheduler() {
    if (site_.scheduler != "local") {
      for (const Key& key : keys) {
        const auto found = lines_.find({std::string(key.section), std::string(key.name)});
        if (key.scheduler != For::local || found == lines_.end()) continue;
        complain(found->second, {fmt::format("'{}' has a meaning for the local scheduler only", key.name),
                                 fmt::format("{} has its own limits", site_.scheduler)});
      }
    }
    bool sound = true;
    for (const auto& [name, value] : site_.options) {
      for (const std::string& problem : problems_of({{name, value}})) {
        complain(lines_.at({"scheduler", name}), {problem, suggestion(name, keys_of("scheduler"))});
        sound = false;
      }
    }
    if (!sound || site_.options.size() < 2) return;
    for (const std::string& problem : problems_of(site_.options))
      complain(line_of("scheduler"), {problem, {}});
  }

  std::vector<std::string> problems_of(const std::map<std::string, std::string>& options) const {
    if (site_.scheduler == "local") {
      std::vector<std::string> problems;
      for (const auto& [name, value] : options) {
        problems.push_back(fmt::format("the local scheduler has no option '{}'", name));
      }
      return problems;
    }
    return check_options_ ? check_options_(site_.scheduler, options) : std::vector<std::string>{};
  }

  const std::string& file_;
  const OptionCheck& check_options_;
  Diagnostics& diagnostics_;
  Site site_;
  bool scheduler_known_ = false;
  std::map<std::string, int> section_lines_;
  std::map<std::pair<std::string, std::string>, int> lines_;  // of each (section, key)
};

// The file's bytes, or why there are none.
Complaint read_regular(const std::string& file, std::string& bytes) {
  const auto failure = [] {
    return Complaint{fmt::format("cannot be read: {}", std::generic_category().message(errno)), {}};
  };
  // O_NONBLOCK: opening a named pipe would wait for its writer.
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return failure();
  const struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } closer{descriptor};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return failure();
  if (!S_ISREG(status.st_mode)) return {"is not a regular file", {}};
  char buffer[16'384];
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer, sizeof buffer);
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure();
    bytes.append(buffer, static_cast<std::size_t>(got));
    if (bytes.size() > static_cast<std::size_t>(largest_file))
      return {"is larger than 1 MiB: no site file", {}};
  }
}

}  // namespace

Site parse_site(std::string_view text, const std::string& file, const OptionCheck& check_options,
                Diagnostics& diagnostics) {
  return SiteReader(file, check_options, diagnostics).read(text);
}

Site read_site_file(const std::string& file, const OptionCheck& check_options, Diagnostics& diagnostics) {
  std::string bytes;
  Complaint complaint = read_regular(file, bytes);
  if (complaint.message.empty()) return parse_site(bytes, file, check_options, diagnostics);
  diagnostics.add({file, {}, {}, std::move(complaint.message), {}});
  Site site;
  site.file = file;
  site.name = std::filesystem::path(file).stem().string();
  return site;
}

std::string check_site_name(std::string_view name) {
  const bool good = is_word(name, "._-") && name.front() != '.' && name.front() != '_' && name.size() <= 64;
  if (good) return {};
  return fmt::format("'{}' is no site's name: letters, digits, '.', '_' and '-', at most 64", name);
}

}  // namespace catena
