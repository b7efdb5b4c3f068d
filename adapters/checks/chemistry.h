// What inputs of VASP and Quantum ESPRESSO name: elements and pseudopotentials.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catena::checks {

// The names in line 6 of a POSCAR, without repetition; what VASP 6 writes behind a '/' is left out. Empty:
// line 6 holds no names (the form of VASP 4 has numbers there).
std::vector<std::string> poscar_elements(std::string_view text);

struct Pseudopotentials {
  struct Species {
    std::string label, file;
  };
  std::optional<std::string> directory;  // pseudo_dir, without its quotes
  std::vector<Species> species;          // of the card ATOMIC_SPECIES
};
Pseudopotentials pseudopotentials(std::string_view text);

// The same for files on the site: programs for awk that print one element a line, and "dir PATH" and
// "species LABEL FILE" lines.
extern const std::string_view poscar_awk, pseudopotentials_awk;

}  // namespace catena::checks
