// Looks for what is wrong with a store.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "adapters/store/sqlite.h"
#include "core/checkup.h"
#include "core/store.h"

namespace catena {

struct Examination {
  std::int64_t runs = 0, nodes = 0, attempts = 0;  // those that can be read
  std::vector<Finding> findings;                   // problems and notes; empty: nothing to say
  bool damaged = false;                            // SQLite itself cannot read all of it
  bool indexes_differ = false;                     // from the rows that they are of
  std::vector<std::string> missing_schema;         // the SQL that makes missing indexes and triggers again
  std::vector<Lease> dead;                         // leases of processes that are gone
  bool sound() const;                              // no problem; notes do no harm
};

// Checks SQLite's own structures, then what catena promises of its rows: sums, one attempt of a node at the
// scheduler at a time, tokens, states, what belongs to what. Changes nothing. `is_alive`: whether a lease's
// owner lives. Throws Error(conflict) where another process holds the database.
Examination examine(Database& db, const std::function<bool(const Lease&)>& is_alive);
// The same within a transaction of the caller.
Examination examine_in(Database& db, const std::function<bool(const Lease&)>& is_alive);

}  // namespace catena
