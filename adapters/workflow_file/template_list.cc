#include "adapters/workflow_file/template_list.h"

#include <algorithm>

#include "adapters/workflow_file/node_reader.h"
#include "adapters/workflow_file/source.h"
#include "core/error.h"
#include "core/split.h"

namespace catena {
namespace {

// Behind a value of one line that begins at `column` (from 1): the text after " #".
std::string comment_behind(std::string_view line, int column) {
  auto at = static_cast<std::size_t>(std::max(0, column - 1));
  if (at < line.size() && (line[at] == '\'' || line[at] == '"')) {
    const char quote = line[at];
    for (++at; at < line.size() && line[at] != quote; ++at) {
      if (quote == '"' && line[at] == '\\') ++at;
    }
  }
  const auto mark = line.find(" #", at);
  if (mark == std::string_view::npos) return {};
  const auto start = line.find_first_not_of(" \t", mark + 2);
  return start == std::string_view::npos ? std::string() : std::string(line.substr(start));
}

void read(TemplateListing& listing) {
  auto source = Source::from_file(listing.file);
  const auto text = source.text();
  Diagnostics diagnostics;
  const Scope scope{diagnostics, listing.file, {}};
  std::vector<DocumentProblem> problems;
  const Document document = parse_yaml(text, problems);
  for (auto& problem : problems) scope.error(problem.at, problem.message, problem.hint);
  const auto lines = split_ended(text, '\n');
  for (const auto line : lines) {
    if (!line.starts_with('#')) break;
    const auto start = line.find_first_not_of("# ");
    if (start != std::string_view::npos) listing.head.append(line.substr(start)).push_back('\n');
  }
  if (const Item* root = document.root()) {
    auto draft = read_template(scope, *root);
    listing.description = std::move(draft.description);
    listing.spec = std::move(draft.spec);
    if (const Item* params = root->find("params"); params != nullptr && params->kind == Item::Kind::map) {
      for (const Item& item : params->children()) {
        const auto* value = find(listing.spec.params, item.key);
        const auto line = static_cast<std::size_t>(item.at.line);
        if (value == nullptr || line == 0 || line > lines.size()) continue;
        listing.parameters.push_back(
            {std::string(item.key), to_text(*value), comment_behind(lines[line - 1], item.at.column)});
      }
    }
  } else if (problems.empty()) {
    scope.error({1, 1}, "the file is empty");
  }
  diagnostics.throw_if_any();
}

}  // namespace

std::vector<TemplateListing> list_templates(std::span<const std::filesystem::path> folders) {
  std::vector<TemplateListing> list;
  for (const auto& name : template_names(folders)) {
    TemplateListing listing;
    listing.name = name;
    for (const auto& folder : folders) {
      const auto file = folder / (name + ".yaml");
      std::error_code code;
      if (!std::filesystem::exists(file, code)) continue;
      if (listing.file.empty()) {
        listing.file = file.string();
      } else {
        listing.shadows.push_back(file.string());
      }
    }
    try {
      read(listing);
    } catch (const Error& error) {
      listing.error = error.what();
    }
    list.push_back(std::move(listing));
  }
  return list;
}

}  // namespace catena
