// Outputs of real schedulers, as they were captured: the command, who ran it, then the sections stdout,
// stderr and exit.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "core/transport.h"

namespace catena {

// The whole text of tests/captured/NAME.
inline std::string captured_text(const std::string& name) {
  std::ifstream file(std::string(CATENA_SOURCE_DIR "/tests/captured/") + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

// The sections of tests/captured/NAME.
inline CommandResult captured(const std::string& name) {
  const auto text = captured_text(name);
  const auto section = [&](std::string_view from, std::string_view to) {
    const auto start = text.find(from);
    const auto end = text.find(to, start);
    EXPECT_TRUE(start != text.npos && end != text.npos) << name << ": no section " << from;
    if (start == text.npos || end == text.npos) return std::string();
    auto part = text.substr(start + from.size(), end - start - from.size());
    if (part.ends_with('\n')) part.pop_back();  // the capture's own empty line
    return part;
  };
  CommandResult result;
  result.out = section("--- stdout\n", "--- stderr\n");
  result.err = section("--- stderr\n", "--- exit ");
  result.status = std::stoi(text.substr(text.find("--- exit ") + 9));
  return result;
}

}  // namespace catena
