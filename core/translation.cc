#include "core/translation.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace catena {
namespace {

constexpr std::string_view word_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end == text.npos ? end : end + 1);
  text.remove_prefix(line.size());
  return line;
}

const BatchVariable* find_variable(const BatchLanguage& language, std::string_view name) {
  const auto found = std::ranges::find(language.variables, name, &BatchVariable::name);
  return found == language.variables.end() ? nullptr : &*found;
}

std::string variable_message(const BatchVariable* known, std::string_view name, const BatchLanguage& from,
                             const BatchLanguage& to) {
  const auto text = fmt::format("{} is a variable of {}", name, from.title);
  if (known == nullptr || known->fact == Fact::other)
    return fmt::format("{} without a counterpart in {}", text, to.title);
  const auto theirs = std::ranges::find(to.variables, known->fact, &BatchVariable::fact);
  if (theirs == to.variables.end()) return fmt::format("{} without a counterpart in {}", text, to.title);
  return fmt::format("{}: in {} use {}{}{}", text, to.title, theirs->name, theirs->note.empty() ? "" : ", ",
                     theirs->note);
}

// Every variable of `from` in the body, once each; comments are passed over. Gives the facts that it uses.
std::set<Fact> check_body(std::string_view body, int line, const BatchLanguage& from, const BatchLanguage& to,
                          std::vector<Diagnostic>& warnings) {
  std::set<std::string_view> seen;
  std::set<Fact> facts;
  for (; !body.empty(); ++line) {
    const auto text = next_line(body);
    const auto first = text.find_first_not_of(" \t");
    if (first != text.npos && text[first] == '#') continue;
    for (std::size_t at = 0, end = 0; (at = text.find_first_of(word_characters, end)) != text.npos;) {
      end = std::min(text.find_first_not_of(word_characters, at), text.size());
      const auto name = text.substr(at, end - at);
      const auto* known = find_variable(from, name);
      // NCPUS may be the body's own name for something.
      const bool meant = name.starts_with(from.prefix)
                             ? name != from.prefix
                             : known != nullptr && at > 0 && (text[at - 1] == '$' || text[at - 1] == '{');
      if (!meant || !seen.insert(name).second) continue;
      if (known != nullptr) facts.insert(known->fact);
      warnings.push_back(
          {{}, {line, static_cast<int>(at) + 1}, {}, variable_message(known, name, from, to), {}});
    }
  }
  return facts;
}

// The header with its directives replaced where they stand. A comment that was none of the other scheduler's
// directives, since it stood behind one or below the line that a '\' continues, does not become one.
std::string put_together(std::string_view script, const HeaderLines& lines, const NewHeader& header,
                         std::string_view directive_mark) {
  std::string text;
  const auto keep = [&](std::string_view comment) {
    if (comment.starts_with(directive_mark)) text += "# ";
    text += comment;
  };
  const auto add = [&](int line) {
    for (const auto& [place, comment] : lines.comments)
      if (place == line) keep(comment + "\n");
    for (const auto& directive : header.directives)
      if (directive.line == line) text += directive.text + "\n";
  };
  if (!header.shell.empty()) text = "#!" + header.shell + "\n";
  const bool new_shell = !header.shell.empty();
  for (int line = 1; line < lines.body; ++line) {
    const auto old = next_line(script);
    if (std::ranges::find(lines.directives, line) != lines.directives.end()) {
      add(line);
      if (line == lines.directives.back()) add(0);
    } else if (line > 1 || !new_shell || !old.starts_with("#!")) {
      keep(old);
    }
  }
  return text.append(script);
}

}  // namespace

Translation translate(std::string_view script, const std::string& file,
                      std::span<const BatchLanguage> languages, const BatchLanguage& to) {
  const BatchLanguage* from = nullptr;
  BatchHeader header;
  Diagnostics errors;
  const auto refuse = [&](std::string message, std::string hint) {
    errors.add({file, {}, {}, std::move(message), std::move(hint)});
    errors.throw_if_any();
  };
  // A line end that was cut in half; whole ones are refused by each scheduler's reader.
  if (script.ends_with('\r')) refuse("the script has DOS line ends (CR LF)", "convert it with dos2unix");
  std::string directives;
  for (const auto& language : languages) {
    if (from != nullptr && language.family == from->family) continue;
    directives += (directives.empty() ? "" : " or ") + std::string(language.directive);
    auto read = language.read(script);
    if (read.lines.directives.empty()) continue;
    if (from != nullptr) {
      refuse(fmt::format("it has {} lines and {} lines", from->directive, language.directive),
             "leave those of one scheduler");
    }
    from = &language;
    header = std::move(read);
  }
  if (from == nullptr)
    refuse("its header has no directives of a batch scheduler", "they start with " + directives);
  if (from->family == to.family) {
    refuse(fmt::format("its header has {} lines already", to.directive), {});
  }
  for (auto& each : header.errors) {
    each.file = file;
    errors.add(std::move(each));
  }
  errors.throw_if_any();

  auto made = to.write(header);
  Translation result{put_together(script, header.lines, made, to.directive), std::move(header.warnings)};
  std::ranges::move(made.warnings, std::back_inserter(result.warnings));
  auto body = script;
  for (int line = 1; line < header.lines.body; ++line) next_line(body);
  const auto facts = check_body(body, header.lines.body, *from, to, result.warnings);
  if (!find_term(header, Term::workdir) && !facts.contains(Fact::submit_directory)) {
    result.warnings.push_back(
        {{},
         {header.lines.body, 1},
         {},
         fmt::format("{} starts the job in {}, {} in {}", from->title, from->start, to.title, to.start),
         fmt::format("say {} first in the body", to.to_other_start)});
  }
  for (auto& warning : result.warnings) warning.file = file;
  std::ranges::stable_sort(result.warnings, [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
  });
  return result;
}

const HeaderTerm* find_term(const BatchHeader& header, Term term) {
  const HeaderTerm* found = nullptr;
  for (const auto& each : header.terms)
    if (each.term == term) found = &each;
  return found;
}

const HeaderTerm* find_resource(const BatchHeader& header, std::span<const std::string_view> fields) {
  for (const auto& term : header.terms) {
    if (term.term == Term::resource && std::ranges::find(fields, term.value) != fields.end()) return &term;
  }
  return nullptr;
}

Diagnostic no_counterpart(const HeaderTerm& term, std::string_view title, std::string_view hint) {
  return {{}, term.at, {}, fmt::format("'{}' has no counterpart in {}", term.text, title), std::string(hint)};
}

void add_resource_terms(std::vector<HeaderTerm>& terms, const Resources& before, const Resources& after,
                        Position at, const std::string& text) {
  for (const auto name : resource_names()) {
    if (get_resource(before, name) != get_resource(after, name))
      terms.push_back({Term::resource, std::string(name), at, text});
  }
}

std::string with_commas(std::span<const std::string> parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

}  // namespace catena
