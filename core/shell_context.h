// Which part of a bash program one is in: reads the program piece by piece and knows at each end whether what
// comes next stands in a word, in quotes, in a here-document, … It follows the grammar of bash(1) (5.2) as
// far as quoting needs it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena {

class ShellContext {
 public:
  enum class Kind {
    command,     // the program, $( ), <( ) and >( )
    paren,       // ( ): a subshell, an array, a pattern
    single,      // '…'
    dquote,      // "…"
    ansi,        // $'…'
    backquote,   // `…`: flat, everything up to the next backquote that is not escaped
    parameter,   // ${ }
    arithmetic,  // $(( )) and (( ))
    bracket,     // $[ ]: arithmetic, the old way
    comment,
    heredoc,   // a here-document with an unquoted delimiter
    verbatim,  // a here-document with a quoted delimiter
  };

  ShellContext();

  // Reads the author's text. `rest` is what follows it in the source; it is only looked at, to tell (( from (
  // (.
  void read(std::string_view text, std::string_view rest);
  // Reads a value's text as it was quoted for this place.
  void read_value(std::string_view text, std::string_view rest);

  // All that was read.
  const std::string& text() const { return text_; }
  Kind kind() const { return frames_.back().kind; }
  std::size_t depth() const { return frames_.size(); }
  // Whether one of the frames is of this kind.
  bool within(Kind kind) const;
  // The same, but no farther out than the innermost command or here-document. `quoted`: of a ${ }, whether it
  // stands in double quotes or in a here-document, where quotes have odd meanings.
  bool within_word(Kind kind, bool quoted = false) const;
  // In a ${ }: what stands between "${" and here, nested parts included.
  std::string_view parameter_text() const;
  // In a command: the current word so far; empty at its start.
  std::string_view word() const;
  bool at_command() const {
    return frames_.back().at_command;
  }                                          // a reserved word would be taken for one here
  bool escaped() const { return escaped_; }  // straight behind a backslash that acts on the next character
  bool after_dollar() const;                 // straight behind a $ that acts on the next character
  bool after_name() const;                   // straight behind $NAME, which the next character could lengthen
  bool in_delimiter() const { return in_delimiter_; }  // within the word behind <<
  bool strips_tabs() const { return frames_.back().strip_tabs; }
  std::string_view line() const;  // of a here-document: the current line so far
  // The delimiters of the here-documents that we are in, each with whether tabs before it do not count.
  std::vector<std::pair<std::string, bool>> delimiters() const;

  // There was a (( before here of which it is not certain how bash reads it, since parentheses stand in
  // quotes behind it: so it is not certain either where we are.
  bool unsure() const { return unsure_; }

  // A here-document was ended by a line that holds (part of) a value. Told once.
  bool take_broken();

  // What is still open at the end of the program.
  struct Open {
    std::size_t offset = 0;  // in text(): where it begins
    std::string what;        // "single quotes", "the here-document 'EOF'"
  };
  std::optional<Open> finish();

 private:
  struct Heredoc {
    std::string delimiter;
    bool quoted = false;
    bool strip_tabs = false;
    std::size_t offset = 0;
  };
  struct Frame {
    Kind kind = Kind::command;
    std::size_t begin = 0;  // offset of its first character
    int depth = 0;          // arithmetic: open parentheses
    bool quoted = false;    // parameter: in double quotes or a here-document
    bool at_command = true;
    bool awaits_in = false;        // between `case` and `in`
    int cases = 0;                 // open `case`s, in which a ) ends a pattern
    std::size_t word = npos;       // where the current word begins
    std::vector<Heredoc> pending;  // here-documents that begin at the next newline
    std::string delimiter;         // of a here-document
    bool strip_tabs = false;
    std::size_t line = 0;
  };
  static constexpr std::size_t npos = std::string::npos;

  void step(std::string_view text, std::size_t& at, std::string_view rest);
  void step_command(std::string_view text, std::size_t& at, std::string_view rest);
  void step_arithmetic(char c, std::string_view text, std::size_t& at);
  bool opens_arithmetic(std::string_view text, std::string_view rest);
  bool open_expansion(char c, std::string_view text, std::size_t& at, std::string_view rest);
  void open_heredoc(std::string_view text, std::size_t& at, std::string_view rest);
  void close_paren();
  bool end_line();
  void start_heredoc();
  void end_word();
  void begin_word();
  void put(char c);
  void push(Kind kind);
  bool line_is_delimiter(const Frame& frame) const;

  std::string text_;
  std::vector<Frame> frames_;
  bool escaped_ = false;
  bool in_delimiter_ = false;
  bool unsure_ = false;
  bool in_value_ = false;
  bool broken_ = false;
  std::size_t dollar_ = npos;     // the last $ that acts on what follows it
  std::size_t value_end_ = npos;  // where the last value ended
};

}  // namespace catena
