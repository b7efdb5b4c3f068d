#include "cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include "cli/print.h"

namespace catena::cli {
namespace {

constexpr std::size_t width = 30;
constexpr std::chrono::milliseconds pause{100};

}  // namespace

std::string progress_line(std::string_view what, std::uintmax_t done, std::uintmax_t all, double seconds) {
  const auto full =
      all == 0 ? width
               : static_cast<std::size_t>(width * (static_cast<double>(done) / static_cast<double>(all)));
  std::string line = fmt::format("{:<12} [{:#<{}}{:.<{}}] {} of {}", what, "", full, "", width - full,
                                 size_text(done), size_text(all));
  if (seconds < 0.5 || done == 0) return line;
  const double rate = static_cast<double>(done) / seconds;
  line += fmt::format(", {}/s", size_text(static_cast<std::uintmax_t>(rate)));
  if (done < all)
    line += fmt::format(
        ", {} left",
        duration_text(Seconds(static_cast<std::int64_t>(static_cast<double>(all - done) / rate) + 1)));
  return line;
}

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressBar::show(std::string_view what, std::uintmax_t done, std::uintmax_t all) {
  if (!terminal_) return;
  const auto now = SteadyClock::now();
  if (last_ == 0 || done < last_) begin_ = now;  // a new transfer
  const bool ended = done == all;
  if (ended && last_ == done) return;
  last_ = done;
  if (!ended && now - drawn_ < pause) return;
  drawn_ = now;
  fmt::print(stderr, "\r\x1b[K{}{}",
             progress_line(what, done, all, std::chrono::duration<double>(now - begin_).count()),
             ended ? "\n" : "");
  std::fflush(stderr);
}

}  // namespace catena::cli
