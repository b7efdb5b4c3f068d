#include <gtest/gtest.h>

#include "adapters/store/value_json.h"
#include "core/error.h"

namespace catena {
namespace {

Value number(const std::string& text) {
  return Value::of(text, Value::Kind::number);
}
Value list(std::vector<Value> items) {
  return {Value::Kind::list, {}, std::move(items)};
}

void expect_round_trip(const Value& value, const std::string& json) {
  EXPECT_EQ(value_to_json(value), json);
  EXPECT_EQ(value_from_json(json), value) << json;
}

TEST(ValueJsonTest, NumbersKeepTheirText) {
  for (const std::string text :
       {"0", "-0", "7", "10.0", "-15.79450000", "1e5", "1E+05", "0.1e-10", "1e9999", "-1e-9999",
        "18446744073709551616", "0.1234567890123456789012345678901234567890",
        "123456789012345678901234567890"}) {
    expect_round_trip(number(text), text);
  }
}

TEST(ValueJsonTest, NumbersThatJsonDoesNotAllowKeepTheirTextToo) {
  for (const std::string text :
       {"007", "+1", ".5", "5.", "nan", "-inf", "0x1F", "1e", "1e99999", "1_000", "", "--1", "1.e5"}) {
    expect_round_trip(number(text), "{\"number\": \"" + text + "\"}");
  }
}

TEST(ValueJsonTest, Scalars) {
  expect_round_trip({}, "null");
  expect_round_trip(Value::of("true", Value::Kind::boolean), "true");
  expect_round_trip(Value::of("false", Value::Kind::boolean), "false");
  expect_round_trip(Value::of(""), "\"\"");
  expect_round_trip(Value::of("10.0"), "\"10.0\"");  // a string that looks like a number stays a string
  expect_round_trip(Value::of("a \"b\" \\ \n\t"), R"("a \"b\" \\ \n\t")");
}

TEST(ValueJsonTest, AnyBytesComeBack) {
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\xff\xfe latin \xe9"), std::string("Ångström ⟂ 𝛑"),
        std::string(100'000, 'x'), std::string(5000, '"')}) {
    EXPECT_EQ(value_from_json(value_to_json(Value::of(text))).text, text);
  }
}

TEST(ValueJsonTest, Lists) {
  expect_round_trip(list({}), "[]");
  expect_round_trip(list({number("1.0"), Value::of("x"), {}, list({number("007"), list({})})}),
                    R"([1.0, "x", null, [{"number": "007"}, []]])");
}

TEST(ValueJsonTest, DeepLists) {
  Value value;
  for (int i = 0; i < 200; ++i) {
    value = list({std::move(value)});
  }
  EXPECT_EQ(value_from_json(value_to_json(value)), value);
}

TEST(ValueJsonTest, WhatIsNotAValueIsAnError) {
  for (const std::string text :
       {"", "[", "1 2", "nan", "{}", R"({"x": "1"})", R"({"number": "1", "number": "2"})",
        R"({"number": ["1"]})", R"({"number": {"number": "1"}})", "\"open"}) {
    EXPECT_THROW(value_from_json(text), Error) << text;
  }
}

}  // namespace
}  // namespace catena
