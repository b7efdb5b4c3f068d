#include "adapters/checks/checks.h"

#include <fmt/core.h>
#include <fnmatch.h>
#include <regex.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "adapters/checks/chemistry.h"
#include "adapters/checks/program.h"
#include "core/error.h"
#include "core/posix_regex.h"
#include "core/quote.h"
#include "core/split.h"

namespace catena::checks {
namespace fs = std::filesystem;
namespace {

using Kind = NodeCheck::Kind;

constexpr Bytes kibibyte = 1024;

std::string hint_of(const NodeCheck& check) {
  switch (check.kind) {
    case Kind::file:
      return "put the file there, correct the path, or make it an input";
    case Kind::directory:
      return "make it, or correct the path";
    case Kind::env:
      return "export it there, or set it in the site file's [environment] or in env";
    case Kind::command:
      return "name its module in the site file's [environment], or extend PATH in its prologue";
    case Kind::free_space:
      return "make room, or choose another scratch";
    case Kind::text:
      return {};
    case Kind::vasp_potcar:
      return fmt::format("{} is the folder that holds potpaw_PBE*, with a folder for each element",
                         check.limit);
    case Kind::qe_pseudo:
      return "put the file there, or correct pseudo_dir or ATOMIC_SPECIES";
  }
  return {};
}

// The path below the node's working directory; nullopt: it is elsewhere.
std::optional<std::string> below(const Rendered& node, const std::string& path) {
  if (path.starts_with('$')) return std::nullopt;
  const auto whole = (fs::path(node.workdir) / path).lexically_normal();
  const auto relative = whole.lexically_relative(node.workdir);
  if (relative.empty() || *relative.begin() == "..") return std::nullopt;
  return relative.string();
}

struct Staged {
  std::string from;
  bool render = false;
};

// The input that will be found under `path` in the working directory.
std::optional<Staged> staged(const Rendered& node, const std::string& path) {
  const auto inside = below(node, path);
  if (!inside) return std::nullopt;
  const fs::path wanted = *inside;
  for (const auto& input : node.inputs) {
    const fs::path to = fs::path(input.to).lexically_normal();
    if (input.from.find_first_of("*?[") != std::string::npos) {
      const fs::path from = fs::path(input.from).parent_path() / wanted.filename();
      std::error_code code;
      const bool same_folder = (to / wanted.filename()).lexically_normal() == wanted;
      if (same_folder && fnmatch(input.from.c_str(), from.c_str(), 0) == 0 && fs::exists(from, code))
        return Staged{from.string(), input.render};
    } else if (to == wanted) {
      return Staged{input.from, input.render};
    } else if (const auto rest = wanted.lexically_relative(to); !rest.empty() && *rest.begin() != "..") {
      return Staged{(fs::path(input.from) / rest).string(), input.render};  // an input that is a folder
    }
  }
  return std::nullopt;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

bool any_line_matches(const std::string& text, const std::string& regex) {
  regex_t compiled;
  if (regcomp(&compiled, posix_regex(regex).c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  std::istringstream lines(text);
  bool found = false;
  for (std::string line; !found && std::getline(lines, line);)
    found = regexec(&compiled, line.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return found;
}

std::string text_message(const NodeCheck& check) {
  return check.message.empty() ? fmt::format("no line of {} matches '{}'", check.subject, check.regex)
                               : fmt::format("{}: {}", check.subject, check.message);
}

// An absolute path of the site, or one that begins with a variable.
ShellPath on_site(const Rendered& node, const std::string& path) {
  return shell_path(path.starts_with('$') ? path
                                          : (fs::path(node.workdir) / path).lexically_normal().string());
}

bool is_identifier(std::string_view text) {
  auto inner = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
         std::ranges::all_of(text, inner);
}

}  // namespace

Checks::Asker Checks::asker_of(const Rendered& node, const NodeCheck& check) {
  return {check.file, check.at, node.name.substr(0, node.name.rfind('.')), hint_of(check), node.name};
}

void Checks::join(std::vector<Asker>& askers, Asker asker) {
  auto same = [&](const Asker& other) {
    return other.file == asker.file && other.at.line == asker.at.line && other.at.column == asker.at.column &&
           other.node == asker.node;
  };
  const auto found = std::ranges::find_if(askers, same);
  if (found == askers.end()) {
    askers.push_back(std::move(asker));
  } else if (found->first != asker.first) {
    found->more += 1 + asker.more;
  }
}

void Checks::ask(const Rendered& node, const NodeCheck& check, std::string_view function,
                 const ShellPath& path, const std::string& more_words, bool in_environment) {
  std::string call;
  for (const auto& name : path.variables) call += fmt::format("c_known \"$c_n\" {0} \"${{{0}-}}\" && ", name);
  call += fmt::format("{} \"$c_n\" {}{}{}", function, path.word, more_words.empty() ? "" : " ", more_words);
  std::size_t environment = 0;
  if ((in_environment || !path.variables.empty()) && !node.env.empty()) {
    std::string text;
    for (const auto& [name, value] : node.env) text += name + '=' + value + '\0';
    const auto [place, fresh] = environment_places_.try_emplace(text, environments_.size());
    if (fresh) environments_.push_back(node.env);
    environment = place->second;
  }
  const auto [place, fresh] = known_.try_emplace({environment, call}, questions_.size());
  if (fresh) questions_.push_back({call, environment, {}});
  join(questions_[place->second].askers, asker_of(node, check));
}

void Checks::fail(Asker asker, std::string message) {
  const auto key =
      fmt::format("{}\n{}:{}\n{}\n{}", asker.file, asker.at.line, asker.at.column, asker.node, message);
  const auto [place, fresh] = failure_places_.try_emplace(key, failures_.size());
  if (fresh) {
    failures_.push_back({std::move(asker), std::move(message)});
  } else if (auto& first = failures_[place->second].asker; first.first != asker.first) {
    first.more += 1 + asker.more;
  }
}

void Checks::readable(const Rendered& node, const NodeCheck& check, const std::string& input) {
  if (access(input.c_str(), R_OK) != 0 && access(input.c_str(), F_OK) == 0)
    fail(asker_of(node, check), fmt::format("the input {} cannot be read", input));
}

void Checks::pseudopotential(const Rendered& node, const NodeCheck& check,
                             const std::optional<std::string>& directory, const std::string& label,
                             const std::string& name) {
  const auto more = shell_quote(label);
  if (!directory) {
    ShellPath path{fmt::format("\"$c_espresso\"/{}", shell_quote(name)), {}};
    return ask(node, check, "c_pseudo", path, more, true);
  }
  const auto whole = (fs::path(*directory) / name).string();
  if (const auto input = staged(node, whole)) return readable(node, check, input->from);
  // A '$' in a namelist is a character like others.
  const auto there = (fs::path(node.workdir) / whole).lexically_normal().string();
  ask(node, check, "c_pseudo", {shell_quote(there), {}}, more);
}

// A check that reads a file, whose text is on this machine.
void Checks::content(const Rendered& node, const NodeCheck& check, const std::string& text) {
  if (check.kind == Kind::text) {
    if (!any_line_matches(text, check.regex)) fail(asker_of(node, check), text_message(check));
  } else if (check.kind == Kind::vasp_potcar) {
    const auto elements = poscar_elements(text);
    if (elements.empty()) {
      fail(asker_of(node, check), fmt::format("line 6 of {} does not name the elements", check.subject));
    }
    for (const auto& element : elements)
      ask(node, check, "c_potcar", on_site(node, check.limit), shell_quote(element));
  } else {
    const auto named = pseudopotentials(text);
    for (const auto& [label, name] : named.species)
      pseudopotential(node, check, named.directory, label, name);
    if (named.species.empty())
      fail(asker_of(node, check), fmt::format("{} has no ATOMIC_SPECIES", check.subject));
  }
}

void Checks::add(const Rendered& node, const FillIn& fill_in) {
  for (const auto& check : node.checks) {
    switch (check.kind) {
      case Kind::file:
        if (const auto input = staged(node, check.subject)) {
          readable(node, check, input->from);
        } else {
          ask(node, check, "c_file", on_site(node, check.subject));
        }
        continue;
      case Kind::directory:
        if (!staged(node, check.subject)) ask(node, check, "c_directory", on_site(node, check.subject));
        continue;
      case Kind::env:
        if (is_identifier(check.subject)) {
          ask(node, check, "c_env", {check.subject, {}}, fmt::format("\"${{{}-}}\"", check.subject), true);
        } else {
          fail(asker_of(node, check), fmt::format("'{}' is not a variable's name", check.subject));
        }
        continue;
      case Kind::command: {
        // "mpirun -n 4": the program is the first word; a parameter may be empty.
        const auto start = check.subject.find_first_not_of(" \t");
        if (start == std::string::npos) continue;
        const auto end = std::min(check.subject.find_first_of(" \t", start), check.subject.size());
        const auto program = check.subject.substr(start, end - start);
        // A relative path starts at the working directory, where an input or a parent's output may come to
        // be.
        if (program.find('/') != std::string::npos && program[0] != '/' && program[0] != '$') continue;
        ask(node, check, "c_command", shell_path(program), "", true);
        continue;
      }
      case Kind::free_space: {
        const auto size = parse_size(check.limit);
        if (!size) {
          fail(asker_of(node, check), fmt::format("at_least: '{}' is not a size", check.limit));
          continue;
        }
        ask(node, check, "c_space", on_site(node, check.subject),
            fmt::format("{} {}", (*size + kibibyte - 1) / kibibyte, shell_quote(check.limit)));
        continue;
      }
      case Kind::vasp_potcar:
        if (staged(node, "POTCAR")) continue;  // the node brings its own
        break;
      case Kind::text:
      case Kind::qe_pseudo:
        break;
    }
    if (const auto input = staged(node, check.subject)) {
      if (access(input->from.c_str(), F_OK) != 0) continue;
      try {
        const auto text = read_text(input->from);
        content(node, check, input->render ? fill_in(input->from, text) : text);
      } catch (const Error& error) {
        fail(asker_of(node, check), error.what());
      }
    } else if (check.kind == Kind::text) {
      ask(node, check, "c_text", on_site(node, check.subject),
          fmt::format("{} {}", shell_quote(posix_regex(check.regex)), shell_quote(text_message(check))));
    } else if (check.kind == Kind::vasp_potcar) {
      auto poscar = on_site(node, check.subject);
      const auto base = on_site(node, check.limit);
      poscar.variables.insert(poscar.variables.end(), base.variables.begin(), base.variables.end());
      ask(node, check, "c_poscar", poscar, base.word, true);
    } else {
      ask(node, check, "c_pseudos", on_site(node, check.subject), shell_quote(node.workdir), true);
    }
  }
}

std::string Checks::program(const Site& site) const {
  if (questions_.empty()) return {};
  std::string text = "c_main() {\n" + preamble(site);
  std::vector<std::string> lines(environments_.size());
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    lines[questions_[i].environment] += fmt::format("c_n={}; {}\n", i, questions_[i].call);
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    text += "(\n";
    for (const auto& [name, value] : environments_[i])
      text += fmt::format("export {}={}\n", name, shell_quote(value));
    text += "c_espresso=${ESPRESSO_PSEUDO:-$HOME/espresso/pseudo}\n" + lines[i] + ":\n)\n";
  }
  // The whole is read before anything of it runs, so that nothing in it can eat the rest from standard input.
  return text + "printf 'end\\0' >&3\n}\nprintf 'begin\\0'\nc_main 3>&1 >&2 < /dev/null\n";
}

void Checks::run(Transport& transport, const Site& site) {
  if (questions_.empty()) return;
  Command command;
  command.argv = interpreter(site);
  command.input = program(site);
  command.repeatable = true;
  const auto result = transport.run(command);
  bool begun = false, ended = false;
  for (const auto entry : split_ended(result.out, '\0')) {
    if (!begun) {
      begun = entry.ends_with("begin");  // behind what a login profile prints
      continue;
    }
    ended = entry == "end";
    std::size_t number = 0;
    const auto [stop, code] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
    if (ended || code != std::errc{} || number >= questions_.size()) continue;
    const std::string_view said(stop, static_cast<std::size_t>(entry.data() + entry.size() - stop));
    for (const auto& asker : questions_[number].askers)
      fail(asker, fmt::format("{} (on {})", said.substr(std::min<std::size_t>(1, said.size())),
                              site.remote() ? transport.where() : "site " + site.name));
  }
  if (!ended) {
    throw Error(ErrorKind::transport,
                fmt::format("the checks before submission did not get to their end on {}: {}{}",
                            transport.where(), result.timed_out ? "they took too long; " : "", result.err),
                "see the site file's modules and prologue; --no-checks leaves the checks out");
  }
}

void Checks::report(Diagnostics& diagnostics) const {
  for (const auto& [asker, message] : failures_) {
    auto text = fmt::format("check: {}", message);
    if (asker.more > 0) text += fmt::format("; likewise {} more of its elements", asker.more);
    diagnostics.add({asker.file, asker.at, asker.first, text, asker.hint});
  }
}

}  // namespace catena::checks
