// sbatch's own options: which take a value, which catena sets itself, which have a portable resource field.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/resources.h"

namespace catena::slurm {

enum class Argument { none, required, optional };

enum class Use {
  verbatim,  // the user's own business
  portable,  // `note` is the resource field
  reserved,  // catena sets it, or it has no meaning in a chain; `note` says what to do instead
};

struct OptionSpec {
  std::string_view name;
  char letter = 0;  // 'n' for "-n"; 0: none
  Argument argument = Argument::required;
  Use use = Use::verbatim;
  std::string_view note = {};
};

// All options of sbatch 22.05 to 26.05.
std::span<const OptionSpec> option_table();

// An option as it was given.
struct GivenOption {
  std::size_t word = 0;  // the place of its first word
  const OptionSpec* spec =
      nullptr;       // nullptr: not in the table; a SPANK plugin of the site may have added it
  std::string name;  // without dashes, in full if it is in the table
  std::string value;
  bool has_value = false;
  std::string problem;  // not empty: why sbatch would refuse it

  std::string text() const;  // "--name=value", quoted for a #SBATCH line
};

// Reads words as sbatch does (getopt_long): "--opt=value", "--opt value", unambiguous abbreviations,
// "-ovalue", "-o value", several flags in one word. A word that is no option comes back with a problem.
std::vector<GivenOption> read_options(std::span<const std::string> words);

enum class Portable {
  set,         // the field has the value
  impossible,  // the field cannot say it (a range of nodes, --mem=0, …): the option stays the user's own
  wrong,       // `problem` says why
};
// Puts the value of a portable option into its field.
Portable set_portable(const GivenOption& option, Resources& resources, std::string& problem);

// What is wrong with scheduler_options, one sentence each; empty if all are sound.
std::vector<std::string> check_options(std::span<const std::string> options);

}  // namespace catena::slurm
