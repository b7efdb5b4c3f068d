// What there is to know of the templates: for people who look for one.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/workflow.h"

namespace catena {

struct TemplateParameter {
  std::string name;
  std::string value;    // its default
  std::string comment;  // what stands behind it in the file; may be empty
};

struct TemplateListing {
  std::string name;
  std::string file;
  std::string description;
  std::vector<std::string> shadows;  // files of the same name in later folders
  std::string error;                 // all its mistakes, one a line; empty: it can be used
  std::vector<TemplateParameter> parameters;
  std::string head;  // the comment at the top of the file, without the '#'
  NodeSpec spec;     // as read; the text of a script that it names is not taken in
};

// Every template of the folders, by name. The first folder that has one wins, as it does for a workflow.
// Throws nothing.
std::vector<TemplateListing> list_templates(std::span<const std::filesystem::path> folders);

}  // namespace catena
