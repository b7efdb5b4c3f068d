#include "adapters/site_file/ini.h"

#include <fmt/format.h>
#include <ini.h>

#include <algorithm>
#include <cstring>
#include <mutex>

namespace catena {
namespace {

constexpr std::string_view blanks = " \t";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Debian builds inih with run-time switches, whose defaults split lines at 200 characters, cut values at " ;"
// and glue an indented key to the one before. The compile-time macros of the same names do nothing to the
// shared library.
void set_up_inih() {
  static std::once_flag once;
  std::call_once(once, [] {
    ini_use_stack = false;
    ini_allow_realloc = true;
    ini_max_line = 65'536;
    ini_initial_alloc = 65'536;  // a line always fits: the reader is asked once for each
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_allow_no_value = false;
    ini_stop_on_first_error = false;  // all mistakes in one call: Reader finds them
  });
}

// Hands inih one line at a time, so that a line's number is known when its entry arrives, and a line that
// inih passes over in silence is noticed when it asks for the next.
class Reader {
 public:
  Reader(std::string_view text, const std::string& file, Diagnostics& diagnostics)
      : text_(text), file_(file), diagnostics_(diagnostics) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
  }

  IniText read() {
    set_up_inih();
    const int result = ini_parse_stream(&Reader::next_line, this, &Reader::take, this);
    if (result < 0) throw std::bad_alloc();
    // inih counts only the lines that it was given, so its own line number is of no use here.
    if (result > 0 && diagnostics_.empty()) mistake("cannot be read");
    return std::move(result_);
  }

 private:
  // The fgets of inih. Lines with mistakes are not handed on.
  static char* next_line(char* buffer, int size, void* self) {
    auto& reader = *static_cast<Reader*>(self);
    reader.check_taken();
    while (!reader.text_.empty()) {
      const std::string_view line = reader.cut_line();
      if (!reader.accept(line)) continue;
      if (line.size() + 2 > static_cast<std::size_t>(size)) {  // not with the sizes of set_up_inih()
        reader.mistake("the line does not fit into inih's buffer");
        continue;
      }
      std::memcpy(buffer, line.data(), line.size());
      buffer[line.size()] = '\n';
      buffer[line.size() + 1] = '\0';
      return buffer;
    }
    return nullptr;
  }

  static int take(void* self, const char* section, const char* key, const char* value) {
    auto& reader = *static_cast<Reader*>(self);
    reader.expected_ = false;
    reader.result_.entries.push_back({section, key, value, reader.line_});
    return 1;
  }

  std::string_view cut_line() {
    const auto end = text_.find('\n');
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++line_;
    return line;
  }

  void mistake(std::string message, std::string hint = {}, std::size_t column = 0) {
    diagnostics_.add({file_, {line_, static_cast<int>(column)}, {}, std::move(message), std::move(hint)});
  }

  // Whether inih is to see this line.
  bool accept(std::string_view line) {
    if (line.size() > ini_longest_line) {
      mistake(fmt::format("the line is longer than {} characters", ini_longest_line));
      return false;
    }
    const auto control = std::find_if(line.begin(), line.end(),
                                      [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
    if (control != line.end()) {
      mistake(fmt::format("a control character (0x{:02x}) in the line", static_cast<unsigned char>(*control)),
              "the file must be plain text", static_cast<std::size_t>(control - line.begin()) + 1);
      return false;
    }
    const std::string_view content = trim(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') return false;
    if (content.front() == '[') return accept_header(content);
    if (in_bad_section_) return false;  // which section its keys were meant for is not known
    return accept_entry(content);
  }

  bool accept_header(std::string_view content) {
    in_bad_section_ = true;
    const auto end = content.find(']');
    if (end == std::string_view::npos) {
      mistake(fmt::format("the section header '{}' has no ']'", content));
      return false;
    }
    if (end + 1 != content.size()) {
      mistake(fmt::format("text behind the section header '{}'", content.substr(0, end + 1)),
              "keys and comments go on lines of their own");
      return false;
    }
    const std::string_view name = content.substr(1, end - 1);
    if (name.size() >= 50 || name != trim(name) || name.empty()) {  // inih keeps 49 characters of a name
      mistake(fmt::format("'{}' is no section header", content));
      return false;
    }
    const auto first = std::find_if(result_.sections.begin(), result_.sections.end(),
                                    [&](const IniSection& section) { return section.name == name; });
    if (first != result_.sections.end()) {
      mistake(fmt::format("section [{}] a second time (first in line {})", name, first->line));
    } else {
      result_.sections.push_back({std::string(name), line_});
    }
    in_bad_section_ = false;  // the keys of a repeated section are read: their own mistakes count too
    return true;
  }

  bool accept_entry(std::string_view content) {
    const auto separator = content.find_first_of("=:");
    if (separator == std::string_view::npos) {
      mistake(fmt::format("'{}' is neither 'key = value' nor '[section]'", content.substr(0, 60)),
              "each value stands on one line; comments begin with #");
      return false;
    }
    if (content[separator] == ':') {  // inih would take it for '='
      mistake(fmt::format("':' in the key '{}'", trim(content.substr(0, separator))), "write 'key = value'");
      return false;
    }
    if (separator == 0) {
      mistake("a value without a key");
      return false;
    }
    expected_ = true;
    return true;
  }

  // inih passes over lines that it cannot read: one that was handed on as an entry must have come back as
  // one.
  void check_taken() {
    if (expected_) mistake("cannot be read as 'key = value'");
    expected_ = false;
  }

  std::string_view text_;  // what is left
  const std::string& file_;
  Diagnostics& diagnostics_;
  IniText result_;
  int line_ = 0;
  bool expected_ = false;
  bool in_bad_section_ = false;
};

}  // namespace

IniText read_ini(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  return Reader(text, file, diagnostics).read();
}

}  // namespace catena
