#include "core/render.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/quote.h"
#include "core/shell_context.h"
#include "core/shell_value.h"

namespace catena {
namespace {

constexpr std::string_view literal_hint = "a literal {{ is written {{ '{{' }}";

// One {{ … }} of a text.
struct Template {
  std::size_t begin = 0, end = 0;  // offsets of its first "{" and behind its last "}"
  std::string_view content;
  std::string_view name;
  std::string_view filter;   // behind "|"
  std::string_view literal;  // of {{ '…' }}
  bool is_literal = false;
  std::string_view fault;  // what is wrong with it; `end` is then where to read on
};

bool blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !text.empty() && letter(text.front()) && std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

// The first template at or behind `from`; its begin is text.size() if there is none.
Template next_template(std::string_view text, std::size_t from) {
  Template found;
  found.begin = std::min(text.find("{{", from), text.size());
  found.end = found.begin;
  if (found.begin == text.size()) return found;
  while (found.begin + 2 < text.size() && text[found.begin + 2] == '{') ++found.begin;  // ${{{ name }}}
  std::size_t at = found.begin + 2;
  found.end = at;
  char quote = '\0';
  while (at < text.size() && text[at] != '\n' && (quote != '\0' || text.substr(at, 2) != "}}")) {
    if (quote != '\0') {
      if (text[at] == quote) quote = '\0';
    } else if (text[at] == '\'' || text[at] == '"') {
      const std::string_view before = trim(text.substr(found.end, at - found.end));
      if (before.empty() || before.back() == '(') quote = text[at];
    }
    ++at;
  }
  if (text.substr(at, 2) != "}}") {
    found.fault = "the {{ is not closed with }} on its line";
    return found;
  }
  const std::string_view content = trim(text.substr(found.end, at - found.end));
  found.end = at + 2;
  found.content = content;
  if (content.size() >= 2 && (content.front() == '\'' || content.front() == '"')) {
    found.literal = content.substr(1, content.size() - 2);
    found.is_literal =
        content.back() == content.front() && found.literal.find(content.front()) == std::string_view::npos;
    if (!found.is_literal) found.fault = "only one quoted text may stand between {{ and }}";
    return found;
  }
  const std::size_t bar = content.find('|');
  found.name = trim(content.substr(0, bar));
  if (bar != std::string_view::npos) found.filter = trim(content.substr(bar + 1));
  if (!is_name(found.name)) {
    found.fault = "no parameter's name stands between {{ and }}";
  } else if (bar != std::string_view::npos && found.filter.empty()) {
    found.fault = "a filter's name is missing behind |";
  }
  return found;
}

Position position_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t newline = before.rfind('\n');
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(newline == std::string_view::npos ? offset : offset - newline - 1) + 1};
}

class Renderer {
 public:
  Renderer(std::string_view source, Quoting quoting, const Lookup& lookup,
           const std::vector<std::string>& names, std::vector<RenderProblem>& problems,
           const LateSource* late)
      : source_(source),
        quoting_(quoting),
        lookup_(lookup),
        names_(names),
        problems_(problems),
        late_(late),
        problems_before_(problems.size()) {}

  std::string render() {
    std::size_t done = 0;
    while (true) {
      const Template next = next_template(source_, done);
      author(source_.substr(done, next.begin - done), done, next.begin);
      if (next.begin == source_.size()) break;
      any_ = true;
      done = next.end;
      at_ = next.begin;
      if (next.end > next.begin + 4 && !next.is_literal && late(next)) {
        late_value(next);
      } else if (!next.fault.empty()) {
        problem(std::string(next.fault), std::string(literal_hint));
      } else if (next.is_literal) {
        author(next.literal, next.begin, next.end);
      } else {
        value(next);
      }
    }
    if (quoting_ == Quoting::shell && any_) finish();
    return quoting_ == Quoting::shell ? shell_.text() : plain_;
  }

 private:
  void problem(std::string message, std::string hint) {
    problems_.push_back({position_of(source_, at_), std::move(message), std::move(hint)});
  }

  // `offset`: where the text came from; `end`: where the source goes on behind it.
  void author(std::string_view text, std::size_t offset, std::size_t end) {
    if (quoting_ == Quoting::none) {
      plain_ += text;
      return;
    }
    pieces_.emplace_back(shell_.text().size(), offset);
    shell_.read(text, source_.substr(end));
    check_broken();
  }

  const Value* look_up(const Template& used) {
    if (!used.filter.empty() && used.filter != "raw") {
      problem(fmt::format("unknown filter '{}'", used.filter), "the only one is raw: {{ name | raw }}");
      return nullptr;
    }
    const Value* value = lookup_(used.name);
    if (value != nullptr) return value;
    const std::vector<std::string_view> candidates(names_.begin(), names_.end());
    const std::string meant = suggestion(used.name, candidates);
    problem(fmt::format("unknown parameter '{}'", used.name),
            meant.empty() ? std::string(literal_hint) : meant);
    return nullptr;
  }

  bool late(const Template& used) const {
    return is_late(used.content) || (late_ != nullptr && late_->is_late && late_->is_late(used.name));
  }

  void late_value(const Template& used) {
    if (late_ == nullptr || late_->values == nullptr) {
      return problem(
          fmt::format("'{}' is found out by the job when it starts, and this is needed before", used.content),
          std::string(used.content.find("nodes.") == std::string_view::npos
                          ? literal_hint
                          : "it can stand in run, env, params and the text of inputs"));
    }
    LateValues& values = *late_->values;
    if (source_.find(values.mark()) != std::string_view::npos)
      return problem(fmt::format("the text holds '{}', which marks late values in it", values.mark()), "");
    LateAnswer answer = read_late(used.content, late_->names);
    if (!answer.problem.empty())
      return problem(fmt::format("'{}': {}", used.content, answer.problem),
                     answer.hint.empty() && used.content.find("nodes.") == std::string_view::npos
                         ? std::string(literal_hint)
                         : std::move(answer.hint));
    if (quoting_ == Quoting::none) {
      plain_ += values.add(used.content, answer.steps, late_->place);
      return;
    }
    const LatePlace place = late_place(shell_);
    if (!place.problem.empty())
      return problem(fmt::format("'{}': {}", used.content, place.problem), place.hint);
    const std::string_view rest = source_.substr(used.end);
    shell_.read_value(place.before + values.add(used.content, answer.steps, place.place) + place.after, rest);
    last_value_ = used.begin;
    check_broken();
  }

  void value(const Template& used) {
    const Value* found = look_up(used);
    if (quoting_ == Quoting::none) {
      if (found != nullptr) plain_ += to_text(*found);
      return;
    }
    if (found == nullptr) return;
    const std::string_view rest = source_.substr(used.end);
    if (used.filter == "raw") {
      shell_.read(to_text(*found), rest);
      check_broken();
      return;
    }
    const ShellText written = shell_text(*found, shell_, rest);
    if (!written.problem.empty()) {
      problem(fmt::format("'{}': {}", used.name, written.problem), written.hint);
      return;
    }
    shell_.read_value(written.text, rest);
    last_value_ = used.begin;
    check_broken();
  }

  void check_broken() {
    if (!shell_.take_broken()) return;
    at_ = last_value_;
    problem("a line of the value would end the here-document that it stands in", "choose another delimiter");
  }

  // Where quotes do not close, the places of the values were not what their author meant.
  void finish() {
    const std::string text = shell_.text();
    const auto open = shell_.finish();
    check_broken();
    if (!open || problems_.size() > problems_before_) return;
    const auto piece =
        std::prev(std::upper_bound(pieces_.begin(), pieces_.end(), std::pair(open->offset, source_.size())));
    at_ = std::min(piece->second + (open->offset - piece->first), source_.size());
    problem(fmt::format("never closed: {}", open->what), "values are quoted for where they stand");
  }

  std::string_view source_;
  Quoting quoting_;
  const Lookup& lookup_;
  const std::vector<std::string>& names_;
  std::vector<RenderProblem>& problems_;
  const LateSource* late_;
  std::size_t problems_before_;
  std::string plain_;
  ShellContext shell_;
  std::vector<std::pair<std::size_t, std::size_t>> pieces_;  // offset in the program, offset in the source
  bool any_ = false;
  std::size_t at_ = 0;  // the template in hand
  std::size_t last_value_ = 0;
};

}  // namespace

std::string render(std::string_view text, Quoting quoting, const Lookup& lookup,
                   const std::vector<std::string>& names, std::vector<RenderProblem>& problems,
                   const LateSource* late) {
  return Renderer(text, quoting, lookup, names, problems, late).render();
}

LateAnswer late_text(std::string_view text, const LateNames& names) {
  LateAnswer whole;
  std::size_t parts = 0, done = 0;
  const auto literal = [&](std::string_view piece) {
    if (piece.empty()) return;
    whole.steps.push_back("string " + json_quote(piece));
    ++parts;
  };
  while (true) {
    const Template next = next_template(text, done);
    literal(text.substr(done, next.begin - done));
    if (next.begin == text.size()) break;
    done = next.end;
    if (next.is_literal) {
      literal(next.literal);
      continue;
    }
    LateAnswer part =
        next.content.empty() ? LateAnswer{{}, std::string(next.fault), {}} : read_late(next.content, names);
    if (!part.problem.empty()) return part;
    std::ranges::move(part.steps, std::back_inserter(whole.steps));
    ++parts;
  }
  if (parts != 1) whole.steps.push_back(fmt::format("join {}", parts));
  return whole;
}

bool holds_late(std::string_view text) {
  for (Template next = next_template(text, 0); next.begin < text.size();
       next = next_template(text, next.end)) {
    if (!next.is_literal && is_late(next.content)) return true;
  }
  return false;
}

bool has_template(std::string_view text) {
  return text.find("{{") != std::string_view::npos;
}

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  for (Template next = next_template(text, 0); next.begin < text.size();
       next = next_template(text, next.end)) {
    if (!next.fault.empty() || next.is_literal) continue;
    if (std::find(names.begin(), names.end(), next.name) == names.end()) names.emplace_back(next.name);
  }
  return names;
}

}  // namespace catena
