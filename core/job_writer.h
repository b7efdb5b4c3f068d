// From a planned node to the job that is sent: renders it and writes its script. One for a run and a site.
#pragma once

#include <functional>
#include <vector>

#include "core/arrays.h"
#include "core/dialect.h"
#include "core/expand.h"
#include "core/job.h"
#include "core/plan.h"
#include "core/site.h"
#include "core/store.h"

namespace catena {

// Whether and how this run's elements go out in job arrays. `dialect`: nullptr for the local backend.
ArrayRules array_rules(const Site& site, const Dialect* dialect, const RunRow& run);

class JobWriter {
 public:
  // `dialect`: nullptr for the local backend. All must outlive the writer.
  JobWriter(const Workflow& workflow, const Graph& graph, const RunRow& run, const Site& site,
            const Dialect* dialect);

  struct Written {
    Submission submission;
    // Of each of its jobs:
    std::vector<Rendered> nodes;
    std::vector<std::string> reasons;
  };
  // The window as one submission, parents before children, elements of a foreach in job arrays where the site
  // and its scheduler let them. `nodes`, `attempts`: as recorded; a node is left out that waits for one which
  // is neither in the window nor at the scheduler. After failed attempts a node's retry rule says how long
  // the scheduler is to wait and what is asked for. Throws Error(config) with every mistake.
  Written write(std::span<const PlannedNode> window, std::span<const NodeRow> nodes,
                std::span<const Attempt* const> attempts) const;

  // The node with everything filled in, as it was when its job was written. Throws Error(config).
  Rendered rendered(NodeIndex node) const;

  // {{ }} of an input's text.
  RenderedInput fill_in(NodeIndex node, const Rendered& rendered, std::string_view file,
                        std::string_view text) const;

  // Every mistake that rendering can find in these nodes, and options that the dialect refuses.
  void check(std::span<const PlannedNode> nodes, Diagnostics& diagnostics) const;

 private:
  Rendered render(NodeIndex node, Diagnostics& diagnostics) const;
  // What of a node's children its job has to know; of an array's elements, of all their children.
  struct Followers {
    bool any = false, other_than_ok = false;
  };
  Followers followers(NodeIndex node, bool of_all_elements) const;
  Job write(const PlannedNode& planned, const NodeRow& row, bool array, const Followers& followers,
            std::vector<Dependency> dependencies, Rendered& rendered) const;
  JobArray array_of(std::span<const Job> elements, std::size_t first) const;
  const Workflow& workflow_;
  const Graph& graph_;
  const RunRow& run_;
  const Site& site_;
  const Dialect* dialect_;
  const SubmitText submit_;  // its words; made once, since a run may have a hundred thousand jobs
  RunFacts facts_;
};

}  // namespace catena
