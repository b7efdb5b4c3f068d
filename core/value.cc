#include "core/value.h"

#include <algorithm>
#include <string_view>

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

}  // namespace catena
