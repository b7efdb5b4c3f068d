#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/workflow_file/document.h"

namespace catena {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Parser = Document (*)(std::string_view, std::vector<DocumentProblem>&);

struct Parsed {
  std::string text;  // the document's views point into it
  std::vector<DocumentProblem> problems;
  Document document;
  Parsed(Parser parser, std::string source) : text(std::move(source)), document(parser(text, problems)) {}
};

std::vector<std::string> lines(const std::vector<DocumentProblem>& problems) {
  std::vector<std::string> out;
  for (const auto& p : problems) out.push_back(fmt::format("{}:{}: {}", p.at.line, p.at.column, p.message));
  return out;
}

// One line for each item: place of the key, place of the value, kind, text.
void dump(const Item& item, std::vector<std::string>& out) {
  out.push_back(fmt::format("{}:{} {}:{} {}{}{} {}", item.key_at.line, item.key_at.column, item.at.line,
                            item.at.column, item.key, item.key.empty() ? "" : "=", describe(item.kind),
                            item.text));
  for (const Item& child : item.children()) dump(child, out);
}
std::vector<std::string> dump(const Document& document) {
  std::vector<std::string> out;
  if (document.root() != nullptr) dump(*document.root(), out);
  return out;
}

TEST(JsonDocument, NumbersKeepTheirText) {
  const Parsed parsed(parse_json, "[10.0, -1e5, 0.10, 123456789012345678901234567890, 1E+2]");
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  std::vector<std::string> texts;
  for (const Item& item : parsed.document.root()->children()) texts.emplace_back(item.text);
  EXPECT_THAT(texts, ElementsAre("10.0", "-1e5", "0.10", "123456789012345678901234567890", "1E+2"));
}

TEST(JsonDocument, PlacesAreThoseOfCharactersNotBytes) {
  const Parsed parsed(parse_json, "{\"é\": \"ü\", \"b\":\n\t[true ,null],\r\n  \"c\" : {}}");
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  EXPECT_THAT(dump(parsed.document),
              ElementsAre("1:1 1:1 a map ", "1:2 1:7 é=a text ü", "1:12 2:2 b=a list ",
                          "2:3 2:3 true or false true", "2:9 2:9 nothing null", "3:3 3:9 c=a map "));
}

TEST(JsonDocument, EscapesAreReadAndDoNotShiftWhatFollows) {
  const Parsed parsed(parse_json, R"({"a\"\\b": "x\n\u00e9\ud83d\ude00\"", "c": 1})");
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  EXPECT_THAT(dump(parsed.document),
              ElementsAre("1:1 1:1 a map ", "1:2 1:12 a\"\\b=a text x\n\u00e9\U0001F600\"",
                          "1:39 1:44 c=a number 1"));
}

// The parser hands out long texts with escapes in parts.
TEST(JsonDocument, LongTextsWithEscapesArriveWhole) {
  std::string expected, source = "[\"";
  for (int i = 0; i < 20'000; ++i) {
    expected += "line\n";
    source += "line\\n";
  }
  const Parsed parsed(parse_json, source + "\", \"next\"]");
  ASSERT_NE(parsed.document.root(), nullptr);
  auto child = parsed.document.root()->children().begin();
  EXPECT_EQ(child->text, expected);
  ++child;
  EXPECT_EQ(child->text, "next");
}

TEST(JsonDocument, DuplicateKeysAreFoundInSmallAndLargeMaps) {
  const Parsed small(parse_json, "{\"a\": 1,\n \"b\": 2,\n \"a\": 3}");
  EXPECT_THAT(lines(small.problems), ElementsAre("3:2: 'a' is given twice"));
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += fmt::format("\"k{}\": {},\n", i, i);
  const Parsed large(parse_json, many + "\"k7\": 0}");
  EXPECT_THAT(lines(large.problems), ElementsAre("1001:1: 'k7' is given twice"));
  EXPECT_EQ(large.problems[0].hint, "it was first given at line 8");
}

TEST(JsonDocument, SyntaxErrorsHaveTheirPlace) {
  struct Case {
    std::string source, problem;
  };
  for (const Case& c : {
           Case{"{\"a\": 1,\n \"b\": [1,}", "2:10: not valid JSON: syntax error"},
           Case{"{\"a\": 1,\n \"b\": [1,", "2:10: not valid JSON: the file ends too early"},
           Case{"", "1:1: not valid JSON: the file ends too early"},
           Case{"{} {}", "1:4: not valid JSON: something follows the end of the document"},
           Case{"{\"a\": 'x'}", "1:7: not valid JSON: syntax error"},
           Case{"[1, // no\n 2]", "1:5: not valid JSON: syntax error"},
       }) {
    const Parsed parsed(parse_json, c.source);
    EXPECT_THAT(lines(parsed.problems), ElementsAre(c.problem)) << c.source;
    EXPECT_EQ(parsed.document.root(), nullptr);
  }
}

TEST(JsonDocument, ANodeInThousandsIsReadWithTheRightPlace) {
  constexpr int count = 100'000;
  std::string source = "{\"nodes\": {\n";
  for (int i = 0; i < count; ++i) {
    source += fmt::format(
        "\"n{}\": {{\"run\": \"echo {} \\\"x\\\"\", \"after\": [\"n{}\"], \"resources\": {{\"memory\": "
        "1.50}}}}{}\n",
        i, i, i / 2, i + 1 < count ? "," : "");
  }
  const Parsed parsed(parse_json, source + "}}");
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  const Item* nodes = parsed.document.root()->find("nodes");
  ASSERT_NE(nodes, nullptr);
  EXPECT_EQ(nodes->size, static_cast<std::uint32_t>(count));
  EXPECT_EQ(parsed.document.size(), 2u + 6u * count);
  const Item* last = nullptr;
  for (const Item& item : nodes->children()) last = &item;
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->key, "n99999");
  EXPECT_EQ(last->key_at.line, count + 1);
  EXPECT_EQ(last->find("run")->text, "echo 99999 \"x\"");
  EXPECT_EQ(last->find("resources")->find("memory")->text, "1.50");
}

TEST(YamlDocument, OnlyWhatLooksLikeJsonIsANumber) {
  const Parsed parsed(parse_yaml, "[10.0, 1G, 00:10:00, 007, +5, .5, 1e3, -2, 0x1F, 1_000, 1..100]");
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  std::string kinds;
  for (const Item& item : parsed.document.root()->children())
    kinds += item.kind == Item::Kind::number ? 'n' : 's';
  EXPECT_EQ(kinds, "nsssssnnsss");
}

TEST(YamlDocument, YesNoOnAndOffAreTexts) {
  const Parsed parsed(parse_yaml, "[yes, no, on, off, True, true, false, null, ~, 'true', \"1\"]");
  std::string kinds;
  for (const Item& item : parsed.document.root()->children()) {
    kinds += item.kind == Item::Kind::boolean ? 'b' : item.kind == Item::Kind::null ? '0' : 's';
  }
  EXPECT_EQ(kinds, "sssssbb00ss");
}

TEST(YamlDocument, DosLinesAndAByteOrderMarkDoNoHarm) {
  const Parsed parsed(parse_yaml, "\xEF\xBB\xBFname: x\r\nrun: |\r\n  a\r\n  b\r\nl: [1,\r\n 2]\r\n");
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  EXPECT_EQ(parsed.document.root()->find("run")->text, "a\nb\n");
  EXPECT_EQ(parsed.document.root()->find("l")->size, 2u);
}

TEST(YamlDocument, AValueThatIsNotThereHasItsKeysPlace) {
  const Parsed parsed(parse_yaml, "a: 1\nb:\nc:\n  d:\n");
  EXPECT_THAT(dump(parsed.document),
              ElementsAre("1:1 1:1 a map ", "1:1 1:4 a=a number 1", "2:1 2:1 b=nothing ", "3:1 4:3 c=a map ",
                          "4:3 4:3 d=nothing "));
}

TEST(YamlDocument, WhatCouldHideWorkIsRefused) {
  const Parsed parsed(parse_yaml, "a: &x {k: 1}\nb: *x\nc: !!str 3\nd:\n  <<: {k: 2}\na: 2\n");
  EXPECT_THAT(lines(parsed.problems),
              ElementsAre("1:4: anchors (&name) are not supported", "2:4: aliases (*name) are not supported",
                          "3:4: tags (!name) are not supported", "5:3: merge keys (<<) are not supported",
                          "6:1: 'a' is given twice"));
}

TEST(YamlDocument, SyntaxErrorsHaveTheirPlaceAndNothingIsPrinted) {
  testing::internal::CaptureStderr();
  struct Case {
    std::string source, problem;
  };
  for (const Case& c : {
           Case{"a:\n\tb: 1\n", "2:1: not valid YAML: tab character may not be used as indentation"},
           Case{"x: 1\na: b: c\n", "2:5: not valid YAML: invalid nested block mapping on the same line"},
           Case{"a: \"abc\n", "1:5: not valid YAML: double-quoted scalar without closing quote"},
           Case{"n:\n  a:\n    r: x\n   b: 3\n", "4:4: not valid YAML: invalid indentation in mapping"},
           Case{"a: 1\n---\nb: 2\n", "2:1: a second document starts here"},
           Case{"from: {{ x }}\n", "1:8: a key must be a text, not a map"},
       }) {
    const Parsed parsed(parse_yaml, c.source);
    EXPECT_THAT(lines(parsed.problems), ElementsAre(c.problem)) << c.source;
    EXPECT_EQ(parsed.document.root(), nullptr);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(YamlDocument, LargeMapsAreRead) {
  std::string source;
  for (int i = 0; i < 20'000; ++i) source += fmt::format("k{}: {{a: {}, b: [x, y]}}\n", i, i);
  const Parsed parsed(parse_yaml, source);
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  EXPECT_EQ(parsed.document.size(), 1u + 20'000u * 5u);
  EXPECT_EQ(parsed.document.root()->find("k19999")->find("a")->text, "19999");
}

class BothDocuments : public testing::TestWithParam<Parser> {};
INSTANTIATE_TEST_SUITE_P(Parsers, BothDocuments, testing::Values(parse_json, parse_yaml));

TEST_P(BothDocuments, DepthIsLimited) {
  const std::string good = std::string(max_depth, '[') + std::string(max_depth, ']');
  const Parsed fits(GetParam(), good);
  EXPECT_THAT(lines(fits.problems), IsEmpty());
  const Parsed deep(GetParam(), std::string(100'000, '['));
  EXPECT_THAT(lines(deep.problems), ElementsAre("1:65: lists and maps are nested more than 64 deep"));
}

TEST_P(BothDocuments, BytesThatAreNotUtf8AreRefused) {
  for (const std::string bytes : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    const Parsed parsed(GetParam(), "{\"a\":\n \"é" + bytes + "\"}");
    EXPECT_THAT(lines(parsed.problems), ElementsAre("2:4: not valid UTF-8"));
    EXPECT_EQ(parsed.document.root(), nullptr);
  }
}

TEST_P(BothDocuments, NulIsRefusedRawAndEscaped) {
  const Parsed raw(GetParam(), std::string("{\"a\": \"x\0y\"}", 12));
  EXPECT_THAT(lines(raw.problems), ElementsAre("1:9: a NUL byte"));
  const Parsed escaped(GetParam(), R"({"a": "x\u0000y"})");
  EXPECT_THAT(lines(escaped.problems), ElementsAre("1:7: a NUL character has no place in a text"));
}

TEST_P(BothDocuments, AllOfUnicodeIsRead) {
  const Parsed parsed(GetParam(), "{\"k\": \"\u00e9\u20ac\U0001F600\"}");
  ASSERT_THAT(lines(parsed.problems), IsEmpty());
  EXPECT_EQ(parsed.document.root()->find("k")->text, "\u00e9\u20ac\U0001F600");
}

TEST(IsNumber, FollowsJsonsGrammar) {
  for (const char* good : {"0", "-0", "10", "10.0", "1e5", "1.5E-3", "-2.25"})
    EXPECT_TRUE(is_number(good)) << good;
  for (const char* bad : {"", "-", "01", "1.", ".5", "+1", "1e", "0x1", "1 ", "nan", "1.2.3"})
    EXPECT_FALSE(is_number(bad)) << bad;
}

}  // namespace
}  // namespace catena
