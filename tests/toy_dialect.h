// A dialect of a scheduler that does not exist, for tests of what is the same for all: `toy-submit` is put on
// PATH by the test.
#pragma once

#include "core/dialect.h"

namespace catena {

class ToyDialect : public Dialect {
 public:
  bool elements_known = true;
  std::vector<std::string> directives(const Job& job) const override { return {"#TOY --name=" + job.name}; }
  std::vector<std::string> check_options(std::span<const std::string>) const override { return {}; }
  SubmitText submit_text() const override {
    SubmitText text;
    text.command = "toy-submit";
    text.hold = "--hold";
    text.array = "--array=";
    text.array_index = "$TOY_INDEX";
    text.element_id = [](std::string_view array_id, int index) {
      return std::string(array_id).append("_").append(std::to_string(index));
    };
    text.array_lists = true;
    text.elements_known = elements_known;
    text.id_filter = "[0-9]*";
    text.id_from_output = "${out%%;*}";
    text.environment_defaults = {{"account", "TOY_ACCOUNT"}};
    text.unsure = {"timed out"};
    text.refused = {"toy: "};
    text.unavailable = {"cannot connect"};
    return text;
  }
  std::string submit_words(const Job&, std::span<const std::pair<On, std::string>> parents,
                           std::span<const std::string> each) const override {
    if (parents.empty() && each.empty()) return {};
    std::string text = "\"--after=";
    for (const auto& id : each) text += "each:" + id + ",";
    for (const auto& [on, id] : parents) text += std::string(to_string(on)) + ":" + id + ",";
    return text + "\"";
  }
  std::vector<Command> control(Action, std::span<const ControlTarget>) const override { return {}; }
  std::vector<std::string> parse_control(Action, const CommandResult&) const override { return {}; }
  Command query(QueryKind, const Query&) const override { return {}; }
  Parsed parse(QueryKind, const CommandResult&) const override { return {}; }
};

}  // namespace catena
