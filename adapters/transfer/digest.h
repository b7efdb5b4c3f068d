// What tells two files of the same size apart: SHA-256, as sha256sum(1) prints it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace catena::transfer {

std::string digest_of(std::string_view text);
std::string digest_of_file(const std::filesystem::path& file);  // empty if it cannot be read

}  // namespace catena::transfer
