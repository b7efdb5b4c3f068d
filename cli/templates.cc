// catena templates [NAME]: the job templates there are, or all that is to be known of one.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "adapters/workflow_file/template_list.h"
#include "cli/print.h"
#include "cli/verbs.h"

namespace catena::cli {
namespace {

boost::json::object to_json(const TemplateListing& entry) {
  boost::json::array parameters, shadows;
  for (const auto& parameter : entry.parameters) {
    parameters.push_back(
        {{"name", parameter.name}, {"default", parameter.value}, {"description", parameter.comment}});
  }
  for (const auto& file : entry.shadows) shadows.push_back(boost::json::string(file));
  return {{"name", entry.name},       {"file", entry.file}, {"description", entry.description},
          {"parameters", parameters}, {"shadows", shadows}, {"error", entry.error}};
}

void print_shadows(const TemplateListing& entry) {
  for (const auto& file : entry.shadows) fmt::print("{} takes the place of {}\n", entry.file, file);
}

void print_list(const std::vector<TemplateListing>& list) {
  std::vector<std::vector<std::string>> rows{{"TEMPLATE", "FROM", "DESCRIPTION"}};
  for (const auto& entry : list) {
    rows.push_back({entry.name, std::filesystem::path(entry.file).parent_path().string(),
                    entry.error.empty() ? entry.description : "cannot be used, see below"});
  }
  print_table(rows);
  for (const auto& entry : list) {
    if (!entry.error.empty()) fmt::print("\n{}:\n{}\n", entry.name, entry.error);
    print_shadows(entry);
  }
}

void print_one(const TemplateListing& entry) {
  if (!entry.error.empty()) throw Error(ErrorKind::config, entry.error);
  fmt::print("{}: {}\n{}\n", entry.name, entry.description, entry.file);
  print_shadows(entry);
  if (!entry.head.empty()) fmt::print("\n{}", entry.head);
  std::vector<std::vector<std::string>> rows{{"\nPARAMETER", "DEFAULT", ""}};
  for (const auto& parameter : entry.parameters) {
    rows.push_back({parameter.name, parameter.value.empty() ? "''" : parameter.value, parameter.comment});
  }
  if (rows.size() > 1) print_table(rows);
  const auto list = [](std::string_view what, const auto& items, const auto& text_of) {
    if (items.empty()) return;
    fmt::print("\n{}:\n", what);
    for (const auto& item : items) fmt::print("  {}\n", text_of(item));
  };
  list("outputs", entry.spec.outputs, [](const std::string& output) { return output; });
  list("results", entry.spec.results, [](const Result& result) { return result.name; });
  list("checked before anything is submitted", entry.spec.checks,
       [](const NodeCheck& check) { return describe(check); });
}

int show(const std::string& name, bool json) {
  const auto folders = template_folders(std::filesystem::current_path().string());
  auto list = list_templates(folders);
  if (!name.empty()) {
    const auto found = std::ranges::find(list, name, &TemplateListing::name);
    if (found == list.end()) {
      std::vector<std::string_view> names;
      names.reserve(list.size());
      for (const auto& entry : list) names.push_back(entry.name);
      throw Error(ErrorKind::not_found, fmt::format("there is no template '{}'", name),
                  suggestion(name, names));
    }
    list = {*found};
  }
  if (json) {
    boost::json::array all;
    for (const auto& entry : list) all.push_back(to_json(entry));
    fmt::print("{}\n", boost::json::serialize(all));
  } else if (name.empty()) {
    print_list(list);
  } else {
    print_one(list.front());
  }
  return exit_ok;
}

}  // namespace

void add_templates(CLI::App& app, Context&, Chosen& chosen) {
  auto* verb = app.add_subcommand("templates", "list the job templates, or show one with its parameters");
  auto name = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  verb->add_option("name", *name, "a template's name")->type_name("NAME");
  verb->add_flag("--json", *json, "as JSON");
  verb->footer("Example:  catena templates vasp");
  verb->callback([&chosen, name, json] { chosen.action = [name, json] { return show(*name, *json); }; });
}

}  // namespace catena::cli
