// Captures of a real OpenPBS (tests/captured/openpbs-…), and pieces of qstat's answers.
#pragma once

#include <fmt/core.h>

#include <regex>
#include <string>
#include <string_view>

#include "captured_file.h"

namespace catena::pbs {

// One case a file: the command, its status, then both streams.
inline CommandResult captured_case(const std::string& name) {
  const auto text = captured_text("openpbs-23.06.06/" + name);
  const auto part = [&](std::string_view from, std::string_view to) {
    const auto start = text.find(from) + from.size();
    const auto end = to.empty() ? text.size() : text.find(to, start);
    return text.substr(start, end - start);
  };
  CommandResult result;
  result.status = std::stoi(part("### RC: ", "\n"));
  result.out = part("### STDOUT:\n", "### STDERR:");
  result.err = part("### STDERR:\n", "");
  return result;
}

// The ten characters that stand for the job's token where a capture's names are made ours.
inline std::string token_for(int number) {
  return fmt::format("{:010}", number);
}

// The capture with all jobs' names replaced by ours, NODE.TOKEN.
inline CommandResult with_our_names(CommandResult result) {
  static const std::regex job("\"([0-9]+)(\\[[0-9]*\\])?\\.pbshost\":\\{\\s*\"Job_Name\":\"[^\"]*\"");
  std::string out;
  auto rest = result.out.cbegin();
  for (std::sregex_iterator it(result.out.cbegin(), result.out.cend(), job), end; it != end; ++it) {
    out.append(rest, (*it)[0].first);
    out += fmt::format("\"{}{}.pbshost\":{{\n\"Job_Name\":\"n.{}\"", it->str(1), it->str(2),
                       token_for(std::stoi(it->str(1))));
    rest = (*it)[0].second;
  }
  out.append(rest, result.out.cend());
  result.out = out;
  return result;
}

// A listing of one job with these members after its name, in 23.06.06's shape.
inline CommandResult json_listing(const std::string& members, const std::string& name = "a.k3f9q2bbbb") {
  CommandResult result;
  result.out =
      "{\n    \"timestamp\":1795230296,\n    \"Jobs\":{\n        \"7.pbshost\":{\n            "
      "\"Job_Name\":\"" +
      name + "\",\n" + members + "\n        }\n    }\n}";
  return result;
}

inline CommandResult text_listing(const std::string& lines) {
  CommandResult result;
  result.out = "Job Id: 7.pbshost\n    Job_Name = a.k3f9q2bbbb\n" + lines + "\n";
  return result;
}

}  // namespace catena::pbs
