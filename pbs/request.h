// The value of qsub's -l, read into portable resources.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/resources.h"

namespace catena::pbs {

// Takes what has a portable field, and gives the rest back, one "name=value" each. `problem` says what is
// wrong with a value.
std::vector<std::string> read_request(std::string_view text, Resources& resources, std::string& problem);

// "4gb", "400mb", "16": binary multiples, a bare number is bytes. Words ("4gw") have no fixed size.
std::optional<Bytes> size_of(std::string_view text);
// "HH:MM:SS", "MM:SS" or seconds.
std::optional<Seconds> time_of(std::string_view text);

}  // namespace catena::pbs
