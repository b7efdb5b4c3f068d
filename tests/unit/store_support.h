// What the tests of the store share: a folder of their own, small graphs, and children to be killed.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "adapters/store/sqlite_store.h"
#include "core/error.h"

namespace catena {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string name = testing::TempDir() + "catena-store-XXXXXX";
    folder_ = mkdtemp(name.data());
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));  // other users look in, too
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file() const { return folder_ / "home" / "catena.db"; }
  std::filesystem::path folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

inline Time at(std::int64_t seconds) {
  return Time(std::chrono::seconds(1'700'000'000 + seconds));
}

inline RunRow run_row(const std::string& id, const std::string& name = "flow") {
  RunRow run;
  run.id = id;
  run.name = name;
  run.file = "/home/ada/flow.yaml";
  run.site = "local";
  run.directory = "/scratch/ada/" + id;
  run.created = run.updated = at(0);
  return run;
}

// a chain of `size` nodes
inline Graph chain(NodeIndex size) {
  std::vector<Node> nodes;
  std::vector<Graph::Link> links;
  for (NodeIndex i = 0; i < size; ++i) {
    nodes.push_back({.name = "n" + std::to_string(i), .spec = i, .element = 0});
    if (i > 0) {
      links.push_back({.parent = i - 1, .child = i, .on = On::ok});
    }
  }
  return Graph(std::move(nodes), std::move(links));
}

inline Changes node_change(NodeIndex node, NodeState state, const std::string& reason = {},
                           int attempts = 1) {
  Changes changes;
  changes.nodes.push_back({node, {.state = state, .attempts = attempts, .reason = reason}});
  return changes;
}

inline Attempt attempt_of(NodeIndex node, const std::string& token, int number = 1) {
  Attempt attempt;
  attempt.node = node;
  attempt.number = number;
  attempt.token = token;
  attempt.intended = at(1);
  return attempt;
}

// Calls `body` in a child process and gives its wait status. The child must open its own database: SQLite's
// handles and locks do not survive a fork. What it throws ends it with 99.
inline int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
    }
    _exit(code);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

inline bool exited(int status, int code) {
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

// Root may write everywhere: tests of permissions go on as nobody.
inline void become_ordinary_user() {
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
    std::abort();
  }
}

// The error that `body` throws; a failure of the test if it throws none.
inline Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(ErrorKind::usage, "");
}

inline void write_file(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace catena
