#include <gtest/gtest.h>

#include "core/diagnostic.h"
#include "core/error.h"
#include "core/value.h"
#include "core/workflow.h"

namespace catena {
namespace {

std::string near(std::string_view name, std::vector<std::string_view> candidates) {
  return nearest(name, candidates);
}

TEST(Diagnostic, IsOneLineWithItsPlace) {
  EXPECT_EQ(format({"silicon.yaml", {12, 5}, "fit", "unknown node 'scff' in after", "did you mean 'scf'?"}),
            "silicon.yaml:12:5: node 'fit': unknown node 'scff' in after (did you mean 'scf'?)");
  EXPECT_EQ(format({"a.yaml", {}, "", "no nodes", ""}), "a.yaml: no nodes");
  EXPECT_EQ(format({"a.sh", {3, 0}, "", "odd", ""}), "a.sh:3: odd");
  EXPECT_EQ(format({"", {}, "", "odd", ""}), "odd");
}

TEST(Diagnostics, ThrowsAllOfThemInTheOrderOfTheFile) {
  Diagnostics diagnostics;
  EXPECT_NO_THROW(diagnostics.throw_if_any());
  diagnostics.add({"f", {10, 1}, "", "third", ""});
  diagnostics.add({"f", {2, 7}, "", "second", ""});
  diagnostics.add({"f", {2, 3}, "", "first", ""});
  try {
    diagnostics.throw_if_any();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_STREQ(error.what(), "f:2:3: first\nf:2:7: second\nf:10:1: third");
  }
}

TEST(Nearest, SwapsCountOne) {
  EXPECT_EQ(near("fsc", {"abc", "scf", "sfc"}), "sfc");
}

TEST(Nearest, CaseAloneIsNoDistance) {
  EXPECT_EQ(near("Memory", {"memoryx", "memory"}), "memory");
}

TEST(Nearest, ThresholdIsAThirdOfTheName) {
  EXPECT_EQ(near("scff", {"scf"}), "scf");
  EXPECT_EQ(near("waltime", {"walltime"}), "walltime");
  EXPECT_EQ(near("tasks_for_node", {"tasks_per_node"}), "tasks_per_node");
  EXPECT_EQ(near("scf", {"fit"}), "");
  EXPECT_EQ(near("abcdefghijklmno", {"abcdefghijkwxyz"}), "");
  EXPECT_EQ(near("a", {"b"}), "");
  EXPECT_EQ(near("", {"b"}), "");
  EXPECT_EQ(near("x", {}), "");
}

TEST(Nearest, TheFirstOfEqualsIsTaken) {
  EXPECT_EQ(near("node", {"mode", "nodes"}), "mode");
}

TEST(Suggestion, IsAQuestionOrNothing) {
  const std::vector<std::string_view> candidates{"alat"};
  EXPECT_EQ(suggestion("elat", candidates), "did you mean 'alat'?");
  EXPECT_EQ(suggestion("temperature", candidates), "");
}

TEST(Value, TextOfAListIsItsItems) {
  Value inner{Value::Kind::list, {}, {Value::of("b"), Value::of("c d")}};
  EXPECT_EQ(to_text({Value::Kind::list, {}, {Value::of("10.0", Value::Kind::number), inner}}), "10.0 b c d");
  EXPECT_EQ(to_text({}), "");
  const Params params{{"a", Value::of("1")}, {"b", Value::of("2")}};
  ASSERT_NE(find(params, "b"), nullptr);
  EXPECT_EQ(find(params, "b")->text, "2");
  EXPECT_EQ(find(params, "c"), nullptr);
}

TEST(ExitCode, EveryKindHasItsOwn) {
  EXPECT_EQ(exit_code(ErrorKind::usage), 2);
  EXPECT_EQ(exit_code(ErrorKind::config), 3);
  EXPECT_EQ(exit_code(ErrorKind::not_found), 4);
  EXPECT_EQ(exit_code(ErrorKind::transport), 5);
  EXPECT_EQ(exit_code(ErrorKind::refused), 6);
  EXPECT_EQ(exit_code(ErrorKind::unavailable), 7);
  EXPECT_EQ(exit_code(ErrorKind::conflict), 8);
  EXPECT_EQ(exit_code(ErrorKind::internal), 70);
}

TEST(On, NamesRoundTrip) {
  for (const On on : {On::ok, On::any, On::notok, On::start}) EXPECT_EQ(on_from(to_string(on)), on);
  EXPECT_EQ(to_string(On::notok), "notok");
  EXPECT_FALSE(on_from("OK"));
  EXPECT_FALSE(on_from(""));
}

TEST(CheckName, TakesWhatSchedulersShellsAndPathsTake) {
  for (const char* name : {"a", "scf", "Relax_2-b"}) EXPECT_EQ(check_name(name), "") << name;
  EXPECT_EQ(check_name(std::string(64, 'a')), "");
  for (const char* name :
       {"", "1a", "-a", "_a", "a b", "a/b", "a.b", "..", "a$", "a\n", "caf\xc3\xa9", "a;b"}) {
    EXPECT_NE(check_name(name), "") << name;
  }
  EXPECT_NE(check_name(std::string(65, 'a')), "");
  EXPECT_NE(check_name("scf.3").find("foreach"), std::string::npos);
}

}  // namespace
}  // namespace catena
