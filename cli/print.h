// How runs and nodes are shown, to people and as JSON. docs/commands.md has the JSON's schema.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "core/engine.h"

namespace catena::cli {

std::string duration_text(Seconds duration);        // "4s", "3m12s", "2h05m", "3d04h"
std::string size_text(std::uintmax_t bytes);        // "12.3M"
std::string iso_time(Time time);                    // "2026-11-21T05:00:00Z"
std::string counts_text(const RunRow& run);         // "3 completed, 2 running, 1 held"
std::string age_text(const RunRow& run, Time now);  // "as of 3s ago"

boost::json::object to_json(const RunRow& run);
boost::json::object to_json(const Run& run, NodeIndex node, const std::vector<ResultRow>& results);
boost::json::value to_json(const Value& value);
// An event of a run, of its node `node` or, if that is empty, of the run itself.
boost::json::object to_json(const RunRow& run, const Event& event, const std::string& node);
// A node's summary: label, value, unit, of the results that its last attempt has.
boost::json::array summary_of(const Run& run, NodeIndex node, const std::vector<ResultRow>& results);

// Columns as wide as they need to be; the last one is not padded.
void print_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace catena::cli
