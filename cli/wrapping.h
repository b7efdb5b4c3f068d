// What may be put around the parts of the program as they are made, to watch or to break what goes through
// them. An empty function leaves a part as it is: `catena` has none but empty ones.
#pragma once

#include <functional>
#include <memory>

#include "core/backend.h"
#include "core/site.h"
#include "core/store.h"
#include "core/transport.h"

namespace catena::cli {

struct Wrapping {
  // What is given refers to the part that it is put around, which outlives it.
  std::function<std::unique_ptr<Store>(Store&)> store;
  std::function<std::unique_ptr<Leases>(Leases&)> leases;
  std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)> transport;
  std::function<std::unique_ptr<Backend>(std::unique_ptr<Backend>, const Site&)> backend;
};

}  // namespace catena::cli
