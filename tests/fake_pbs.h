// The scripted PBS server of tests/fake_pbs for one test: its commands go before all others on PATH, its
// state is in the sandbox, and its jobs end with the test.
#pragma once

#include <string>

#include "sandbox.h"

namespace catena {

class FakePbs {
 public:
  // `kind`: "pbs" or "torque"; the sandbox's site of that name is on this server.
  FakePbs(const Sandbox& box, std::string kind) : box_(box), kind_(std::move(kind)) {
    static const std::string path = getenv("PATH");
    setenv("PATH", (CATENA_SOURCE_DIR "/tests/fake_pbs:" + path).c_str(), 1);
    setenv("FAKE_PBS", (box.dir / "server").c_str(), 1);
    tell("slots", "16");
    if (kind_ == "torque") tell("torque");
    site("");
  }
  ~FakePbs() {
    // Jobs that still run write into the folder that goes away.
    shell_output("qdel $(qstat -f | sed -n 's/^Job Id: //p')");
    box_.until([] { return shell_output("qstat -f").find("job_state = R") == std::string::npos; }, 10);
  }
  FakePbs(const FakePbs&) = delete;
  FakePbs& operator=(const FakePbs&) = delete;

  // Writes the site file again, with more lines for its [scheduler].
  void site(const std::string& more) const {
    box_.write("sites/" + kind_ + ".ini",
               "[scheduler]\nkind = " + kind_ + "\npoll = 0s\nsettle = 2s\n" + more);
  }
  // Tells the server to behave otherwise; see tests/fake_pbs/fake_pbs.py.
  void tell(const std::string& name, const std::string& text = "") const {
    box_.write("server/" + name, text);
  }
  void take_back(const std::string& name) const { std::filesystem::remove(box_.dir / "server" / name); }

 private:
  const Sandbox& box_;
  const std::string kind_;
};

}  // namespace catena
