#include <gtest/gtest.h>

#include "core/quote.h"

namespace catena {
namespace {

TEST(ShellQuote, SafeWordsStayAsTheyAre) {
  for (const char* word : {"abc", "10.5", "-n", "--memory=4G", "a/b:c", "me@site", "A_b+c,d%e"})
    EXPECT_EQ(shell_quote(word), word);
}

TEST(ShellQuote, TheEmptyWordIsAWord) {
  EXPECT_EQ(shell_quote(""), "''");
}

TEST(ShellQuote, AllElseGoesIntoSingleQuotes) {
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote("'"), "''\\'''");
  EXPECT_EQ(shell_quote("$(x)\n"), "'$(x)\n'");
  for (const char* word : {"~", "*", "!", "#", "{", "[", "caf\xc3\xa9", "\\"}) {
    EXPECT_EQ(shell_quote(word), "'" + std::string(word) + "'");
  }
}

TEST(DelimiterFor, TakesTheStemUnlessALineIsIt) {
  EXPECT_EQ(delimiter_for("EOF", "a\nb\n"), "EOF");
  EXPECT_EQ(delimiter_for("EOF", "an EOF\nEOF2\n EOF"), "EOF");
  EXPECT_EQ(delimiter_for("EOF", "a\nEOF\nb"), "EOF_1");
  EXPECT_EQ(delimiter_for("EOF", "EOF"), "EOF_1");
  EXPECT_EQ(delimiter_for("EOF", "EOF_1\nb\nEOF\n"), "EOF_2");
  EXPECT_EQ(delimiter_for("EOF", ""), "EOF");
}

}  // namespace
}  // namespace catena
