#include "core/value.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "core/quote.h"

namespace catena {

const Value* find(const Params& params, std::string_view name) {
  const auto found =
      std::find_if(params.begin(), params.end(), [&](const auto& p) { return p.first == name; });
  return found == params.end() ? nullptr : &found->second;
}

std::string to_text(const Value& value) {
  if (value.kind != Value::Kind::list) return value.text;
  std::string text;
  for (const Value& item : value.items) {
    if (&item != &value.items.front()) text += ' ';
    text += to_text(item);
  }
  return text;
}

std::string to_json_text(const Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::list: {
      std::string list;
      for (const auto& item : value.items) list += (list.empty() ? "" : ",") + to_json_text(item);
      return "[" + list + "]";
    }
    case Value::Kind::boolean:
      return value.text;
    case Value::Kind::number: {  // YAML takes "+1" and ".5", JSON does not
      const bool plain = !value.text.empty() &&
                         (std::isdigit(static_cast<unsigned char>(value.text[0])) || value.text[0] == '-') &&
                         value.text.find_first_not_of("0123456789.eE+-") == std::string::npos &&
                         value.text.back() != '.' &&
                         !(value.text.size() > 1 && value.text[0] == '0' && value.text[1] != '.');
      return plain ? value.text : json_quote(value.text);
    }
    case Value::Kind::string:
      break;
  }
  return json_quote(value.text);
}

}  // namespace catena
