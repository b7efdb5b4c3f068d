#include "adapters/store/value_json.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <cstdint>

#include "core/error.h"

namespace catena {
namespace {

namespace json = boost::json;

// The grammar of RFC 8259. Longer numbers are refused too: a reader may be asked to compute them.
bool json_number(std::string_view text) {
  std::size_t at = 0;
  const auto skip = [&](char c) { return at < text.size() && text[at] == c ? (++at, true) : false; };
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) {
      ++at;
    }
    return at - from;
  };
  skip('-');
  if (!skip('0') && digits() == 0) {
    return false;
  }
  if (skip('.') && digits() == 0) {
    return false;
  }
  if (skip('e') || skip('E')) {
    if (!skip('+')) {
      skip('-');
    }
    if (const std::size_t count = digits(); count == 0 || count > 4) {
      return false;
    }
  }
  return at == text.size();
}

std::string quoted(std::string_view text) {
  return json::serialize(json::string_view(text.data(), text.size()));
}

// Boost's parser calls this with the pieces as they come. A json::value would keep numbers as doubles and
// lose their text.
struct Handler {
  static constexpr std::size_t max_object_size = 1;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  std::vector<Value> open{
      Value{Value::Kind::list, {}, {}}};  // the innermost list is last; the first holds the answer
  std::string pending;                    // of a scalar that comes in parts
  bool in_object = false;

  bool put(Value::Kind kind, std::string_view last = {}) {
    pending += last;
    open.back().items.push_back(Value::of(std::move(pending), kind));
    pending.clear();
    return true;
  }
  bool part(json::string_view text) {
    pending.append(text.data(), text.size());
    return true;
  }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code& error) {
    if (in_object) {
      error = json::error::syntax;
      return false;
    }
    open.push_back({Value::Kind::list, {}, {}});
    return true;
  }
  bool on_array_end(std::size_t, json::error_code&) {
    Value list = std::move(open.back());
    open.pop_back();
    open.back().items.push_back(std::move(list));
    return true;
  }
  bool on_object_begin(json::error_code& error) {
    if (in_object) {
      error = json::error::syntax;
      return false;
    }
    in_object = true;
    return true;
  }
  bool on_object_end(std::size_t size, json::error_code& error) {
    in_object = false;
    if (size != 1) {
      error = json::error::syntax;
      return false;
    }
    return true;
  }
  bool on_key_part(json::string_view text, std::size_t, json::error_code&) { return part(text); }
  bool on_key(json::string_view text, std::size_t, json::error_code& error) {
    part(text);
    if (pending != "number") {
      error = json::error::syntax;
      return false;
    }
    pending.clear();
    return true;
  }
  bool on_string_part(json::string_view text, std::size_t, json::error_code&) { return part(text); }
  bool on_string(json::string_view text, std::size_t, json::error_code&) {
    part(text);
    return put(in_object ? Value::Kind::number : Value::Kind::string);
  }
  bool on_number_part(json::string_view text, json::error_code&) { return part(text); }
  bool on_int64(std::int64_t, json::string_view text, json::error_code&) {
    return put(Value::Kind::number, {text.data(), text.size()});
  }
  bool on_uint64(std::uint64_t, json::string_view text, json::error_code&) {
    return put(Value::Kind::number, {text.data(), text.size()});
  }
  bool on_double(double, json::string_view text, json::error_code&) {
    return put(Value::Kind::number, {text.data(), text.size()});
  }
  bool on_bool(bool value, json::error_code&) { return put(Value::Kind::boolean, value ? "true" : "false"); }
  bool on_null(json::error_code&) { return put(Value::Kind::null); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

}  // namespace

std::string value_to_json(const Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return value.text;
    case Value::Kind::number:
      return json_number(value.text) ? value.text : fmt::format("{{\"number\": {}}}", quoted(value.text));
    case Value::Kind::string:
      return quoted(value.text);
    case Value::Kind::list:
      break;
  }
  std::string text = "[";
  for (const Value& item : value.items) {
    text += text.size() == 1 ? "" : ", ";
    text += value_to_json(item);
  }
  return text + "]";
}

Value value_from_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 1000;
  options.allow_invalid_utf8 =
      true;  // a value read from a file may be in any encoding; it comes back as it was
  json::basic_parser<Handler> parser(options);
  json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  Value& answer = parser.handler().open.front();
  if (error.failed() || read != text.size() || answer.items.size() != 1) {
    throw Error(ErrorKind::internal,
                fmt::format("a result in the store is not JSON: {}", text.substr(0, 80)));
  }
  return std::move(answer.items.front());
}

}  // namespace catena
