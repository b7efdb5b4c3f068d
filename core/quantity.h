// Numbers, times and sizes as people write them, for the fields of Resources (resources.h declares the public
// half).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace catena {

// An int in decimal, with "-" allowed and nothing else beside the digits; nullopt where it does not fit.
std::optional<int> whole_number(std::string_view text);

// "+90", "now+1h", "2030-01-31", "2030-01-31T08:00" as "+SECONDS" or "YYYY-MM-DDThh:mm:ss"; nullopt for all
// else.
std::optional<std::string> normalised_begin(std::string_view text);

std::string lower_case(std::string_view text);  // ASCII only

}  // namespace catena
