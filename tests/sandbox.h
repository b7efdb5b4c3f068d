// The catena program as a user runs it: a folder, a store and sites of its own.
#pragma once

#include <stdlib.h>
#include <sys/wait.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

namespace catena {

struct Said {
  int status = 0;
  std::string out, err;
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return std::move(all).str();
}

// What a shell command prints, errors too.
inline std::string shell_output(const std::string& command) {
  std::string out;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe)) out += buffer;
  pclose(pipe);
  return out;
}

class Sandbox {
 public:
  // `site`: "local", or "slurm" for the private cluster whose SLURM_CONF is in the environment.
  explicit Sandbox(std::string site = "local") : site_(std::move(site)) {
    const char* base = getenv("TMPDIR");
    std::string name = std::string(base ? base : "/tmp") + "/catena-sandbox.XXXXXX";
    dir = mkdtemp(name.data());
    write("sites/slurm.ini",
          "[scheduler]\nkind = slurm\npoll = 1s\nsettle = 20s\n[transport]\nkind = local\n");
    write("sites/local.ini", "[scheduler]\nkind = local\n[limits]\ncpus = 4\nmemory = 8G\nkill_grace = 1s\n");
    // Beside the private SLURM, behind the private SSH server: scripts/sshd.
    if (const char* config = getenv("CATENA_TEST_SSH_CONFIG"))
      write("sites/ssh.ini", std::string("[scheduler]\nkind = slurm\npoll = 1s\nsettle = 20s\n[transport]\n"
                                         "host = catena-default\nscratch = $HOME/catena-runs/") +
                                 dir.filename().string() + "\nssh_config = " + config + "\n");
  }
  ~Sandbox() {
    if (keep) return;
    std::error_code error;
    std::filesystem::remove_all(dir, error);
  }
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir / name).parent_path());
    std::ofstream(dir / name, std::ios::binary) << text;
  }
  std::string read(const std::string& name) const { return read_text(dir / name); }

  // Runs `catena ARGUMENTS` (shell words) in the folder.
  Said catena(const std::string& arguments) const {
    const auto out = dir / ".out", err = dir / ".err";
    const auto command = "cd '" + dir.string() + "' && " + environment + " CATENA_HOME='" +
                         (dir / "home").string() + "' CATENA_SITE_PATH='" + (dir / "sites").string() + "' '" +
                         binary + "' " + arguments + " > '" + out.string() + "' 2> '" + err.string() +
                         "' < /dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(out), read_text(err)};
  }
  // Writes the workflow as NAME.yaml and submits it on this sandbox's site.
  Said run(const std::string& name, const std::string& yaml, const std::string& more = "") const {
    write(name + ".yaml", yaml);
    return catena("run " + name + ".yaml --site " + site_ + " " + more);
  }
  boost::json::object status(const std::string& run = "", const std::string& more = "") const {
    const auto said = catena("status " + run + " --json " + more);
    return said.status == 0 ? boost::json::parse(said.out).as_object()
                            : boost::json::object{{"error", said.err}};
  }
  // {"a": "completed", …}, and the state of one node.
  std::string state(const std::string& node, const std::string& run = "") const {
    const auto all = status(run);
    if (!all.contains("nodes")) return boost::json::serialize(all);
    for (const auto& each : all.at("nodes").as_array()) {
      if (each.at("name").as_string() == node) return std::string(each.at("state").as_string());
    }
    return "no such node";
  }
  bool until(const std::function<bool()>& condition, int seconds = 60) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
  }
  const std::string& site() const { return site_; }

  std::filesystem::path dir;
  bool keep = false;
  std::string environment;  // NAME=VALUE words of the shell, for every call
  std::string binary = CATENA_BINARY;

 private:
  std::string site_;
};

}  // namespace catena
