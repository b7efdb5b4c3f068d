// A folder with catena's store, a site whose scheduler lies, and what there is to ask about a run.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "adapters/store/sqlite_store.h"
#include "sandbox.h"
#include "slurm_liar.h"

namespace catena {

struct LiarRun {
  explicit LiarRun(const SlurmLiar::Settings& settings = {}, const std::string& more = "")
      : liar(box.dir / "liar", settings) {
    box.environment = liar.environment();
    box.write("sites/slurm.ini",
              "[transport]\nkind = local\n[scheduler]\nkind = slurm\npoll = 0s\ntimeout = 1s\n"
              "settle = 2s\n" +
                  more);
  }
  ~LiarRun() { liar.tell_the_truth(); }

  // The body of a node: writes that it has started; lingers where its job is not to end by itself; then
  // `then`; then writes that it has succeeded.
  static std::string body(const std::string& log, const std::string& then = ":") {
    return "      echo \"start $CATENA_NODE $CATENA_TOKEN\" >> '" + log +
           "'\n"
           "      while [ -e \"$CATENA_LIAR_DOOMED\" ]; do sleep 0.05; done\n"
           "      " +
           then +
           "\n"
           "      echo \"ok $CATENA_NODE $CATENA_TOKEN\" >> '" +
           log + "'\n";
  }
  std::string log() const { return (box.dir / "log").string(); }
  // How often a body of this node wrote this word.
  long count(const std::string& word, const std::string& node) const {
    std::istringstream in(box.read("log"));
    long n = 0;
    for (std::string line; std::getline(in, line);) n += line.starts_with(word + " " + node + " ") ? 1 : 0;
    return n;
  }
  // One more pass, and whether the run has ended.
  bool passed() const {
    box.catena("sync r");
    return terminal(SqliteStore(box.dir / "home/catena.db", OpenMode::read_only).load("r").run.state);
  }
  // Passes until the run has ended.
  bool ends(int seconds = 60) const {
    return box.until([&] { return passed(); }, seconds);
  }
  bool idle() const {
    return box.until([&] { return liar.idle(); }, 10);
  }

  Sandbox box{"slurm"};
  SlurmLiar liar;
};

}  // namespace catena
