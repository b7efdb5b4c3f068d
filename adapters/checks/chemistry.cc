#include "adapters/checks/chemistry.h"

#include <algorithm>
#include <cctype>

#include "core/split.h"

namespace catena::checks {
namespace {

std::string_view next_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool is_element(std::string_view word) {
  return !word.empty() && std::isalpha(static_cast<unsigned char>(word.front())) != 0 &&
         std::ranges::all_of(
             word, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-'; });
}

// The value of pseudo_dir in a line of a Fortran namelist: 'PATH' or "PATH".
std::optional<std::string> directory_in(std::string_view line) {
  const auto key = lower(line).find("pseudo_dir");
  if (key == std::string::npos || line.substr(0, key).find('!') != std::string_view::npos)
    return std::nullopt;
  const auto open = line.find_first_of("'\"", key);
  if (open == std::string_view::npos) return std::nullopt;
  const auto close = line.find(line[open], open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  return std::string(line.substr(open + 1, close - open - 1));
}

// The cards that may follow ATOMIC_SPECIES; a namelist begins with '&'.
constexpr std::string_view cards[] = {
    "atomic_positions", "k_points",          "cell_parameters",     "constraints", "occupations",
    "atomic_forces",    "atomic_velocities", "additional_k_points", "solvents",    "hubbard"};

}  // namespace

std::vector<std::string> poscar_elements(std::string_view text) {
  std::string_view line;
  for (int i = 0; i < 6; ++i) line = next_line(text);
  std::vector<std::string> elements;
  for (auto word : split_words(line)) {
    word = word.substr(0, word.find('/'));
    if (!is_element(word)) return {};
    if (std::ranges::find(elements, word) == elements.end()) elements.emplace_back(word);
  }
  return elements;
}

Pseudopotentials pseudopotentials(std::string_view text) {
  Pseudopotentials found;
  bool inside = false;
  while (!text.empty()) {
    auto line = next_line(text);
    if (auto directory = directory_in(line)) found.directory = std::move(directory);
    const auto parts = split_words(line.substr(0, line.find_first_of("!#")));
    if (parts.empty()) continue;
    const auto first = lower(parts.front());
    if (first == "atomic_species") {
      inside = true;
    } else if (first.starts_with('&') || std::ranges::find(cards, first) != std::end(cards)) {
      inside = false;
    } else if (inside && parts.size() >= 3) {
      found.species.push_back({std::string(parts[0]), std::string(parts[2])});
    }
  }
  return found;
}

const std::string_view poscar_awk = R"awk(
NR == 6 {
  sub(/\r$/, "")
  for (i = 1; i <= NF; i++) {
    sub("/.*", "", $i)
    if ($i !~ /^[A-Za-z][A-Za-z0-9_.-]*$/) exit
    if (!seen[$i]++) all = all $i "\n"
  }
}
NR == 6 { printf "%s", all; exit }
)awk";

const std::string_view pseudopotentials_awk = R"awk(
{ sub(/\r$/, ""); line = tolower($0); key = index(line, "pseudo_dir") }
key && substr($0, 1, key - 1) !~ /!/ {
  rest = substr($0, key)
  if (match(rest, /['"]/)) {
    quote = substr(rest, RSTART, 1)
    rest = substr(rest, RSTART + 1)
    if ((end = index(rest, quote)) > 0) print "dir " substr(rest, 1, end - 1)
  }
}
{ sub(/[!#].*/, ""); first = tolower($1) }
first == "atomic_species" { inside = 1; next }
first ~ /^&/ || first ~ /^(atomic_positions|k_points|cell_parameters|constraints|occupations|atomic_forces|atomic_velocities|additional_k_points|solvents|hubbard)$/ { inside = 0 }
inside && NF >= 3 { print "species " $1 " " $3 }
)awk";

}  // namespace catena::checks
