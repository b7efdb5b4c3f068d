#include "core/late.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/quote.h"

namespace catena {
namespace {

constexpr std::size_t deepest = 50;  // parentheses in parentheses

bool letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool name_char(char c) {
  return letter(c) || digit(c);
}

// What is wrong with a format, or empty: one conversion that awk's sprintf knows, of one value.
std::string check_format(std::string_view format) {
  std::size_t conversions = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (static_cast<unsigned char>(format[i]) < 0x20) return "a format has no line breaks or tabs";
    if (format[i] != '%') continue;
    if (i + 1 < format.size() && format[i + 1] == '%') {
      ++i;
      continue;
    }
    ++conversions;
    const auto skip = [&](std::string_view set, std::size_t most) {
      for (std::size_t n = 0; i + 1 < format.size() && set.find(format[i + 1]) != set.npos; ++n, ++i) {
        if (n == most) return false;
      }
      return true;
    };
    bool good = skip("-+ 0#", 5) && skip("0123456789", 3);
    if (good && i + 1 < format.size() && format[i + 1] == '.') {
      ++i;
      good = skip("0123456789", 3);
    }
    if (!good || i + 1 == format.size() ||
        std::string_view("dixXoeEfFgGs").find(format[i + 1]) == std::string_view::npos)
      return fmt::format("'{}' is not a format: write '%.4f', '%d', '%s'", format);
    ++i;
  }
  return conversions == 1 ? "" : fmt::format("'{}' is not the format of one value", format);
}

class Reader {
 public:
  Reader(std::string_view text, const LateNames& names) : text_(text), names_(names) {}

  LateAnswer read() {
    expression();
    blanks();
    if (good() && at_ < text_.size()) {
      wrong(fmt::format("'{}' is not understood", text_.substr(at_)),
            "write {{ nodes.NODE.results.NAME }}, with + - * / ( ), and | default(0) or | format('%.4f')");
    }
    if (!good()) answer_.steps.clear();
    return std::move(answer_);
  }

 private:
  bool good() const { return answer_.problem.empty(); }
  void wrong(std::string problem, std::string hint = {}) {
    if (!good()) return;
    answer_.problem = std::move(problem);
    answer_.hint = std::move(hint);
  }
  void step(std::string text) { answer_.steps.push_back(std::move(text)); }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view word() {
    const auto begin = at_;
    while (at_ < text_.size() && name_char(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void expression() {
    sum();
    while (good() && take('|')) filter();
  }
  void filter() {
    blanks();
    const auto name = word();
    if (name == "json") return step("json");
    if (name != "default" && name != "format") {
      return name == "raw"
                 ? wrong("a value that only the job knows is never put in as it is", "leave '| raw' out")
                 : wrong(fmt::format("unknown filter '{}'", name),
                         "there are default(…), format('…'), json and raw");
    }
    if (!take('(')) return wrong(fmt::format("'(' is missing behind {}", name));
    if (name == "default") {
      sum();
      step("default");
    } else {
      const auto format = quoted();
      if (const auto problem = check_format(format); good() && !problem.empty()) wrong(problem);
      step("format " + json_quote(format));
    }
    if (good() && !take(')')) wrong(fmt::format("')' is missing behind {}(", name));
  }
  void sum() {
    product();
    while (good()) {
      if (take('+')) {
        product();
        step("add");
      } else if (take('-')) {
        product();
        step("subtract");
      } else {
        return;
      }
    }
  }
  void product() {
    operand();
    while (good()) {
      if (take('*')) {
        operand();
        step("multiply");
      } else if (take('/')) {
        operand();
        step("divide");
      } else {
        return;
      }
    }
  }
  void operand() {
    if (++depth_ > deepest) return wrong("too many parentheses");
    blanks();
    if (take('-')) {
      operand();
      step("negate");
    } else if (take('(')) {
      expression();
      if (good() && !take(')')) wrong("a ) is missing");
    } else if (at_ < text_.size() && (digit(text_[at_]) || text_[at_] == '.')) {
      number();
    } else if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
      step("string " + json_quote(quoted()));
    } else if (at_ < text_.size() && letter(text_[at_])) {
      name();
    } else {
      wrong(at_ == text_.size() ? std::string("it ends in the middle")
                                : fmt::format("'{}' is not a value", text_.substr(at_)),
            "a value is a name, nodes.NODE.results.NAME, a number, or a text in quotes");
    }
    --depth_;
  }
  void number() {
    double value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, code] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (code != std::errc()) return wrong("a number is too large");
    const std::string_view written(begin, static_cast<std::size_t>(end - begin));
    at_ += written.size();
    step(fmt::format("number {}", written));
  }
  std::string quoted() {
    blanks();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) {
      wrong("a text in quotes is missing");
      return {};
    }
    const char quote = text_[at_++];
    const auto end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      wrong("a quote is not closed");
      return {};
    }
    std::string inside(text_.substr(at_, end - at_));
    at_ = end + 1;
    return inside;
  }
  void name() {
    const auto begin = at_;
    if (text_.substr(at_).starts_with("nodes.")) return reference();
    while (at_ < text_.size() &&
           (name_char(text_[at_]) || (text_[at_] == '.' && at_ + 1 < text_.size() && letter(text_[at_ + 1]))))
      ++at_;
    const auto written = text_.substr(begin, at_ - begin);
    if (written == "true" || written == "false") return step(std::string(written));
    take_answer(names_.parameter(written));
  }
  void reference() {
    LateReference found;
    const auto begin = at_;
    at_ += 6;
    const auto from = at_;
    while (at_ < text_.size() && (name_char(text_[at_]) || text_[at_] == '-')) ++at_;
    found.node = text_.substr(from, at_ - from);
    auto part = dotted();
    if (!part.empty() && digit(part.front())) {
      const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), found.element);
      if (code != std::errc() || end != part.data() + part.size() || found.element == 0)
        return wrong(fmt::format("'{}' is not the number of an element", part), "elements count from 1");
      part = dotted();
    }
    if (part == "address") {
      found.kind = LateReference::Kind::address;
    } else if (part == "results" || part == "params") {
      found.kind = part == "results" ? LateReference::Kind::result : LateReference::Kind::param;
      found.name = dotted();
    }
    found.text = text_.substr(begin, at_ - begin);
    if (found.node.empty() || (found.kind != LateReference::Kind::address && found.name.empty())) {
      return wrong(
          fmt::format("'{}' is not known", found.text),
          "there are nodes.NODE.results.NAME, nodes.NODE.params.NAME and nodes.NODE.address; of an element, "
          "nodes.NODE.3.…");
    }
    take_answer(names_.reference(found));
  }
  std::string_view dotted() {
    if (at_ == text_.size() || text_[at_] != '.') return {};
    ++at_;
    return word();
  }
  void take_answer(LateAnswer answer) {
    if (!answer.problem.empty()) return wrong(std::move(answer.problem), std::move(answer.hint));
    std::ranges::move(answer.steps, std::back_inserter(answer_.steps));
  }

  std::string_view text_;
  const LateNames& names_;
  std::size_t at_ = 0, depth_ = 0;
  LateAnswer answer_;
};

}  // namespace

bool is_late(std::string_view content) {
  char quote = '\0';
  bool filter = false;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const char c = content[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '|') {
      filter = true;
    } else if (std::string_view("+*/()").find(c) != std::string_view::npos) {
      return true;
    } else if (c == '-' && i + 1 < content.size() && (i == 0 || content[i - 1] == ' ')) {
      return true;
    } else if (letter(c) &&
               (i == 0 || (!name_char(content[i - 1]) && content[i - 1] != '.' && content[i - 1] != '-'))) {
      const auto rest = content.substr(i);
      if (rest.starts_with("nodes.")) return true;
      for (const std::string_view name : {"default", "format", "json"}) {
        if (filter && rest.starts_with(name) && (rest.size() == name.size() || !name_char(rest[name.size()])))
          return true;
      }
    }
  }
  return false;
}

LateAnswer read_late(std::string_view content, const LateNames& names) {
  return Reader(content, names).read();
}

std::string LateValues::add(std::string_view written, const LateSteps& steps, std::string_view place) {
  const auto use = ++uses_;
  text_ += fmt::format("# {{{{ {} }}}}\nuse {} {}\n", written, use, place);
  for (const auto& step : steps) text_ += step + "\n";
  return fmt::format("{}{}_", mark_, use);
}

std::string LateValues::definitions() const {
  return fmt::format("mark {}\n{}", mark_, text_);
}

}  // namespace catena
