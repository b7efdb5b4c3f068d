#include <gtest/gtest.h>

#include "core/retry.h"

namespace catena {
namespace {

TEST(Retry, DelaysGrowByTheirFactorUpToTheLargest) {
  Retry retry;
  retry.backoff = Seconds{10};
  retry.factor = 3;
  retry.max_delay = Seconds{60};
  EXPECT_EQ(retry_delay(retry, 1), Seconds{10});
  EXPECT_EQ(retry_delay(retry, 2), Seconds{30});
  EXPECT_EQ(retry_delay(retry, 3), Seconds{60});
  EXPECT_EQ(retry_delay(retry, 1000), Seconds{60}) << "no overflow";
}

TEST(Retry, ResourcesGrowWithEachFailureAndWhatIsNotAskedForStaysSo) {
  Retry retry;
  retry.resources = {{"walltime", "x1.5"}, {"memory", "x2"}, {"queue", "long"}, {"gpus", "x2"}};
  Resources asked;
  asked.walltime = Seconds{600};
  asked.memory = Bytes{1} << 30;
  EXPECT_EQ(raised(asked, retry, 0), asked);
  const auto second = raised(asked, retry, 2);
  EXPECT_EQ(second.walltime, Seconds{1350});
  EXPECT_EQ(second.memory, Bytes{4} << 30);
  EXPECT_EQ(second.queue, "long");
  EXPECT_FALSE(second.gpus);
}

TEST(Retry, APermanentExitCodeIsNotTriedAgain) {
  Retry retry;
  retry.max = 2;
  retry.permanent = {3};
  EXPECT_TRUE(retry_follows(retry, 1, JobState::failed, 1));
  EXPECT_FALSE(retry_follows(retry, 1, JobState::failed, 3));
  EXPECT_TRUE(retry_follows(retry, 2, JobState::timeout, std::nullopt));
  EXPECT_FALSE(retry_follows(retry, 3, JobState::failed, 1));
  EXPECT_FALSE(retry_follows(retry, 1, JobState::cancelled, std::nullopt));
}

TEST(Retry, AFactorIsForWhatCanBeMultiplied) {
  EXPECT_EQ(check_raise("walltime", "x1.5"), "");
  EXPECT_EQ(check_raise("walltime", "2h"), "");
  EXPECT_EQ(check_raise("queue", "xlong"), "") << "a queue's name";
  EXPECT_NE(check_raise("memory", "x"), "");
  EXPECT_NE(check_raise("memory", "x0"), "");
  EXPECT_NE(check_raise("memory", "much"), "");
}

}  // namespace
}  // namespace catena
