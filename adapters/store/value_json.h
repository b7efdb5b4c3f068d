// A Value as JSON text, without loss: a number keeps the digits it was written with.
#pragma once

#include <string>
#include <string_view>

#include "core/value.h"

namespace catena {

// A number whose text JSON does not allow ("007", "+1", ".5", "nan") becomes {"number": "007"}.
std::string value_to_json(const Value& value);

// Reads what value_to_json wrote. Throws Error(internal) on anything else.
Value value_from_json(std::string_view json);

}  // namespace catena
