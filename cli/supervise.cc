// catena _supervise RUN_DIR: the local backend's supervisor; started by catena itself, not by people.
#include "adapters/local/supervisor.h"
#include "cli/verbs.h"

namespace catena::cli {

void add_supervise(CLI::App& app, Context&, Chosen& chosen) {
  auto* verb = app.add_subcommand("_supervise", "")->group("");
  auto directory = std::make_shared<std::string>();
  verb->add_option("directory", *directory)->required();
  verb->callback(
      [&chosen, directory] { chosen.action = [directory] { return local::supervise(*directory); }; });
}

}  // namespace catena::cli
