// inih's silent readings (r55 as Debian builds it), each made a mistake or read as written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/site_file/ini.h"

namespace catena {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Outcome {
  std::vector<std::string> entries;   // "section.key=value@line"
  std::vector<std::string> mistakes;  // format()
};

Outcome read(std::string_view text) {
  Diagnostics diagnostics;
  const IniText ini = read_ini(text, "f", diagnostics);
  Outcome outcome;
  for (const IniEntry& e : ini.entries) {
    outcome.entries.push_back(e.section + "." + e.key + "=" + e.value + "@" + std::to_string(e.line));
  }
  for (const Diagnostic& d : diagnostics.list()) outcome.mistakes.push_back(format(d));
  return outcome;
}

TEST(Ini, ReadsEntriesWithTheirLines) {
  const Outcome got = read("# c\n[a]\n\nx = 1\n  ; c\n\ty=2\n[b]\nx =\n");
  EXPECT_THAT(got.entries, ElementsAre("a.x=1@4", "a.y=2@6", "b.x=@8"));
  EXPECT_THAT(got.mistakes, IsEmpty());
}

TEST(Ini, LinesOver200CharactersAreNotSplit) {
  const std::string value = std::string(300, 'v') + " k = w";
  EXPECT_THAT(read("[a]\nx = " + value + "\n").entries, ElementsAre("a.x=" + value + "@2"));
}

TEST(Ini, TheTailOfALongCommentIsNoKey) {
  const Outcome got = read("[a]\n# " + std::string(250, 'c') + " host = evil\nx = 1\n");
  EXPECT_THAT(got.entries, ElementsAre("a.x=1@3"));
  EXPECT_THAT(got.mistakes, IsEmpty());
}

TEST(Ini, TheLongestLineIsReadWholeAndALongerOneRefused) {
  const std::string longest = "x = " + std::string(ini_longest_line - 4, 'v');
  const Outcome good = read("[a]\n" + longest + "\ny = 1");
  ASSERT_EQ(good.entries.size(), 2u);
  EXPECT_EQ(good.entries[0].size(), ini_longest_line - 4 + std::string("a.x=@2").size());
  const Outcome bad = read("[a]\n" + longest + "v\ny = 1");
  EXPECT_THAT(bad.entries, ElementsAre("a.y=1@3"));
  EXPECT_THAT(bad.mistakes, ElementsAre(HasSubstr("f:2: the line is longer than 65000")));
}

TEST(Ini, SemicolonsAndHashesInValuesStay) {
  EXPECT_THAT(read("[a]\nx = one ; two # three\n").entries, ElementsAre("a.x=one ; two # three@2"));
}

TEST(Ini, AnIndentedKeyIsNotGluedToTheOneBefore) {
  EXPECT_THAT(read("[a]\nx = 1\n   y = 2\n").entries, ElementsAre("a.x=1@2", "a.y=2@3"));
}

TEST(Ini, AMissingEqualsSignIsAMistake) {
  const Outcome got = read("[a]\nx = 1\n  continued\ny = 2\n");
  EXPECT_THAT(got.entries, ElementsAre("a.x=1@2", "a.y=2@4"));
  EXPECT_THAT(got.mistakes, ElementsAre(HasSubstr("f:3: 'continued' is neither")));
}

TEST(Ini, ABadSectionHeaderIsAMistakeAndItsKeysGoNowhere) {
  const Outcome got = read("[a]\nx = 1\n[b\nx = 2\n[c]\nx = 3\n");
  EXPECT_THAT(got.entries, ElementsAre("a.x=1@2", "c.x=3@6"));
  EXPECT_THAT(got.mistakes, ElementsAre(HasSubstr("f:3: the section header '[b' has no ']'")));
}

TEST(Ini, TextBehindASectionHeaderIsNotLost) {
  EXPECT_THAT(read("[a] x = 1\n").mistakes,
              ElementsAre(HasSubstr("f:1: text behind the section header '[a]'")));
  EXPECT_THAT(read("[a] # c\n").mistakes, ElementsAre(HasSubstr("f:1: text behind")));
}

TEST(Ini, AColonIsNoEqualsSign) {
  const Outcome got = read("[a]\nx: 1\nPATH:y = 2\nz = h:1\n");
  EXPECT_THAT(got.entries, ElementsAre("a.z=h:1@4"));
  EXPECT_THAT(got.mistakes,
              ElementsAre(HasSubstr("f:2: ':' in the key 'x'"), HasSubstr("f:3: ':' in the key")));
}

TEST(Ini, ANulDoesNotHideTheRestOfItsLine) {
  const Outcome got = read(std::string_view("[a]\nx = 1\0 2\ny = 3\n", 19));
  EXPECT_THAT(got.entries, ElementsAre("a.y=3@3"));
  EXPECT_THAT(got.mistakes, ElementsAre(HasSubstr("f:2:6: a control character (0x00)")));
}

TEST(Ini, CarriageReturnsEndLinesOnlyBeforeNewlines) {
  const Outcome got = read("[a]\r\nx = 1\r\ny = 2\rz = 3\r\n");
  EXPECT_THAT(got.entries, ElementsAre("a.x=1@2"));
  EXPECT_THAT(got.mistakes, ElementsAre(HasSubstr("f:3:6: a control character (0x0d)")));
}

TEST(Ini, ByteOrderMarkIsPassedOver) {
  EXPECT_THAT(read("\xEF\xBB\xBF[a]\nx = 1").entries, ElementsAre("a.x=1@2"));
  EXPECT_THAT(read("\xEF\xBB\xBF# c\n[a]\nx = 1").entries, ElementsAre("a.x=1@3"));
}

TEST(Ini, ASecondHeaderOfTheSameNameIsAMistake) {
  const Outcome got = read("[a]\nx = 1\n[b]\n[a]\ny = 2\n");
  EXPECT_THAT(got.mistakes, ElementsAre("f:4: section [a] a second time (first in line 1)"));
}

TEST(Ini, SectionNamesAreNotCutAt49Characters) {
  EXPECT_THAT(read("[" + std::string(50, 'a') + "]\n").mistakes,
              ElementsAre(HasSubstr("is no section header")));
  EXPECT_THAT(read("[" + std::string(49, 'a') + "]\nx=1\n").entries,
              ElementsAre(std::string(49, 'a') + ".x=1@2"));
}

TEST(Ini, EmptyAndBlankHeadersAndKeysAreMistakes) {
  EXPECT_THAT(read("[]\n[ a ]\n[b]\n= 1\n").mistakes,
              ElementsAre(HasSubstr("f:1: '[]'"), HasSubstr("f:2: '[ a ]'"),
                          HasSubstr("f:4: a value without a key")));
}

TEST(Ini, TheLastLineNeedsNoNewline) {
  EXPECT_THAT(read("[a]\nx = 1").entries, ElementsAre("a.x=1@2"));
}

TEST(Ini, AllMistakesComeAtOnce) {
  EXPECT_EQ(read("[a\n[b] c\n[d]\ne\nf: 1\n").mistakes.size(), 4u);
}

}  // namespace
}  // namespace catena
