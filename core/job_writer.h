// From a planned node to the job that is sent: renders it and writes its script. One for a run and a site.
#pragma once

#include <functional>
#include <vector>

#include "core/dialect.h"
#include "core/expand.h"
#include "core/job.h"
#include "core/plan.h"
#include "core/site.h"
#include "core/store.h"

namespace catena {

class JobWriter {
 public:
  // `dialect`: nullptr for the local backend. All must outlive the writer.
  JobWriter(const Workflow& workflow, const Graph& graph, const RunRow& run, const Site& site,
            const Dialect* dialect);

  struct Written {
    Job job;
    Rendered node;
  };
  // `dependencies` are the planned parents as the submission knows them. After `failures` failed attempts the
  // node's retry rule says how long the scheduler is to wait and what is asked for. Throws Error(config) with
  // every mistake.
  Written write(const PlannedNode& planned, int attempt, std::vector<Dependency> dependencies,
                int failures = 0) const;

  // The node with everything filled in, as it was when its job was written. Throws Error(config).
  Rendered rendered(NodeIndex node) const;

  // {{ }} of an input's text.
  RenderedInput fill_in(NodeIndex node, const Rendered& rendered, std::string_view file,
                        std::string_view text) const;

  // Every mistake that rendering can find in these nodes, and options that the dialect refuses.
  void check(std::span<const PlannedNode> nodes, Diagnostics& diagnostics) const;

 private:
  Rendered render(NodeIndex node, Diagnostics& diagnostics) const;
  const Workflow& workflow_;
  const Graph& graph_;
  const RunRow& run_;
  const Site& site_;
  const Dialect* dialect_;
  RunFacts facts_;
};

}  // namespace catena
