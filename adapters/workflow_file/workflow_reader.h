// From a workflow file (YAML or JSON, docs/workflow.md) to a Workflow, with its templates and scripts taken
// in.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapters/workflow_file/source.h"
#include "core/diagnostic.h"
#include "core/header.h"
#include "core/workflow.h"

namespace catena {

// What reading needs to know of the rest of the program.
struct ReaderContext {
  std::vector<std::filesystem::path> template_folders;  // searched in this order
  std::vector<HeaderReader>
      header_readers;  // asked in this order; the first that finds its dialect's directives is taken
  std::vector<std::string> dialects;  // the keys that scheduler_options may have; empty: any
};

struct ReadWorkflow {
  Workflow workflow;
  std::vector<Diagnostic> warnings;  // what was left out of scripts' headers, in the order found
};

// Every mistake goes to `diagnostics`; the workflow is then not to be used. A file whose name ends in .json
// is JSON, and so is one without a .yaml or .yml ending that starts like a JSON object. Nodes named in
// `after` are checked by expand().
ReadWorkflow read_workflow(Source& source, const ReaderContext& context, Diagnostics& diagnostics);

}  // namespace catena
