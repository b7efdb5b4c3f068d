// Which elements of a foreach go out as one job array, and what the array is made of.
#include <gmock/gmock.h>

#include "core/arrays.h"
#include "core/job.h"
#include "core/job_writer.h"
#include "toy_dialect.h"

namespace catena {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Arrays : public testing::Test {
 protected:
  NodeSpec& node(const std::string& name, int elements = 0, std::vector<After> after = {}) {
    NodeSpec spec;
    spec.name = name;
    spec.body = "echo {{ node.index }}\n";
    spec.after = std::move(after);
    if (elements > 0) {
      Axis axis{"i", {}};
      for (int i = 1; i <= elements; ++i)
        axis.values.push_back(Value::of(std::to_string(i), Value::Kind::number));
      spec.foreach = Foreach{{axis}, false};
    }
    workflow_.nodes.push_back(std::move(spec));
    return workflow_.nodes.back();
  }
  void begin() {
    graph_ = expand(workflow_, mistakes_);
    rows_.resize(graph_.size());
    attempts_.resize(graph_.size());
    run_.directory = "/scratch/run";
  }
  JobWriter::Written written() {
    const auto plan = make_plan(graph_, rows_, attempts_, {}, false);
    return JobWriter(workflow_, graph_, run_, site_, &dialect_).write(plan.submit, rows_, attempts_);
  }
  // "a.1 a.2|b": the units of a submission in their order.
  std::string shape() {
    const auto all = written().submission;
    std::string text;
    for (std::size_t i = 0, array = 0; i < all.jobs.size();) {
      std::size_t count = 1;
      if (array < all.arrays.size() && all.arrays[array].first == i) count = all.arrays[array++].count;
      for (const auto end = i + count; i < end; ++i)
        text += (text.empty() || text.back() == '|' ? "" : " ") + graph_.node(all.jobs[i].node).name;
      text += "|";
    }
    return text;
  }

  Workflow workflow_;
  Graph graph_;
  Diagnostics mistakes_;
  RunRow run_;
  Site site_;
  ToyDialect dialect_;
  std::vector<NodeRow> rows_;
  std::vector<const Attempt*> attempts_;
};

TEST_F(Arrays, ElementsThatWaitForTheSameGoTogether) {
  node("a");
  node("b", 3, {{"a", On::ok, {}}});
  node("c", 0, {{"b", On::any, {}}});
  begin();
  EXPECT_EQ(shape(), "a|b.1 b.2 b.3|c|");
  const auto all = written();
  EXPECT_EQ(all.submission.arrays.at(0).indices, "1-3");
  const auto& job = all.submission.jobs[2];
  EXPECT_EQ(job.token, all.submission.jobs[1].array->token + "_2");
  EXPECT_EQ(job.name, "b." + job.array->token);
  EXPECT_EQ(job.log_out, "/scratch/run/logs/b.2.1.out");
  EXPECT_EQ(token_of(job.name), job.array->token);
  ASSERT_EQ(all.submission.arrays.size(), 1U);
  EXPECT_THAT(all.submission.arrays[0].scripts.content, HasSubstr("\n#" + job.token + "\n#!/bin/bash\n"));
  EXPECT_THAT(all.submission.arrays[0].scripts.target, HasSubstr("/scratch/run/.catena/arrays/"));
}

TEST_F(Arrays, OneElementAloneIsAJobAsAnyOther) {
  node("b", 3);
  begin();
  Attempt attempt;
  attempt.state = AttemptState::submitted;
  attempt.native_id = "7";
  for (const NodeIndex node : {0U, 2U}) {
    rows_[node].state = NodeState::queued;
    attempts_[node] = &attempt;
  }
  EXPECT_EQ(shape(), "b.2|");
  EXPECT_EQ(written().submission.jobs[0].token, make_token("/scratch/run", "b.2", 1));
}

TEST_F(Arrays, WhatAsksForDifferentThingsOrWaitsForDifferentOnesGoesApart) {
  node("a", 2);
  node("b", 2).templated_resources = {{"memory", "{{ i }}G"}};
  auto& c = node("c", 2);
  c.scheduler_options["toy"] = {"--mail={{ i }}"};
  node("d", 3, {{"a.1", On::ok, {}}});
  site_.scheduler = "toy";
  begin();
  EXPECT_EQ(shape(), "a.1 a.2|b.1|b.2|c.1|c.2|d.1 d.2 d.3|");
  rows_[graph_.find("a.1")].attempts = 1;
  rows_[graph_.find("a.1")].failures = 1;
  EXPECT_THAT(shape(), HasSubstr("a.1|a.2|")) << "one is tried again";
}

// PBS: no lists, and no other job can wait for an element.
TEST_F(Arrays, WithoutGapsAndOnlyWhereNothingFollowsWhereTheSchedulerKnowsNoMore) {
  node("a", 3);
  node("b", 6, {{"a", On::any, {}}});
  begin();
  rows_[graph_.find("b.3")].failures = 1;
  const auto plan = make_plan(graph_, rows_, attempts_, {}, false);
  std::string text;
  for (const auto& unit : units(workflow_, graph_, plan.submit, rows_, attempts_, {1000, false, false})) {
    for (const auto member : unit.members) text += graph_.node(plan.submit[member].node).name + " ";
    text += "|";
  }
  EXPECT_EQ(text, "a.1 |a.2 |a.3 |b.1 b.2 |b.4 b.5 b.6 |b.3 |");
}

TEST_F(Arrays, ElementToElementEdgesLeadFromArrayToArray) {
  node("a", 3);
  node("b", 3, {{"a", On::ok, {}, true}});
  node("c", 3, {{"b", On::any, {}, true}});
  begin();
  ASSERT_THAT(mistakes_.list(), IsEmpty());
  EXPECT_EQ(graph_.edge_count(), 6U);
  EXPECT_EQ(shape(), "a.1 a.2 a.3|b.1 b.2 b.3|c.1|c.2|c.3|") << "only ok is one that arrays have";
  const auto all = written().submission;
  const auto& of_b = all.jobs[4].dependencies;
  ASSERT_EQ(of_b.size(), 1U);
  EXPECT_TRUE(of_b[0].each);
  EXPECT_EQ(of_b[0].in_submission, 1U);
  EXPECT_FALSE(all.jobs[7].dependencies.at(0).each);
}

// What was submitted by an earlier pass is known by its id.
TEST_F(Arrays, AnArrayFollowsTheArrayOfAnEarlierPass) {
  node("a", 3);
  node("b", 3, {{"a", On::ok, {}, true}});
  begin();
  std::array<Attempt, 3> out;
  for (NodeIndex i = 0; i < 3; ++i) {
    out[i].token = "tokentoken_" + std::to_string(i + 1);
    out[i].native_id = i < 2 ? "41_" + std::to_string(i + 1) : "99";
    if (i == 2) out[i].token = "aloneatoken";
    out[i].state = AttemptState::submitted;
    attempts_[i] = &out[i];
    rows_[i].state = NodeState::running;
  }
  EXPECT_EQ(shape(), "b.1 b.2|b.3|") << "the third one's parent is no element of that array";
  const auto jobs = written().submission.jobs;
  EXPECT_TRUE(jobs[1].dependencies.at(0).each);
  EXPECT_EQ(jobs[1].dependencies[0].native_id, "41_2");
  EXPECT_FALSE(jobs[2].dependencies.at(0).each);
}

TEST_F(Arrays, AreAsLargeAsTheSiteLetsThem) {
  site_.max_array = 2;
  node("a", 5);
  begin();
  EXPECT_EQ(shape(), "a.1 a.2|a.3 a.4|a.5|");
  const auto jobs = written().submission.jobs;
  EXPECT_EQ(jobs[3].array->index, 2);
  EXPECT_EQ(jobs[3].log_err, "/scratch/run/logs/a+2.2.1.err");
  EXPECT_NE(jobs[3].token, jobs[1].token);
  site_.max_array = 0;
  EXPECT_EQ(shape(), "a.1|a.2|a.3|a.4|a.5|");
}

TEST_F(Arrays, AreHeldWhereAnythingFollowsOneOfTheirElements) {
  node("a", 3);
  node("b", 0, {{"a.2", On::notok, {}}});
  begin();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(written().submission.jobs[i].held);
    EXPECT_TRUE(written().submission.jobs[i].other_than_ok_follows);
  }
}

TEST_F(Arrays, AnEachBetweenDifferentNumbersIsAMistake) {
  node("a", 3);
  node("b", 2, {{"a", On::ok, {}, true}});
  node("c", 0, {{"a", On::ok, {}, true}});
  node("d", 3, {{"a.1", On::ok, {}, true}});
  begin();
  std::string all;
  for (const auto& each : mistakes_.list()) all += each.message + "\n";
  EXPECT_EQ(all,
            "after: each: 'a' has 3 elements, and this node 2 elements\n"
            "after: each: 'a' has 3 elements, and this node no foreach\n"
            "after: each: 'a.1' has no foreach, and this node 3 elements\n");
}

TEST(Ranges, OfNumbersInAnyOrder) {
  EXPECT_EQ(ranges_of({3, 1, 2, 7, 9, 8, 12}), "1-3,7-9,12");
  EXPECT_EQ(ranges_of({}), "");
}

}  // namespace
}  // namespace catena
