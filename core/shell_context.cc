#include "core/shell_context.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace catena {
namespace {

using Kind = ShellContext::Kind;

bool name_start(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}
bool name_char(char c) {
  return name_start(c) || (c >= '0' && c <= '9');
}
bool metacharacter(char c) {
  return std::string_view(" \t\n|&;()<>").find(c) != std::string_view::npos;
}

char at_or(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\0';
}

// Whether the parentheses that were opened by "((" are closed together by "))", which makes them arithmetic;
// else they are two subshells. `skip_quotes`: parentheses in quotes do not count.
bool closed_together(std::string_view text, std::string_view rest, bool skip_quotes) {
  const std::size_t size = text.size() + rest.size();
  const auto at = [&](std::size_t i) { return i < text.size() ? text[i] : at_or(rest, i - text.size()); };
  int depth = 0;
  char quote = '\0';
  for (std::size_t i = 0; i < size; ++i) {
    const char c = at(i);
    if (skip_quotes && c == '\\' && quote != '\'') {
      ++i;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (skip_quotes && (c == '\'' || c == '"' || c == '`')) {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth-- == 0) {
      return at(i + 1) == ')';
    }
  }
  return false;
}

std::string_view noun(Kind kind) {
  switch (kind) {
    case Kind::single:
      return "single quotes";
    case Kind::dquote:
      return "double quotes";
    case Kind::ansi:
      return "$' quotes";
    case Kind::backquote:
      return "backquotes";
    case Kind::parameter:
      return "${ }";
    case Kind::arithmetic:
      return "(( ))";
    case Kind::bracket:
      return "$[ ]";
    default:
      return "parentheses";
  }
}

}  // namespace

ShellContext::ShellContext() {
  frames_.emplace_back();
}

void ShellContext::read(std::string_view text, std::string_view rest) {
  for (std::size_t at = 0; at < text.size(); ++at) step(text, at, rest);
}

void ShellContext::read_value(std::string_view text, std::string_view rest) {
  in_value_ = true;
  read(text, rest);
  in_value_ = false;
  value_end_ = text_.size();
}

// Reads text[at] and perhaps more; `at` is left at the last character that was read.
void ShellContext::step(std::string_view text, std::size_t& at, std::string_view rest) {
  const char c = text[at];
  if (c == '\n' && end_line()) return;
  const bool was_escaped = std::exchange(escaped_, false);
  const Kind kind = frames_.back().kind;
  if (kind == Kind::comment && c == '\n') frames_.pop_back();
  switch (frames_.back().kind) {
    case Kind::command:
    case Kind::paren:
      if (was_escaped) {
        put(c);  // its backslash has begun the word
      } else {
        step_command(text, at, rest);
      }
      return;
    case Kind::single:
      put(c);
      if (c == '\'') frames_.pop_back();
      return;
    case Kind::comment:
    case Kind::verbatim:
      put(c);
      return;
    default:
      break;
  }
  if (was_escaped) {
    put(c);
  } else if (c == '\\') {
    put(c);
    escaped_ = true;
  } else if (kind == Kind::ansi || kind == Kind::backquote) {
    put(c);
    if (c == (kind == Kind::ansi ? '\'' : '`')) frames_.pop_back();
  } else if (open_expansion(c, text, at, rest)) {
    return;
  } else if (kind == Kind::dquote) {
    put(c);
    if (c == '"') frames_.pop_back();
  } else if (kind == Kind::heredoc) {
    put(c);
  } else {
    step_arithmetic(c, text, at);
  }
}

// ${ } and the kinds of arithmetic: quotes are opened in them, and their own end is looked for.
void ShellContext::step_arithmetic(char c, std::string_view text, std::size_t& at) {
  Frame& frame = frames_.back();
  const bool dollar = after_dollar();
  put(c);
  if (c == '\'') {
    push(dollar && !frame.quoted ? Kind::ansi : Kind::single);
  } else if (c == '"') {
    push(Kind::dquote);
  } else if (frame.kind == Kind::parameter) {
    if (c == '}') frames_.pop_back();
  } else if (c == (frame.kind == Kind::bracket ? '[' : '(')) {
    ++frame.depth;
  } else if (c == (frame.kind == Kind::bracket ? ']' : ')') && frame.depth-- == 0) {
    if (frame.kind == Kind::arithmetic && at_or(text, at + 1) == ')') put(text[++at]);
    frames_.pop_back();
  }
}

bool ShellContext::opens_arithmetic(std::string_view text, std::string_view rest) {
  const bool arithmetic = closed_together(text, rest, true);
  if (closed_together(text, rest, false) != arithmetic) unsure_ = true;
  return arithmetic;
}

// $ and what it opens, and backquotes: the same in words, in double quotes, and in here-documents.
bool ShellContext::open_expansion(char c, std::string_view text, std::size_t& at, std::string_view rest) {
  const bool dollar = after_dollar();
  if (c == '$') {
    begin_word();
    put(c);
    // $$ is the process id; but inside quotes bash looks for the end of "$$(" as if it were "$(".
    const Kind outer = frames_.back().kind;
    const bool pairs = outer == Kind::command || outer == Kind::paren || outer == Kind::heredoc;
    dollar_ = dollar && pairs ? npos : text_.size() - 1;
    return true;
  }
  if (c == '`') {
    begin_word();
    put(c);
    push(Kind::backquote);
    return true;
  }
  if (!dollar || (c != '{' && c != '(' && c != '[')) return false;
  put(c);
  if (c == '{') {
    const Frame& outer = frames_.back();
    const bool quoted = outer.kind != Kind::command && outer.kind != Kind::paren &&
                        !(outer.kind == Kind::parameter && !outer.quoted);
    push(Kind::parameter);
    frames_.back().quoted = quoted;
  } else if (c == '[') {
    push(Kind::bracket);
  } else if (at_or(text, at + 1) == '(' && opens_arithmetic(text.substr(at + 2), rest)) {
    put(text[++at]);
    push(Kind::arithmetic);
  } else {
    push(Kind::command);
  }
  return true;
}

void ShellContext::step_command(std::string_view text, std::size_t& at, std::string_view rest) {
  const char c = text[at];
  const char next = at_or(text, at + 1);
  if (c == '\\') {
    if (next != '\n') begin_word();
    put(c);
    escaped_ = true;
    return;
  }
  const bool dollar = after_dollar();
  if (open_expansion(c, text, at, rest)) return;
  Frame& frame = frames_.back();
  switch (c) {
    case '\'':
      begin_word();
      put(c);
      push(dollar ? Kind::ansi : Kind::single);
      return;
    case '"':
      begin_word();
      put(c);
      push(Kind::dquote);
      return;
    case '(': {
      if (next == '(' && opens_arithmetic(text.substr(at + 2), rest)) {
        end_word();
        put(c);
        put(text[++at]);
        push(Kind::arithmetic);
        return;
      }
      const bool in_word = frame.word != npos;  // an array or a pattern: no commands in it
      end_word();
      std::vector<Heredoc> pending = std::exchange(frame.pending, {});
      put(c);
      push(Kind::paren);
      frames_.back().pending = std::move(pending);
      frames_.back().at_command = !in_word;
      return;
    }
    case ')':
      end_word();
      put(c);
      close_paren();
      return;
    case '<':
    case '>':
      if (next == '(') {
        begin_word();
        put(c);
        put(text[++at]);
        push(Kind::command);
        return;
      }
      end_word();
      put(c);
      if (c == '<' && next == '<') open_heredoc(text, at, rest);
      return;
    case ';':
    case '&':
    case '|':
      end_word();
      put(c);
      frame.at_command = true;
      return;
    case '\n':
      end_word();
      put(c);
      frame.at_command = true;
      start_heredoc();
      return;
    case ' ':
    case '\t':
      end_word();
      put(c);
      return;
    case '#':
      if (frame.word == npos) {
        put(c);
        push(Kind::comment);
        return;
      }
      break;
    default:
      break;
  }
  begin_word();
  put(c);
}

void ShellContext::close_paren() {
  Frame& frame = frames_.back();
  if (frame.cases > 0 || frames_.size() == 1) {  // the end of a pattern
    frame.at_command = true;
    return;
  }
  const bool function = frame.kind == Kind::paren && text_.size() - 1 == frame.begin;  // "name()"
  std::vector<Heredoc> pending = std::move(frame.pending);
  frames_.pop_back();
  const auto outer = std::find_if(frames_.rbegin(), frames_.rend(), [](const Frame& f) {
    return f.kind == Kind::command || f.kind == Kind::paren;
  });
  outer->pending.insert(outer->pending.end(), pending.begin(), pending.end());
  if (outer == frames_.rbegin()) outer->at_command = function || outer->cases > 0;
}

// At the first < of "<<": reads the operator and the delimiter's word.
void ShellContext::open_heredoc(std::string_view text, std::size_t& at, std::string_view rest) {
  const std::size_t offset = text_.size() - 1;
  put(text[++at]);
  if (at_or(text, at + 1) == '<') {  // a here-string
    put(text[++at]);
    return;
  }
  Heredoc heredoc;
  heredoc.offset = offset;
  std::size_t i = at + 1;
  if (at_or(text, i) == '-') {
    heredoc.strip_tabs = true;
    ++i;
  }
  while (at_or(text, i) == ' ' || at_or(text, i) == '\t') ++i;
  char quote = '\0';
  for (; i < text.size() && (quote != '\0' || !metacharacter(text[i])); ++i) {
    const char c = text[i];
    const char next = at_or(text, i + 1);
    if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
      heredoc.quoted = true;
    } else if (c == quote) {
      quote = '\0';
    } else if (c == '\\' && next == '\n' && quote != '\'') {
      ++i;
    } else if (c == '\\' && next != '\0' && quote == '\0') {
      heredoc.quoted = true;
      heredoc.delimiter += text[++i];
    } else if (c != '$' || quote != '\0' || (next != '\'' && next != '"')) {
      heredoc.delimiter += c;
    }
  }
  for (std::size_t j = at + 1; j < i; ++j) put(text[j]);
  in_delimiter_ = i == text.size() && !rest.empty();
  at = i - 1;
  frames_.back().pending.push_back(std::move(heredoc));
}

void ShellContext::start_heredoc() {
  Frame& frame = frames_.back();
  if (frame.pending.empty()) return;
  const Heredoc heredoc = frame.pending.front();
  frame.pending.erase(frame.pending.begin());
  push(heredoc.quoted ? Kind::verbatim : Kind::heredoc);
  Frame& inner = frames_.back();
  inner.begin = heredoc.offset;
  inner.delimiter = heredoc.delimiter;
  inner.strip_tabs = heredoc.strip_tabs;
  inner.line = text_.size();
}

bool ShellContext::line_is_delimiter(const Frame& frame) const {
  std::string_view line = std::string_view(text_).substr(frame.line);
  if (frame.strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
  if (frame.kind == Kind::verbatim || line.find('\\') == npos) return line == frame.delimiter;
  std::string joined;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && at_or(line, i + 1) == '\n') {
      ++i;
    } else {
      joined += line[i];
    }
  }
  return joined == frame.delimiter;
}

// A newline comes, or the end. bash reads a here-document by lines before it looks at what is in them, so its
// end counts however deep in it we are. True if it ended one.
bool ShellContext::end_line() {
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    Frame& frame = frames_[i];
    if (frame.kind != Kind::heredoc && frame.kind != Kind::verbatim) continue;
    if (line_is_delimiter(frame)) {
      if (in_value_ || (value_end_ != npos && value_end_ >= frame.line)) broken_ = true;
      frames_.resize(i);
      escaped_ = false;
      put('\n');
      start_heredoc();
      return true;
    }
    const std::size_t last = text_.find_last_not_of('\\');
    const std::size_t backslashes = text_.size() - std::max(frame.line, last == npos ? 0 : last + 1);
    if (frame.kind == Kind::verbatim || backslashes % 2 == 0) frame.line = text_.size() + 1;
  }
  return false;
}

void ShellContext::end_word() {
  Frame& frame = frames_.back();
  if (frame.word == npos) return;
  const std::string_view word = std::string_view(text_).substr(frame.word);
  frame.word = npos;
  if (frame.awaits_in && word == "in") {
    frame.awaits_in = false;
    frame.at_command = true;
    return;
  }
  if (!frame.at_command) return;
  static constexpr std::string_view before_commands[] = {"if",    "then", "elif", "else", "while",
                                                         "until", "do",   "time", "!",    "{"};
  if (std::find(std::begin(before_commands), std::end(before_commands), word) != std::end(before_commands))
    return;
  frame.at_command = false;
  if (word == "case") {
    ++frame.cases;
    frame.awaits_in = true;
  } else if (word == "esac" && frame.cases > 0) {
    --frame.cases;
  }
}

void ShellContext::begin_word() {
  Frame& frame = frames_.back();
  if (frame.word == npos && (frame.kind == Kind::command || frame.kind == Kind::paren))
    frame.word = text_.size();
}

void ShellContext::put(char c) {
  text_ += c;
  if (metacharacter(c)) in_delimiter_ = false;
}

void ShellContext::push(Kind kind) {
  Frame frame;
  frame.kind = kind;
  frame.begin = text_.size();
  frames_.push_back(std::move(frame));
}

bool ShellContext::within(Kind kind) const {
  return std::any_of(frames_.begin(), frames_.end(), [&](const Frame& frame) { return frame.kind == kind; });
}

bool ShellContext::within_word(Kind kind, bool quoted) const {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (frame->kind == kind && frame->quoted == quoted) return true;
    if (frame->kind == Kind::command || frame->kind == Kind::paren || frame->kind == Kind::heredoc) break;
  }
  return false;
}

std::string_view ShellContext::parameter_text() const {
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (frame->kind == Kind::parameter) return std::string_view(text_).substr(frame->begin);
  }
  return {};
}

std::string_view ShellContext::word() const {
  const std::size_t begin = frames_.back().word;
  return begin == npos ? std::string_view() : std::string_view(text_).substr(begin);
}

bool ShellContext::after_dollar() const {
  return dollar_ != npos && dollar_ + 1 == text_.size();
}

bool ShellContext::after_name() const {
  if (dollar_ == npos || dollar_ + 1 >= text_.size() || !name_start(text_[dollar_ + 1])) return false;
  return std::all_of(text_.begin() + static_cast<std::ptrdiff_t>(dollar_) + 1, text_.end(), name_char);
}

std::vector<std::pair<std::string, bool>> ShellContext::delimiters() const {
  std::vector<std::pair<std::string, bool>> found;
  for (const Frame& frame : frames_) {
    if (frame.kind == Kind::heredoc || frame.kind == Kind::verbatim)
      found.emplace_back(frame.delimiter, frame.strip_tabs);
  }
  return found;
}

std::string_view ShellContext::line() const {
  return std::string_view(text_).substr(frames_.back().line);
}

bool ShellContext::take_broken() {
  return std::exchange(broken_, false);
}

std::optional<ShellContext::Open> ShellContext::finish() {
  if (end_line()) text_.pop_back();
  if (kind() == Kind::comment) frames_.pop_back();
  const Frame& frame = frames_.back();
  if (frame.kind == Kind::heredoc || frame.kind == Kind::verbatim) {
    return Open{frame.begin, fmt::format("the here-document '{}'", frame.delimiter)};
  }
  if (!frame.pending.empty()) {
    const Heredoc& heredoc = frame.pending.front();
    return Open{heredoc.offset, fmt::format("the here-document '{}'", heredoc.delimiter)};
  }
  if (frames_.size() > 1) return Open{frame.begin - 1, std::string(noun(frame.kind))};
  return std::nullopt;
}

}  // namespace catena
