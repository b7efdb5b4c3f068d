// A parameter's value. Numbers keep the text that the user wrote: 10.0 stays "10.0".
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace catena {

struct Value {
  enum class Kind { null, boolean, number, string, list };
  Kind kind = Kind::null;
  std::string
      text;  // of a scalar: as written (a string without its quotes); "true" / "false"; empty for null
  std::vector<Value> items;  // of a list

  static Value of(std::string text, Kind kind = Kind::string) { return {kind, std::move(text), {}}; }
  bool operator==(const Value&) const = default;
};

// Ordered as written. Names are unique (the reader refuses duplicates).
using Params = std::vector<std::pair<std::string, Value>>;

// The value of `name`, or nullptr.
const Value* find(const Params& params, std::string_view name);

// What a person reads: scalars as they are, a list as "a b c".
std::string to_text(const Value& value);

// As JSON, on one line: a number with the characters it was written with, or as a string where JSON has no
// such number.
std::string to_json_text(const Value& value);

}  // namespace catena
