// When a failed attempt is followed by another one, after how long, and with which resources.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/graph.h"
#include "core/report.h"
#include "core/resources.h"
#include "core/store.h"
#include "core/workflow.h"

namespace catena {

// The node's own rule, else the workflow's; nullptr: there is none.
const Retry* retry_of(const Workflow& workflow, const NodeSpec& spec);

// Whether an attempt that ended like this is followed by another; `failures` counts it already.
bool retry_follows(const Retry& retry, int failures, JobState how, std::optional<int> exit_code);

// By node: whether a failure of its present attempt, or of its first one, may be followed by another attempt.
std::vector<bool> may_be_tried_again(const Workflow& workflow, const Graph& graph,
                                     std::span<const NodeRow> rows);

// How long the attempt after so many failures waits: backoff, backoff x factor, …, at most max_delay.
Seconds retry_delay(const Retry& retry, int failures);

// What a job's script needs to know to try again in its own job.
struct TriesInJob {
  std::vector<Seconds> delays;  // one a further try: how long it waits before it
  std::vector<int> permanent;   // exit codes after which there is none
  std::string requeue;          // SubmitText::requeue; empty: in place
};
// Nothing where each attempt is a new job: by the rule (else the site's), because the scheduler does not
// requeue, or since a failure is not among what is tried again.
std::optional<TriesInJob> tries_in_job(const Retry& retry, RetryHow site, int failures,
                                       std::string_view requeue);

// What the attempt after so many failures asks for: "x1.5" is taken `failures` times, anything else replaces.
Resources raised(Resources resources, const Retry& retry, int failures);

// What is wrong with `text` for the resource `name` in retry.resources, or empty.
std::string check_raise(std::string_view name, std::string_view text);

}  // namespace catena
