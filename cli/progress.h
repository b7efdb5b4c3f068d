// A bar for files on their way, on a terminal only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace catena::cli {

class ProgressBar {
 public:
  ProgressBar();
  // Draws at most ten times a second; the last one, with done == all, ends the line.
  void show(std::string_view what, std::uintmax_t done, std::uintmax_t all);

 private:
  using SteadyClock = std::chrono::steady_clock;
  bool terminal_;
  SteadyClock::time_point begin_{}, drawn_{};
  std::uintmax_t last_ = 0;
};

// "staging in   [#######.......] 120M of 512M, 88M/s, 4s left"
std::string progress_line(std::string_view what, std::uintmax_t done, std::uintmax_t all, double seconds);

}  // namespace catena::cli
