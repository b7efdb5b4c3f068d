#include <gmock/gmock.h>

#include "core/scheduler_text.h"

namespace catena {
namespace {

// qstat complains once for each of the ids that it was asked for.
TEST(SchedulerText, AComplaintIsSaidOnce) {
  CommandResult result;
  result.status = 255;
  result.err = "Connection refused\ncannot connect\nConnection refused\ncannot connect\n";
  EXPECT_EQ(words_of(result), "Connection refused; cannot connect");
  result.err.clear();
  EXPECT_EQ(words_of(result), "exit status 255");
  result.timed_out = true;
  EXPECT_EQ(words_of(result), "no answer in time");
}

}  // namespace
}  // namespace catena
