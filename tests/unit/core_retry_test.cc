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

TEST(Retry, TriesInTheSameJobAreWhatIsLeftOfThem) {
  Retry retry;
  retry.max = 3;
  retry.backoff = Seconds{10};
  EXPECT_FALSE(tries_in_job(retry, RetryHow::resubmit, 0, "requeue"));
  retry.how = RetryHow::in_place;
  const auto tries = tries_in_job(retry, RetryHow::resubmit, 1, "requeue");
  ASSERT_TRUE(tries);
  EXPECT_EQ(tries->delays, (std::vector{Seconds{20}, Seconds{40}})) << "one try was a job of its own";
  EXPECT_EQ(tries->requeue, "");
  EXPECT_FALSE(tries_in_job(retry, RetryHow::resubmit, 3, "requeue"));
  retry.on = {"oom"};
  EXPECT_FALSE(tries_in_job(retry, RetryHow::resubmit, 0, "requeue")) << "only a script that lives can do it";
}

TEST(Retry, WhereTheSchedulerDoesNotRequeueEachTryIsAJob) {
  Retry retry;
  retry.max = 1;
  ASSERT_TRUE(tries_in_job(retry, RetryHow::requeue, 0, "scontrol requeue"));
  EXPECT_EQ(tries_in_job(retry, RetryHow::requeue, 0, "scontrol requeue")->requeue, "scontrol requeue");
  EXPECT_FALSE(tries_in_job(retry, RetryHow::requeue, 0, ""));
  retry.resources = {{"memory", "x2"}};
  EXPECT_FALSE(tries_in_job(retry, RetryHow::requeue, 0, "scontrol requeue"))
      << "a job keeps what it asked for";
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
