#include "core/scheduler_text.h"

#include <algorithm>
#include <unordered_set>

#include "core/split.h"

namespace catena {
namespace {

std::string_view word(On on) {
  switch (on) {
    case On::ok:
      return "afterok";
    case On::any:
      return "afterany";
    case On::notok:
      return "afternotok";
    case On::start:
      return "after";
  }
  return {};
}

}  // namespace

std::string dependency_list(std::span<const std::pair<On, std::string>> parents) {
  std::string list;
  for (const On on : {On::ok, On::any, On::notok, On::start}) {
    std::string group;
    for (const auto& [kind, id] : parents) {
      if (kind == on) group += ":" + id;
    }
    if (!group.empty()) list.append(list.empty() ? "" : ",").append(word(on)).append(group);
  }
  return list;
}

Command repeatable(std::vector<std::string> argv, std::chrono::milliseconds timeout) {
  Command command;
  command.argv = std::move(argv);
  command.repeatable = true;
  command.timeout = timeout;
  return command;
}

std::vector<std::vector<std::string>> lists_of(const std::vector<std::string>& words, std::size_t bytes) {
  std::vector<std::vector<std::string>> lists;
  std::size_t length = 0;
  for (const auto& word : words) {
    if (lists.empty() || length + word.size() + 1 > bytes) {
      lists.emplace_back();
      length = 0;
    }
    lists.back().push_back(word);
    length += word.size() + 1;
  }
  return lists;
}

std::string words_of(const CommandResult& result) {
  if (result.timed_out) return "no answer in time";
  std::string words;
  auto said = lines(result.err);
  std::unordered_set<std::string_view> before;  // a list of ids may bring the same complaint for each
  std::erase_if(said, [&](std::string_view line) { return !before.insert(line).second; });
  for (const auto line : said) words.append(words.empty() ? "" : "; ").append(line);
  return words.empty() ? "exit status " + std::to_string(result.status) : words;
}

}  // namespace catena
