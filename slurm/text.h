// Words of #SBATCH lines, read and written as sbatch does (get_argument in its src/sbatch/opt.c).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace catena::slurm {

// The words of a directive line after "#SBATCH": '…' and "…" group, a backslash takes the next character as
// it is (within both kinds of quotes too, but no blank outside of them), an unquoted '#' starts a comment, in
// the middle of a word as well. Throws Error(config) where a quote is not closed, which is fatal to sbatch.
std::vector<std::string> directive_words(std::string_view text);

// The same, with the place of each word's first character, and the comment at the end, from its '#' on.
struct PlacedWord {
  std::string text;
  std::size_t at = 0;
};
struct PlacedWords {
  std::vector<PlacedWord> words;
  std::string_view comment;
};
PlacedWords placed_words(std::string_view text);

// One word that directive_words reads back. Throws Error(config) for a line break or NUL, which no directive
// can hold.
std::string directive_word(std::string_view word);

// A --output or --error value that names exactly this file: a '%' would start a replacement. A path with a
// backslash knows no replacements at all, and its backslashes are doubled instead (fname_create in slurmd).
std::string file_pattern(std::string_view path);

}  // namespace catena::slurm
