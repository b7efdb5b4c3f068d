#include "core/shell_value.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/quote.h"

namespace catena {
namespace {

using Kind = ShellContext::Kind;

constexpr std::string_view variable_hint = "give it to a variable first, v={{ … }}, and use \"$v\" here";
constexpr std::string_view literal_dollar_hint =
    "a dollar sign as such is written \\$ and a variable ${NAME}";

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool name_char(char c) {
  return digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool only(std::string_view text, bool (*good)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

std::string escape(std::string_view value, std::string_view characters) {
  std::string text;
  for (const char c : value) {
    if (characters.find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text;
}

// "NAME=…" or "NAME+=…", which at the start of a command is an assignment and no word.
bool is_assignment(std::string_view word) {
  if (word.empty() || digit(word.front())) return false;
  std::size_t end = 0;
  while (end < word.size() && name_char(word[end])) ++end;
  if (end > 0 && end + 1 < word.size() && word[end] == '+') ++end;
  return end > 0 && end < word.size() && word[end] == '=';
}

bool is_reserved(std::string_view word) {
  static constexpr std::string_view words[] = {"if",    "then",   "elif",     "else", "fi",    "for",
                                               "while", "until",  "do",       "done", "case",  "esac",
                                               "in",    "select", "function", "time", "coproc"};
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// The inside of single quotes. In an array within $( ) bash 5.2 loses a backslash that stands outside quotes,
// and
// "$(a=('it'\''s'))" is an open quote: there a single quote is written without one.
std::string in_single_quotes(std::string_view value, const ShellContext& context) {
  const std::string_view quote = context.within(Kind::paren) ? "'\"'\"'" : "'\\''";
  std::string text;
  for (const char c : value) {
    if (c == '\'') {
      text += quote;
    } else {
      text += c;
    }
  }
  return text;
}

// One word. `before`: what it joins on to; `rest`: what follows it.
std::string word_text(std::string_view value, std::string_view before, bool at_command, std::string_view rest,
                      const ShellContext& context) {
  std::string text = shell_quote(value);
  if (text.front() == '\'') return fmt::format("'{}'", in_single_quotes(value, context));
  const std::string whole = std::string(before) + text;
  const char next = rest.empty() ? '\0' : rest.front();
  const bool assignment = value.find('=') != std::string_view::npos && is_assignment(whole);
  const bool reserved = at_command && is_reserved(whole);
  const bool descriptor = (next == '<' || next == '>') && only(whole, digit);
  const bool pattern = next == '(' && (value.back() == '@' || value.back() == '+');
  const bool brace =
      before.find('{') != std::string_view::npos &&
      (value.find(',') != std::string_view::npos || value.find("..") != std::string_view::npos);
  return assignment || reserved || descriptor || pattern || brace ? fmt::format("'{}'", value) : text;
}

void flatten(const Value& value, std::vector<std::string>& words) {
  if (value.kind != Value::Kind::list) {
    words.push_back(value.text);
    return;
  }
  for (const Value& item : value.items) flatten(item, words);
}

ShellText words_text(const Value& value, const ShellContext& context, std::string_view rest) {
  std::vector<std::string> words;
  flatten(value, words);
  if (value.kind == Value::Kind::list && words.size() != 1 && is_assignment(context.word())) {
    return {{},
            "a list is not one word, and would end the assignment",
            "for an array write NAME=({{ … }}), for one text NAME=\"{{ … }}\""};
  }
  ShellText result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool first = i == 0;
    const bool last = i + 1 == words.size();
    if (!first) result.text += ' ';
    result.text += word_text(words[i], first ? context.word() : std::string_view(),
                             first && context.at_command(), last ? rest : std::string_view(), context);
  }
  return result;
}

ShellText arithmetic_text(const Value& value, const ShellContext& context) {
  if (value.kind == Value::Kind::list) return {{}, "a list cannot stand in arithmetic", {}};
  std::string_view digits = value.text;
  const bool sign = !digits.empty() && (digits.front() == '-' || digits.front() == '+');
  if (sign) digits.remove_prefix(1);
  const bool hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
  const bool number =
      hexadecimal ? only(digits.substr(2),
                         [](char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); })
                  : only(digits, digit);
  if (!number) {
    return {{},
            fmt::format("'{}' is not a whole number, and the shell's arithmetic knows no other", value.text),
            "calculate with awk or bc instead"};
  }
  const char before = context.text().back();
  if (!hexadecimal && digits.size() > 1 && digits.front() == '0' && before != '#') {
    return {{},
            fmt::format("the shell reads '{}' as an octal number, because it begins with 0", value.text),
            "write 10#{{ … }}"};
  }
  return {sign && (before == '-' || before == '+') ? " " + value.text : value.text, {}, {}};
}

ShellText parameter_text(const std::string& value, const ShellContext& context) {
  std::string_view before = context.parameter_text();
  const std::size_t end =
      static_cast<std::size_t>(std::find_if_not(before.begin(), before.end(), name_char) - before.begin());
  const bool at_name = before.find_first_not_of("#!") == std::string_view::npos || end == before.size();
  const auto plain = [](char c) { return name_char(c) || c == '.'; };
  if (at_name) {
    if (only(value, name_char)) return {value, {}, {}};
    return {{}, fmt::format("'{}' cannot be (part of) a variable's name", value), {}};
  }
  if (only(value, plain)) return {value, {}, {}};
  if (!context.within_word(Kind::parameter, true)) {
    return {fmt::format("'{}'", in_single_quotes(value, context)), {}, {}};
  }
  before.remove_prefix(end);
  if (before.starts_with(':')) before.remove_prefix(1);
  const bool fallback =
      !before.empty() && std::string_view("-=+?").find(before.front()) != std::string_view::npos;
  const auto harmless = [](char c) {
    return name_char(c) || std::string_view(" .,/:@%+=-").find(c) != std::string_view::npos;
  };
  if (fallback && (value.empty() || only(value, harmless))) return {value, {}, {}};
  return {{},
          "the value needs quoting, which does not work inside ${ } in double quotes or in a here-document",
          std::string(variable_hint)};
}

// Behind \x4, \u12, \1 or \c in $'…' the value's first character would become a part of the escape.
bool lengthens_escape(std::string_view before, char first) {
  const std::size_t backslash = before.find_last_of('\\');
  if (backslash == std::string_view::npos || backslash + 1 >= before.size()) return false;
  const std::string_view digits = before.substr(backslash + 2);
  const auto hexadecimal = [](char c) {
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  std::size_t longest = 0;
  switch (before[backslash + 1]) {
    case 'c':
      return digits.empty();
    case 'x':
      longest = 2;
      break;
    case 'u':
      longest = 4;
      break;
    case 'U':
      longest = 8;
      break;
    default:
      if (!digit(before[backslash + 1])) return false;
      longest = 2;
  }
  return digits.size() < longest && (digits.empty() || only(digits, hexadecimal)) &&
         (hexadecimal(first) || (first == '{' && digits.empty()));
}

// What would be lost on the way because of what stands before or around the value; empty: nothing.
ShellText obstacle(const std::string& value, const ShellContext& context) {
  const Kind kind = context.kind();
  if (value.find('\0') != std::string::npos)
    return {{}, "a value with a NUL character cannot stand in a shell text", {}};
  if (value.find_first_of("\x01\x7f") != std::string::npos &&
      (context.within(Kind::paren) || context.within(Kind::parameter))) {
    return {{},
            "a value with the control characters 0x01 or 0x7f cannot stand inside ( ) or ${ }, where bash "
            "5.2 changes them",
            std::string(variable_hint)};
  }
  if (context.in_delimiter()) return {{}, "a value cannot stand in a here-document's delimiter", {}};
  if (context.unsure() && !only(value, [](char c) { return name_char(c) || c == '.'; })) {
    return {{},
            "the value needs quoting, and how it is to be quoted is not certain behind a (( with parentheses "
            "in quotes",
            "for a subshell write ( ( … ) ) with blanks; for arithmetic take the quotes out of the (( ))"};
  }
  if (context.escaped()) {
    return {{},
            "a backslash straight before {{ would act on the value's first character",
            "write \\\\ for a backslash"};
  }
  if (context.after_dollar()) {
    return {{}, "a $ straight before {{ would expand the value", std::string(literal_dollar_hint)};
  }
  if (context.after_name() && (value.empty() || name_char(value.front()))) {
    return {{},
            "the value would become a part of the variable's name before it",
            std::string(literal_dollar_hint)};
  }
  if (kind != Kind::heredoc && context.within(Kind::heredoc) &&
      value.find_first_of("\n\\") != std::string::npos) {
    return {{},
            "inside an expansion in a here-document, a value with a newline or a backslash would be changed",
            "give it to a variable before the here-document, v={{ … }}, and use $v here"};
  }
  if ((kind == Kind::heredoc || kind == Kind::verbatim) && context.strips_tabs()) {
    const bool at_start = context.line().find_first_not_of('\t') == std::string_view::npos;
    if (value.find("\n\t") != std::string::npos || (at_start && value.starts_with('\t'))) {
      return {{},
              "the here-document's <<- would take the tabs away with which a line of the value begins",
              "write << instead"};
    }
  }
  return {};
}

}  // namespace

ShellText shell_text(const Value& value, const ShellContext& context, std::string_view rest) {
  const std::string text = to_text(value);
  if (ShellText refused = obstacle(text, context); !refused.problem.empty()) return refused;
  const Kind kind = context.kind();
  if (kind == Kind::verbatim) return {text, {}, {}};
  if (kind == Kind::comment) {
    std::string line = text;
    std::replace(line.begin(), line.end(), '\n', ' ');
    return {line, {}, {}};
  }
  if (kind == Kind::backquote) {
    if (value.kind != Value::Kind::list && shell_quote(text) == text) return {text, {}, {}};
    return {
        {}, "the value needs quoting, which does not work inside backquotes", "write $( ) instead of ` `"};
  }
  if (context.within_word(Kind::arithmetic) || context.within_word(Kind::bracket))
    return arithmetic_text(value, context);
  if (kind == Kind::parameter || context.within_word(Kind::parameter, true))
    return parameter_text(text, context);
  switch (kind) {
    case Kind::single:
      return {in_single_quotes(text, context), {}, {}};
    case Kind::ansi:
      if (!text.empty() && lengthens_escape(context.text(), text.front())) {
        return {{},
                "the value would become a part of the escape before it",
                "write the escape with all its digits"};
      }
      return {escape(text, "\\'"), {}, {}};
    case Kind::dquote:
      return {escape(text, "\\$`\""), {}, {}};
    case Kind::heredoc:
      return {escape(text, "\\$`"), {}, {}};
    default:
      return words_text(value, context, rest);
  }
}

namespace {

// What the tool has to look at besides the quoting itself, in its words.
std::string late_conditions(const ShellContext& context) {
  const Kind kind = context.kind();
  std::string text;
  if (context.within(Kind::paren) || context.within(Kind::parameter)) text += " nocontrol";
  if (kind != Kind::heredoc && context.within(Kind::heredoc)) text += " oneline";
  if ((kind == Kind::heredoc || kind == Kind::verbatim) && context.strips_tabs()) {
    text += " notabs";
    if (context.line().find_first_not_of('\t') == std::string_view::npos) text += " notab";
  }
  if (context.within(Kind::paren)) text += " paren";
  for (const auto& [delimiter, strips_tabs] : context.delimiters())
    text += fmt::format(" {} {}", strips_tabs ? "eoftabs" : "eof", json_quote(delimiter));
  return text;
}

// In a ${ }.
LatePlace late_parameter(const ShellContext& context) {
  std::string_view before = context.parameter_text();
  const auto end =
      static_cast<std::size_t>(std::find_if_not(before.begin(), before.end(), name_char) - before.begin());
  if (before.find_first_not_of("#!") == std::string_view::npos || end == before.size())
    return {{}, {}, "name", {}, {}};
  if (!context.within_word(Kind::parameter, true)) return {"'", "'", "single", {}, {}};
  before.remove_prefix(end);
  if (before.starts_with(':')) before.remove_prefix(1);
  const bool fallback =
      !before.empty() && std::string_view("-=+?").find(before.front()) != std::string_view::npos;
  return {{}, {}, fallback ? "harmless" : "plain", {}, {}};
}

LatePlace late_in(const ShellContext& context) {
  const Kind kind = context.kind();
  if (kind == Kind::verbatim) return {{}, {}, "text", {}, {}};
  if (kind == Kind::comment) return {{}, {}, "line", {}, {}};
  if (kind == Kind::backquote) return {{}, {}, "safe", {}, {}};
  if (context.within_word(Kind::arithmetic) || context.within_word(Kind::bracket)) {
    const char before = context.text().back();
    return {{},
            {},
            before == '#'                    ? "digits"
            : before == '-' || before == '+' ? "integer signed"
                                             : "integer",
            {},
            {}};
  }
  if (kind == Kind::parameter || context.within_word(Kind::parameter, true)) return late_parameter(context);
  switch (kind) {
    case Kind::single:
      return {{}, {}, "single", {}, {}};
    case Kind::ansi:
      if (lengthens_escape(context.text(), 'a') || lengthens_escape(context.text(), '{')) {
        return {{},
                {},
                {},
                "the value could become a part of the escape before it",
                "write the escape with all its digits, and a text between it and {{ }}"};
      }
      return {{}, {}, "ansi", {}, {}};
    case Kind::dquote:
      return {{}, {}, "dquote", {}, {}};
    case Kind::heredoc:
      return {{}, {}, "heredoc", {}, {}};
    default:
      return {"'", "'", is_assignment(context.word()) ? "word" : "words", {}, {}};
  }
}

}  // namespace

LatePlace late_place(const ShellContext& context) {
  const auto refused = [](std::string problem, std::string_view hint) {
    return LatePlace{{}, {}, {}, std::move(problem), std::string(hint)};
  };
  if (context.in_delimiter()) return refused("a value cannot stand in a here-document's delimiter", {});
  if (context.unsure()) {
    return refused(
        "how the value is to be quoted is not certain behind a (( with parentheses in quotes",
        "for a subshell write ( ( … ) ) with blanks; for arithmetic take the quotes out of the (( ))");
  }
  if (context.escaped())
    return refused("a backslash straight before {{ would act on the value's first character",
                   "write \\\\ for a backslash");
  if (context.after_dollar())
    return refused("a $ straight before {{ would expand the value", literal_dollar_hint);
  if (context.after_name() && context.kind() != Kind::command && context.kind() != Kind::paren)
    return refused("the value could become a part of the variable's name before it", literal_dollar_hint);
  LatePlace place = late_in(context);
  if (place.problem.empty()) place.place += late_conditions(context);
  return place;
}

}  // namespace catena
