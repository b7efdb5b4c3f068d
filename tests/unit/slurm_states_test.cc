#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "captured_file.h"
#include "slurm/states.h"

namespace catena::slurm {
namespace {

JobState state_of(std::string_view text) {
  const auto* row = find_state(text);
  return row != nullptr ? row->state : JobState::unknown;
}

TEST(SlurmStates, EveryStateThatTheRealSqueueNamesIsInTheTable) {
  for (const std::string version : {"24.11.5", "26.05.5"}) {
    const auto text = captured_text("slurm-" + version + "/squeue_valid_states.txt");
    const std::string_view intro = "Valid job states include: ";
    const auto start = text.find(intro) + intro.size();
    std::istringstream list(text.substr(start, text.find('\n', start) - start));
    int count = 0;
    for (std::string name; std::getline(list, name, ','); ++count) {
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
      const auto* row = find_state(name);
      ASSERT_NE(row, nullptr) << version << ": " << name;
      EXPECT_EQ(row->name, name);
      EXPECT_FALSE(row->meaning.empty());
    }
    EXPECT_GE(count, 24) << version;
  }
}

TEST(SlurmStates, NamesAndCompactCodesAreUnique) {
  std::set<std::string_view> seen;
  for (const auto& row : native_states()) {
    EXPECT_TRUE(seen.insert(row.name).second) << row.name;
    if (!row.compact.empty() && row.compact != row.name) {
      EXPECT_TRUE(seen.insert(row.compact).second) << row.compact;
    }
  }
}

TEST(SlurmStates, CompactCodesMeanTheSame) {
  EXPECT_EQ(state_of("PD"), JobState::queued);
  EXPECT_EQ(state_of("CG"), JobState::running);
  EXPECT_EQ(state_of("R"), JobState::running);
  EXPECT_EQ(state_of("F"), JobState::failed);
  EXPECT_EQ(state_of("OOM"), JobState::oom);
}

TEST(SlurmStates, CancelledByAnybody) {
  EXPECT_EQ(state_of("CANCELLED by 0"), JobState::cancelled);
  EXPECT_EQ(state_of("CANCELLED by 1003"), JobState::cancelled);
  EXPECT_EQ(state_of("CANCELLED"), JobState::cancelled);
}

TEST(SlurmStates, TruncatedFields) {
  EXPECT_EQ(state_of("CANCELLED+"), JobState::cancelled);
  EXPECT_EQ(state_of("COMPLETI"), JobState::running);
  EXPECT_EQ(state_of("OUT_OF_ME+"), JobState::oom);
}

TEST(SlurmStates, AnAmbiguousPieceIsUnknown) {
  EXPECT_EQ(find_state("COMPLET"), nullptr);
  EXPECT_EQ(find_state("REQUEUE+"), nullptr);
}

TEST(SlurmStates, WhatIsNotInTheTableIsUnknown) {
  for (const auto* text : {"", "+", " ", "HIBERNATING", "COMPLETED_LATER", "CANC", "cancelled"}) {
    EXPECT_EQ(find_state(text), nullptr) << text;
  }
}

TEST(SlurmStates, ARequeuedJobHasNotEnded) {
  EXPECT_EQ(state_of("REQUEUED"), JobState::queued);
}

}  // namespace
}  // namespace catena::slurm
