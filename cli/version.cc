// catena version
#include <fmt/core.h>
#include <sqlite3.h>

#include <boost/json.hpp>
#include <boost/version.hpp>

#include "cli/verbs.h"

namespace catena::cli {

void add_version(CLI::App& app, Context&, Chosen& chosen) {
  auto* verb = app.add_subcommand("version", "say which catena this is");
  auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "as JSON");
  verb->callback([&chosen, json] {
    chosen.action = [json] {
      if (*json) {
        fmt::print("{}\n", boost::json::serialize(boost::json::object{{"version", CATENA_VERSION},
                                                                      {"sqlite", sqlite3_libversion()}}));
      } else {
        fmt::print("catena {} (SQLite {}, Boost {})\n", CATENA_VERSION, sqlite3_libversion(),
                   BOOST_LIB_VERSION);
      }
      return static_cast<int>(exit_ok);
    };
  });
}

}  // namespace catena::cli
