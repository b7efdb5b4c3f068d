#include "adapters/checks/program.h"

#include <fmt/core.h>

#include <algorithm>

#include "adapters/checks/chemistry.h"
#include "core/quote.h"

namespace catena::checks {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_inner(char c) {
  return is_letter(c) || (c >= '0' && c <= '9');
}

// The variable that begins at the '$' at `start`: its name, and how many characters it takes; 0: none does.
std::pair<std::string, std::size_t> variable_at(std::string_view path, std::size_t start) {
  const bool braces = path.substr(start + 1).starts_with('{');
  const auto first = start + (braces ? 2 : 1);
  auto end = first;
  if (end >= path.size() || !is_letter(path[end])) return {};
  while (end < path.size() && is_inner(path[end])) ++end;
  if (braces && (end >= path.size() || path[end] != '}')) return {};
  return {std::string(path.substr(first, end - first)), end + (braces ? 1 : 0) - start};
}

// Each function's first argument is the check's number. What it finds goes to descriptor 3, where nothing
// that modules and prologues print can be.
constexpr std::string_view functions = R"sh(c_say() { printf '%s %s\0' "$1" "$2" >&3; }
c_known() { [ -n "$3" ] || { c_say "$1" "\$$2 is not set, or empty"; return 1; }; }
c_env() { [ -n "$3" ] || c_say "$1" "the variable $2 is not set, or empty"; }
c_command() { command -v "$2" > /dev/null 2>&1 || c_say "$1" "there is no command $2 on PATH"; }
c_file() {
  if [ -d "$2" ]; then c_say "$1" "$2 is a directory, not a file"
  elif [ ! -e "$2" ]; then c_say "$1" "there is no file $2"
  elif [ ! -r "$2" ]; then c_say "$1" "the file $2 cannot be read"
  else return 0; fi
  return 1
}
c_pseudo() {
  if [ ! -e "$2" ]; then c_say "$1" "the pseudopotential of $3: there is no file $2"
  elif [ ! -r "$2" ]; then c_say "$1" "the pseudopotential of $3: the file $2 cannot be read"; fi
}
c_directory() {
  if [ ! -e "$2" ]; then c_say "$1" "there is no directory $2"
  elif [ ! -d "$2" ]; then c_say "$1" "$2 is not a directory"
  elif [ ! -r "$2" ] || [ ! -x "$2" ]; then c_say "$1" "the directory $2 cannot be read"; fi
}
c_space() {
  c_at=$2
  while [ ! -e "$c_at" ]; do
    case $c_at in /*/*) c_at=${c_at%/*} ;; *) c_at=/ ;; esac
  done
  c_free=$(df -Pk "$c_at" 2> /dev/null |
    awk 'NR > 1 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print $(i - 1); exit } }')
  if [ -z "$c_free" ]; then c_say "$1" "the free space of $c_at cannot be told"
  elif [ "$c_free" -lt "$3" ]; then c_say "$1" "$((c_free / 1024))M are free in $c_at, and $4 are wanted"; fi
}
c_text() {
  c_file "$1" "$2" || return 0
  grep -aqE -e "$3" "$2" || c_say "$1" "$4"
}
c_potcar() {
  [ -d "$2" ] || { c_say "$1" "there is no directory $2"; return; }
  for c_at in "$2"/potpaw_PBE*/"$3"/POTCAR* "$2"/potpaw_PBE*/"$3"_*/POTCAR*; do
    if [ -r "$c_at" ]; then return; fi
  done
  c_say "$1" "element $3: there is neither $2/potpaw_PBE*/$3/POTCAR nor one in $3_*"
}
)sh";

// For inputs that are on the site themselves. "dir" sorts before "species".
constexpr std::string_view site_functions = R"sh(c_poscar() {{
  c_file "$1" "$2" || return 0
  c_names=$(awk {0} "$2")
  if [ -z "$c_names" ]; then c_say "$1" "line 6 of $2 does not name the elements"; return; fi
  for c_name in $c_names; do c_potcar "$1" "$3" "$c_name"; done
}}
c_pseudos() {{
  c_file "$1" "$2" || return 0
  c_dir=$c_espresso
  awk {1} "$2" | sort -s -k1,1 | while read -r c_kind c_name c_rest; do
    case $c_kind in
      dir) c_dir="$c_name${{c_rest:+ $c_rest}}"; case $c_dir in /*) ;; *) c_dir=$3/$c_dir ;; esac ;;
      species) c_pseudo "$1" "$c_dir/$c_rest" "$c_name" ;;
    esac
  done
}}
)sh";

}  // namespace

ShellPath shell_path(std::string_view path) {
  ShellPath result;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) result.word += shell_quote(literal);
    literal.clear();
  };
  for (std::size_t i = 0; i < path.size();) {
    const auto [name, length] = path[i] == '$' ? variable_at(path, i) : std::pair<std::string, std::size_t>{};
    if (length == 0) {
      literal += path[i++];
      continue;
    }
    flush();
    result.word += fmt::format("\"${{{}-}}\"", name);
    if (std::ranges::find(result.variables, name) == result.variables.end()) result.variables.push_back(name);
    i += length;
  }
  flush();
  if (result.word.empty()) result.word = "''";
  return result;
}

std::string preamble(const Site& site) {
  std::string text(functions);
  text += fmt::format(site_functions, shell_quote(poscar_awk), shell_quote(pseudopotentials_awk));
  if (!site.modules.empty()) {
    text +=
        "command -v module > /dev/null 2>&1 || for c_at in /etc/profile.d/modules.sh "
        "/etc/profile.d/lmod.sh; do\n  if [ -r \"$c_at\" ]; then . \"$c_at\"; fi\ndone\n";
  }
  for (const auto& module : site.modules) text += fmt::format("module load {}\n", shell_quote(module));
  for (const auto& [name, value] : site.environment)
    text += fmt::format("export {}={}\n", name, shell_quote(value));
  if (!site.prologue.empty()) text += site.prologue + "\n";
  return text;
}

std::vector<std::string> interpreter(const Site& site) {
  const auto exported = site.options.find("export");
  const bool login = site.scheduler == "pbs" || site.scheduler == "torque" ||
                     (exported != site.options.end() && exported->second == "none");
  // bash, as for the jobs: a site's prologue is written for it.
  return login ? std::vector<std::string>{"bash", "-l", "-s"} : std::vector<std::string>{"bash", "-s"};
}

}  // namespace catena::checks
