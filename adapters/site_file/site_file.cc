#include "adapters/site_file/site_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "adapters/site_file/ini.h"
#include "adapters/site_file/site_keys.h"

namespace catena {
namespace {

constexpr off_t largest_file = 1 << 20;

// One pair of quotes around the whole value is not part of it.
std::string unquoted(const std::string& value) {
  if (value.size() < 2 || (value.front() != '"' && value.front() != '\'') || value.back() != value.front())
    return value;
  std::string inside = value.substr(1, value.size() - 2);
  return inside.find(value.front()) == std::string::npos ? inside : value;
}

// Whether a shell would fill something in.
bool names_variable(std::string_view value) {
  for (auto at = value.find('$'); at != std::string_view::npos; at = value.find('$', at + 1)) {
    const std::string_view next = value.substr(at + 1, 1);
    if (next == "{" || next == "(" || is_variable_name(next)) return true;
  }
  return false;
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
    if (transport_known_) finish_transport();
    finish_hooks();
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
    if (std::find(site_sections.begin(), site_sections.end(), section.name) == site_sections.end()) {
      complain(section.line,
               {fmt::format("unknown section [{}]", section.name), suggestion(section.name, site_sections)});
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
    if (entry.section == "environment" && entry.key == "node_scratch") {
      Complaint complaint = set_node_scratch(site_, value);
      if (!complaint.message.empty()) complain(entry.line, std::move(complaint));
    } else if (entry.section == "environment") {
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
    static constexpr std::array<std::string_view, 3> reserved = {"modules", "prologue", "node_scratch"};
    std::string hint = suggestion(entry.key, reserved);
    if (!hint.empty()) {  // `module = gcc` would else become a variable, and no module be loaded
      complain(entry.line, {fmt::format("unknown key '{}' in [environment]", entry.key), std::move(hint)});
    } else if (!is_variable_name(entry.key)) {
      complain(entry.line, {fmt::format("'{}' is no name of an environment variable", entry.key), {}});
    } else if (entry.key.starts_with("CATENA_")) {
      complain(entry.line, {fmt::format("'{}': these names are catena's own in a job", entry.key), {}});
    } else if (names_variable(value)) {  // PATH = /opt/bin:$PATH would leave the job without its commands
      complain(entry.line,
               {fmt::format("{}: values are exported as they stand, '$' is not filled in", entry.key),
                fmt::format("write 'prologue = export {}=...'", entry.key)});
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
    const SiteKey* key = find_site_key(entry.section, entry.key);
    if (key == nullptr) {
      if (entry.section == "scheduler") {
        site_.options[entry.key] = value;  // the dialect's; looked at when its kind is known
      } else if (std::find(site_sections.begin(), site_sections.end(), entry.section) !=
                 site_sections.end()) {
        complain(entry.line, {fmt::format("unknown key '{}' in [{}]", entry.key, entry.section),
                              suggestion(entry.key, site_keys_of(entry.section))});
      }  // an unknown section has been complained about once
      return;
    }
    Complaint complaint = key->set(site_, value);
    const bool good = complaint.message.empty();
    if (!good) complain(entry.line, {fmt::format("{}: {}", entry.key, complaint.message), complaint.hint});
    if (entry.section == "scheduler" && entry.key == "kind") scheduler_known_ = good;
    if (entry.section == "transport" && !good) transport_known_ = false;
  }

  void complain_of_keys(KeyFor site, std::string_view what, const std::string& hint) {
    for (const SiteKey& key : site_keys()) {
      const auto found = lines_.find({std::string(key.section), std::string(key.name)});
      if (key.site == site && found != lines_.end())
        complain(found->second, {fmt::format("'{}' {}", key.name, what), hint});
    }
  }

  // What depends on the transport's kind, which may stand anywhere in the file.
  void finish_transport() {
    if (!lines_.contains({"transport", "kind"}) && !site_.hosts.empty()) site_.transport = "auto";
    if (!site_.remote()) {
      complain_of_keys(KeyFor::remote, "has no meaning with the transport 'local'", "kind = auto uses ssh");
    } else if (site_.hosts.empty()) {
      complain(line_of("transport"), {fmt::format("the transport '{}' needs a host", site_.transport),
                                      "host = login.example.org, or a name of your ssh configuration"});
    } else if (scheduler_known_ && site_.scheduler == "local") {
      complain(line_of("transport"), {"the local scheduler runs jobs on this machine, not on a host",
                                      "leave out the host, or say the host's scheduler"});
    }
  }

  void finish_hooks() {
    const auto& hook = site_.hook;
    const int actions =
        (hook.script.empty() ? 0 : 1) + (hook.mail.empty() ? 0 : 1) + (hook.webhook.empty() ? 0 : 1);
    if (actions > 1) complain(line_of("hooks"), {"in [hooks]: one of command, mail and webhook", {}});
    if (actions > 0 && hook.on.empty())
      complain(line_of("hooks"), {"in [hooks]: 'on' is missing", "write on = failed, completed"});
    const auto known = states_of(hook.of);
    for (const auto& state : hook.on) {
      if (std::find(known.begin(), known.end(), state) == known.end() && seen("hooks", "on"))
        complain(lines_.at({"hooks", "on"}), {fmt::format("on: '{}' is no state of what 'of' names", state),
                                              "of = run (the default), nodes or all"});
    }
  }

  // What depends on the scheduler's kind, which may stand anywhere in the file.
  void finish_scheduler() {
    if (site_.scheduler != "local") {
      complain_of_keys(KeyFor::local, "has a meaning for the local scheduler only",
                       fmt::format("{} has its own limits", site_.scheduler));
    }
    bool sound = true;
    for (const auto& [name, value] : site_.options) {
      for (const std::string& problem : problems_of({{name, value}})) {
        complain(lines_.at({"scheduler", name}), {problem, suggestion(name, site_keys_of("scheduler"))});
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
      problems.reserve(options.size());
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
  bool scheduler_known_ = false, transport_known_ = true;
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

}  // namespace catena
