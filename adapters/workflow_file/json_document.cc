#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>

#include "adapters/workflow_file/document.h"

namespace catena {
namespace {

namespace json = boost::json;

// Boost's parser says what comes, but not where. This follows it through the text, token by token: the events
// come in the text's order, and the parser has already checked what is walked over.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  // The place of the next token, behind blanks, commas and colons.
  Position next() {
    while (offset_ < text_.size()) {
      const char c = text_[offset_];
      if (c == '\n') {
        ++line_;
        line_start_ = offset_ + 1;
        continuation_ = 0;
      } else if (c != ' ' && c != '\t' && c != '\r' && c != ',' && c != ':') {
        break;
      }
      ++offset_;
    }
    return {line_, static_cast<int>(offset_ - line_start_ - continuation_) + 1};
  }
  void skip(std::size_t bytes) { offset_ += bytes; }
  // The characters of the string that starts here, without its quotes. `escaped` tells whether it holds a
  // backslash.
  std::string_view string(bool& escaped) {
    const std::size_t start = ++offset_;
    escaped = false;
    for (; offset_ < text_.size() && text_[offset_] != '"'; ++offset_) {
      if (text_[offset_] == '\\') {
        escaped = true;
        ++offset_;
      } else if ((static_cast<unsigned char>(text_[offset_]) & 0xC0) == 0x80) {
        ++continuation_;
      }
    }
    const std::size_t end = std::min(offset_, text_.size());
    ++offset_;
    return text_.substr(start, end - start);
  }
  std::string_view number() {
    const std::size_t end = std::min(text_.find_first_not_of("+-.0123456789eE", offset_), text_.size());
    const std::string_view found = text_.substr(offset_, end - offset_);
    offset_ = end;
    return found;
  }

 private:
  std::string_view text_;
  std::size_t offset_ = 0;
  std::size_t line_start_ = 0;
  std::size_t continuation_ = 0;  // bytes of this line that are no characters of their own
  int line_ = 1;
};

// The interface is Boost's: see basic_parser.hpp.
struct Handler {
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  using Code = json::error_code;
  using Text = json::string_view;

  DocumentBuilder& builder;
  Cursor cursor;
  std::string decoded;

  bool begin(Item::Kind kind) {
    const Position at = cursor.next();
    cursor.skip(1);
    builder.begin(kind, at);
    return true;
  }
  bool end() {
    cursor.next();
    cursor.skip(1);
    builder.end();
    return true;
  }
  bool part(Text text) {
    decoded.append(text.data(), text.size());
    return true;
  }
  std::string_view finish(Text text, const Position& at) {
    bool escaped = false;
    std::string_view found = cursor.string(escaped);
    if (escaped) {
      decoded.append(text.data(), text.size());
      if (decoded.find('\0') != std::string::npos)
        builder.problem(at, "a NUL character has no place in a text");
      found = builder.keep(decoded);
    }
    decoded.clear();
    return found;
  }
  bool number() {
    const Position at = cursor.next();
    builder.scalar(Item::Kind::number, cursor.number(), at);
    return true;
  }
  bool word(Item::Kind kind, std::string_view text) {
    builder.scalar(kind, text, cursor.next());
    cursor.skip(text.size());
    return true;
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return begin(Item::Kind::map); }
  bool on_object_end(std::size_t, Code&) { return end(); }
  bool on_array_begin(Code&) { return begin(Item::Kind::list); }
  bool on_array_end(std::size_t, Code&) { return end(); }
  bool on_key_part(Text text, std::size_t, Code&) { return part(text); }
  bool on_key(Text text, std::size_t, Code&) {
    const Position at = cursor.next();
    builder.key(finish(text, at), at);
    return true;
  }
  bool on_string_part(Text text, std::size_t, Code&) { return part(text); }
  bool on_string(Text text, std::size_t, Code&) {
    const Position at = cursor.next();
    builder.scalar(Item::Kind::string, finish(text, at), at);
    return true;
  }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return number(); }
  bool on_uint64(std::uint64_t, Text, Code&) { return number(); }
  bool on_double(double, Text, Code&) { return number(); }
  bool on_bool(bool value, Code&) { return word(Item::Kind::boolean, value ? "true" : "false"); }
  bool on_null(Code&) { return word(Item::Kind::null, "null"); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

}  // namespace

Document parse_json(std::string_view text, std::vector<DocumentProblem>& problems) {
  Document document;
  DocumentBuilder builder(document, problems, text.size());
  if (const std::size_t bad = find_bad_byte(text); bad != std::string_view::npos) {
    builder.problem(position_in(text, bad), text[bad] == '\0' ? "a NUL byte" : "not valid UTF-8");
    return document;
  }
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<Handler> parser(options, Handler{builder, Cursor(text), {}});
  json::error_code code;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), code);
  if (!code && text.find_first_not_of(" \t\r\n", read) != std::string_view::npos)
    code = json::error::extra_data;
  if (!code) return document;

  builder.discard();
  std::string message = fmt::format("not valid JSON: {}", code.message());
  std::string hint;
  if (code == json::error::incomplete) {
    message = "not valid JSON: the file ends too early";
    hint = "a bracket or a quote is not closed";
  } else if (code == json::error::extra_data) {
    message = "not valid JSON: something follows the end of the document";
  } else if (code == json::error::too_deep) {
    message = fmt::format("lists and maps are nested more than {} deep", max_depth);
  }
  const std::size_t blank = text.find_first_not_of(" \t\r\n", read);
  if (code == json::error::syntax && blank < text.size() && (text[blank] == '}' || text[blank] == ']')) {
    hint = "no comma may stand before a closing bracket";
  }
  builder.problem(position_in(text, std::min(blank, text.size())), std::move(message), std::move(hint));
  return document;
}

}  // namespace catena
