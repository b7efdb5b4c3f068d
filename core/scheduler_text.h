// What the command lines and answers of batch schedulers have in common.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/graph.h"
#include "core/transport.h"

namespace catena {

// "afterok:$J1:$J2,afterany:$J3": one group a kind, its parents joined by colons ("afterok:A,B" would mean
// afterok A and afterany B). SLURM's and PBS's words are the same. Empty without parents.
std::string dependency_list(std::span<const std::pair<On, std::string>> parents);

// A directive that asks for resources: "#SBATCH --mem=4G". A directive that says several is of the first of
// them.
struct ResourceDirective {
  std::string_view field;  // its name, as in resource_names()
  std::string text;
};

Command repeatable(std::vector<std::string> argv, std::chrono::milliseconds timeout);

// The words in order, in lists of at most `bytes` characters with their separators (each list holds one word
// at least).
std::vector<std::vector<std::string>> lists_of(const std::vector<std::string>& words, std::size_t bytes);

// Why a command failed, in its own words on one line, each said once: its standard error, "no answer in
// time", "exit status 3".
std::string words_of(const CommandResult& result);

}  // namespace catena
