#include <regex.h>

#include <algorithm>
#include <array>

#include "adapters/workflow_file/node_reader.h"
#include "core/posix_regex.h"

namespace catena {
namespace {

constexpr std::size_t regex_limit = 500;  // glibc's compiler recurses by the depth of the brackets

// The end of the bracket expression that starts at `start`: behind its ']'.
std::size_t bracket_end(std::string_view regex, std::size_t start) {
  std::size_t i = start + 1;
  if (i < regex.size() && regex[i] == '^') ++i;
  if (i < regex.size() && regex[i] == ']') ++i;  // a ']' that comes first is one of the characters
  for (; i < regex.size(); ++i) {
    if (regex[i] == ']') return i + 1;
    if (regex[i] == '[' && i + 1 < regex.size() &&
        (regex[i + 1] == ':' || regex[i + 1] == '.' || regex[i + 1] == '=')) {
      const std::size_t close = regex.find(std::string{regex[i + 1], ']'}, i + 2);
      if (close == std::string_view::npos) return regex.size();
      i = close + 1;
    }
  }
  return regex.size();
}

// What Perl and Python know and POSIX reads as something else, without a word.
std::string foreign_syntax(std::string_view regex, std::string& hint) {
  char before = 0;  // the last character that a repetition may stand behind
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\') {
      const char escaped = i + 1 < regex.size() ? regex[i + 1] : '\0';
      const bool letter = std::isalnum(static_cast<unsigned char>(escaped)) != 0;
      if (letter && std::string_view("sSwWdD").find(escaped) == std::string_view::npos) {
        hint =
            "of the letters only \\s \\S \\w \\W \\d \\D have a meaning; write a tab or a line break as \\s";
        return fmt::format("'\\{}' is not known here", escaped);
      }
      ++i;
      before = 'x';
    } else if (c == '[') {
      const std::size_t end = bracket_end(regex, i);
      const std::string_view inside = regex.substr(i, end - i);
      const std::size_t slash = inside.find('\\');
      if (slash != std::string_view::npos && slash + 1 < inside.size() &&
          std::string_view("sSwWdD").find(inside[slash + 1]) != std::string_view::npos) {
        hint = "inside [ ] write 0-9 for \\d, [:space:] for \\s and _[:alnum:] for \\w";
        return fmt::format("'\\{}' has no meaning inside [ ]", inside[slash + 1]);
      }
      i = end - 1;
      before = 'x';
    } else if (c == '(' && i + 1 < regex.size() && regex[i + 1] == '?') {
      hint = "these are POSIX extended regular expressions: use plain ( ) groups; the first one is the value";
      return "'(?' groups and lookarounds are not known here";
    } else if (c == '?' && (before == '*' || before == '+' || before == '?' || before == '}')) {
      hint = "matches are always the longest: write [^x]*x instead of .*?x";
      return fmt::format("'{}?' (a match as short as possible) is not known here", before);
    } else if (c == '+' && (before == '*' || before == '+' || before == '?' || before == '}')) {
      hint = "leave the second '+' out";
      return fmt::format("'{}+' is not known here", before);
    } else {
      before = c;
    }
  }
  return {};
}

void result_file(const Scope& scope, const Item& item, Result& result) {
  const std::string what = fmt::format("results.{}.file", result.name);
  auto path = read_line(scope, item, std::string_view(what));
  if (!path) return;
  if (auto wrong = check_inside(*path); !wrong.empty()) {
    scope.error(item.at, fmt::format("{}: {}", what, wrong));
  } else {
    result.file = std::move(*path);
  }
}

void result_regex(const Scope& scope, const Item& item, Result& result) {
  const std::string what = fmt::format("results.{}.regex", result.name);
  auto regex = read_line(scope, item, std::string_view(what));
  if (!regex) return;
  std::string hint;
  if (auto wrong = check_regex(*regex, hint); !wrong.empty()) {
    scope.error(item.at, fmt::format("{}: {}", what, wrong), hint);
  } else {
    result.regex = std::move(*regex);
  }
}

void result_pick(const Scope& scope, const Item& item, Result& result) {
  static constexpr std::array<std::string_view, 3> names = {"first", "last", "all"};
  static constexpr std::array<Result::Pick, 3> picks = {Result::Pick::first, Result::Pick::last,
                                                        Result::Pick::all};
  const std::string what = fmt::format("results.{}.pick", result.name);
  auto text = read_text(scope, item, std::string_view(what));
  if (!text) return;
  const auto found = std::ranges::find(names, *text);
  if (found == names.end()) {
    scope.error(item.at, fmt::format("{}: expected first, last or all, got '{}'", what, *text),
                suggestion(*text, names));
  } else {
    result.pick = picks[static_cast<std::size_t>(found - names.begin())];
  }
}

void result_group(const Scope& scope, const Item& item, Result& result) {
  result.group = read_int(scope, item, std::string_view(fmt::format("results.{}.group", result.name)), 0, 99);
}

// What is wrong with a JSON pointer, or empty.
std::string check_pointer(std::string_view pointer) {
  if (!pointer.empty() && pointer.front() != '/') return fmt::format("'{}' does not begin with /", pointer);
  for (std::size_t at = pointer.find('~'); at != std::string_view::npos; at = pointer.find('~', at + 1)) {
    if (at + 1 == pointer.size() || (pointer[at + 1] != '0' && pointer[at + 1] != '1'))
      return fmt::format("'{}' has a ~ that is neither ~0 (for ~) nor ~1 (for /)", pointer);
  }
  return {};
}

void result_pointer(const Scope& scope, const Item& item, Result& result) {
  const std::string what = fmt::format("results.{}.pointer", result.name);
  auto pointer = read_text(scope, item, std::string_view(what));
  if (!pointer) return;
  if (auto wrong = check_pointer(*pointer); !wrong.empty()) {
    scope.error(item.at, fmt::format("{}: {}", what, wrong),
                "a JSON pointer is '/energies/0', or '' for the whole file");
  } else {
    result.pointer = std::move(*pointer);
  }
}

void result_command(const Scope& scope, const Item& item, Result& result) {
  const std::string what = fmt::format("results.{}.command", result.name);
  auto command = read_text(scope, item, std::string_view(what));
  if (!command) return;
  if (command->find_first_not_of(" \t\r\n") == std::string::npos) {
    scope.error(item.at, fmt::format("{}: it is empty", what));
  } else {
    result.command = std::move(*command);
  }
}

void result_default(const Scope& scope, const Item& item, Result& result) {
  result.otherwise =
      item.kind == Item::Kind::null
          ? std::optional(Value{})
          : param_value(scope, item, std::string_view(fmt::format("results.{}.default", result.name)));
}

constexpr Field<Result> result_fields[] = {{"file", result_file},       {"regex", result_regex},
                                           {"pick", result_pick},       {"group", result_group},
                                           {"pointer", result_pointer}, {"command", result_command},
                                           {"default", result_default}};

std::size_t groups_in(std::string_view regex) {
  regex_t compiled;
  if (::regcomp(&compiled, posix_regex(regex).c_str(), REG_EXTENDED) != 0) return 0;
  const std::size_t groups = compiled.re_nsub;
  ::regfree(&compiled);
  return groups;
}

// What its keys say together.
void check_together(const Scope& scope, const Item& item, const std::string& what, const Result& result) {
  const auto has = [&](std::string_view key) { return item.find(key) != nullptr; };
  if (has("file") == has("command")) {
    scope.error(item.at,
                has("file") ? fmt::format("{}: it has both file and command", what)
                            : fmt::format("{}: 'file' is missing", what),
                "write {file: NAME, regex: '…'}, {file: NAME.json, pointer: /a/b} or {command: '…'}");
    return;
  }
  for (const std::string_view key : {"regex", "pointer"}) {
    if (has(key) && (has("command") || (key == "pointer" && has("regex"))))
      scope.error(item.at, fmt::format("{}: '{}' does not go together with '{}'", what, key,
                                       has("command") ? "command" : "regex"));
  }
  for (const std::string_view key : {"pick", "group"}) {
    if (has(key) && !has("regex"))
      scope.error(item.at, fmt::format("{}: '{}' is of a regex, and there is none", what, key));
  }
  if (result.group && !result.regex.empty() && *result.group > static_cast<int>(groups_in(result.regex)))
    scope.error(item.find("group")->at,
                fmt::format("{}.group: the regex has {} groups", what, groups_in(result.regex)),
                "a group is a part in ( ); 0 is the whole match");
}

}  // namespace

std::string check_regex(std::string_view regex, std::string& hint) {
  if (regex.size() > regex_limit) return fmt::format("it is longer than {} characters", regex_limit);
  if (auto wrong = foreign_syntax(regex, hint); !wrong.empty()) return wrong;
  regex_t compiled;
  const int status = ::regcomp(&compiled, posix_regex(regex).c_str(), REG_EXTENDED);
  if (status == 0) {
    ::regfree(&compiled);
    return {};
  }
  char text[200];
  ::regerror(status, &compiled, text, sizeof text);
  hint = "put a backslash before a character that is meant as itself";
  return fmt::format("not a regular expression: {}", text);
}

std::vector<Result> read_results(const Scope& scope, const Item& item) {
  std::vector<Result> results;
  if (!expect(scope, item, Item::Kind::map, "results")) return results;
  results.reserve(item.size);
  for (const Item& child : item.children()) {
    if (!is_identifier(child.key)) {
      scope.error(child.key_at,
                  fmt::format("results: '{}' is not a result's name: letters, digits and '_', no digit first",
                              child.key));
      continue;
    }
    Result result;
    result.name = std::string(child.key);
    const What what("results", child.key);
    if (!expect(scope, child, Item::Kind::map, what)) continue;
    read_fields<Result>(scope, child, what.text(), result_fields, result);
    check_together(scope, child, what.text(), result);
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace catena
