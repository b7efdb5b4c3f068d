#include <gmock/gmock.h>

#include <limits>
#include <random>
#include <vector>

#include "core/resources.h"

namespace catena {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Bytes kib = 1024, mib = 1024 * kib, gib = 1024 * mib;

// What the field reads back as, or "refused".
std::string normal(std::string_view name, std::string_view text) {
  Resources resources;
  const std::string wrong = set_resource(resources, name, text);
  if (!wrong.empty()) {
    EXPECT_EQ(resources, Resources()) << "changed though refused: " << name << " " << text;
    return "refused";
  }
  return get_resource(resources, name);
}

TEST(Duration, EveryForm) {
  EXPECT_EQ(parse_duration("90"), minutes(90));
  EXPECT_EQ(parse_duration("30s"), Seconds(30));
  EXPECT_EQ(parse_duration("10m"), minutes(10));
  EXPECT_EQ(parse_duration("2h"), hours(2));
  EXPECT_EQ(parse_duration("1d"), hours(24));
  EXPECT_EQ(parse_duration("5:30"), minutes(5) + Seconds(30));
  EXPECT_EQ(parse_duration("90:00"), minutes(90));
  EXPECT_EQ(parse_duration("00:10:00"), minutes(10));
  EXPECT_EQ(parse_duration("100:00:01"), hours(100) + Seconds(1));
  EXPECT_EQ(parse_duration("2-12"), hours(60));
  EXPECT_EQ(parse_duration("2-12:30"), hours(60) + minutes(30));
  EXPECT_EQ(parse_duration("2-12:30:05"), hours(60) + minutes(30) + Seconds(5));
  EXPECT_EQ(parse_duration("0"), Seconds(0));
}

TEST(Duration, RefusesAllElse) {
  for (const char* text :
       {"",          "x",    "-5",     "+5",  "1.5h",      "1h30m",       "5:60",        "1:60:00",
        "1:00:60",   "1-24", "1-2:60", "1-",  "-1",        "1:",          ":1",          "1:2:3:4",
        "1-1:2:3:4", " 5",   "5 ",     "5 m", "UNLIMITED", "99999999999", "9999999999d", "s",
        "0x10",      "1-1-1"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Size, EveryForm) {
  EXPECT_EQ(parse_size("500M"), 500 * mib);
  EXPECT_EQ(parse_size("4G"), 4 * gib);
  EXPECT_EQ(parse_size("4g"), 4 * gib);
  EXPECT_EQ(parse_size("4gb"), 4 * gib);
  EXPECT_EQ(parse_size("4GiB"), 4 * gib);
  EXPECT_EQ(parse_size("1.5T"), 1536 * gib);
  EXPECT_EQ(parse_size("1024K"), mib);
  EXPECT_EQ(parse_size("2000"), 2000 * mib);
  EXPECT_EQ(parse_size("17B"), 17);
  EXPECT_EQ(parse_size("0.1K"), 103);  // rounded up
}

TEST(Size, RefusesAllElse) {
  for (const char* text :
       {"", "G", ".5G", "1.G", "1.2.3G", "-1G", "+1G", "1 G", "1GG", "1Gx", "1.5B", "1bb", "4Gi", "1e3",
        "9223372036854775807K", "8192P", "99999999999999999999", "1.0000G"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Format, SizesAreShortAndExact) {
  EXPECT_EQ(format_size(gib), "1G");
  EXPECT_EQ(format_size(1536 * mib), "1536M");
  EXPECT_EQ(format_size(100 * kib), "100K");
  EXPECT_EQ(format_size(17), "17B");
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_walltime(Seconds(59)), "00:00:59");
  EXPECT_EQ(format_walltime(hours(100) + minutes(2)), "100:02:00");
}

TEST(SetResource, NumbersAreStrict) {
  for (const char* name : {"nodes", "tasks", "tasks_per_node", "cpus_per_task", "gpus"}) {
    EXPECT_EQ(normal(name, "12"), "12");
    EXPECT_EQ(normal(name, "2147483647"), "2147483647");
    for (const char* text : {"", "0", "-1", "+1", "1.0", "1e3", "0x10", "2147483648", "99999999999999999999",
                             " 1", "1 ", "1a"}) {
      EXPECT_EQ(normal(name, text), "refused") << name << " " << text;
    }
  }
  EXPECT_EQ(normal("priority", "-1024"), "-1024");
  EXPECT_EQ(normal("priority", "0"), "0");
  EXPECT_EQ(normal("priority", "1023"), "1023");
  EXPECT_EQ(normal("priority", "1024"), "refused");
  EXPECT_EQ(normal("priority", "-1025"), "refused");
}

TEST(SetResource, NothingAsksForZero) {
  EXPECT_EQ(normal("memory", "0"), "refused");  // SLURM reads it as "all of the node"
  EXPECT_EQ(normal("memory_per_cpu", "0G"), "refused");
  EXPECT_EQ(normal("walltime", "0"), "refused");
  EXPECT_EQ(normal("walltime", "999999999d"), "refused");
  EXPECT_EQ(normal("memory", "1.5G"), "1536M");
  EXPECT_EQ(normal("walltime", "90"), "01:30:00");
}

TEST(SetResource, TextsCannotLeaveTheirDirective) {
  for (const char* name : {"queue", "account", "qos", "reservation", "constraint", "licenses", "gpu_type"}) {
    EXPECT_EQ(normal(name, "a100_x-2.b"), "a100_x-2.b");
    for (const char* text :
         {"",    "a b", "a\nb", "a\t", "a\"",      "a'", "a;b", "$a",   "`a`",         "a\\",
          "a<b", "a>b", "#a",   "-a",  "--wrap=x", "a!", "~a",  "a{b}", "caf\xc3\xa9", "a?"}) {
      EXPECT_EQ(normal(name, text), "refused") << name << " " << text;
    }
  }
  EXPECT_EQ(normal("constraint", "[rack1*2&rack2*4]|(a,b)"), "[rack1*2&rack2*4]|(a,b)");
  for (const char* name : {"queue", "account", "qos", "reservation", "licenses", "gpu_type"}) {
    for (const char* text : {"a&b", "a|b", "(a)", "[a]", "a*"})
      EXPECT_EQ(normal(name, text), "refused") << name << " " << text;
  }
  EXPECT_EQ(normal("licenses", "matlab:2,ansys@server:1"), "matlab:2,ansys@server:1");
  EXPECT_EQ(normal("queue", "short,long"), "short,long");
}

TEST(SetResource, BeginIsNormalised) {
  EXPECT_EQ(normal("begin", "+90"), "+90");
  EXPECT_EQ(normal("begin", "now"), "+0");
  EXPECT_EQ(normal("begin", "now+90"), "+90");
  EXPECT_EQ(normal("begin", "now+1h"), "+3600");
  EXPECT_EQ(normal("begin", "now+1hour"), "+3600");
  EXPECT_EQ(normal("begin", "+2days"), "+172800");
  EXPECT_EQ(normal("begin", "now+60minutes"), "+3600");
  EXPECT_EQ(normal("begin", "2030-01-31"), "2030-01-31T00:00:00");
  EXPECT_EQ(normal("begin", "2030-01-31T08:00"), "2030-01-31T08:00:00");
  EXPECT_EQ(normal("begin", "2030-01-31 08:00:59"), "2030-01-31T08:00:59");
  EXPECT_EQ(normal("begin", "2028-02-29"), "2028-02-29T00:00:00");
  for (const char* text : {"",
                           "+",
                           "+1x",
                           "+-1",
                           "+1.5h",
                           "now+",
                           "tomorrow",
                           "16:00",
                           "2030-02-30",
                           "2030-13-01",
                           "2029-02-29",
                           "2030-01-31T24:00",
                           "2030-01-31T8:00",
                           "2030-01-31T08:60",
                           "2030-1-1",
                           "2030-01-31T08:00:00Z",
                           "2030-01-31T08-00",
                           "20300131",
                           "+99999999999",
                           "2030-01-31x08:00",
                           "2030-01-31T::1:01"}) {
    EXPECT_EQ(normal("begin", text), "refused") << text;
  }
}

TEST(SetResource, YesAndNo) {
  EXPECT_EQ(normal("exclusive", "true"), "yes");
  EXPECT_EQ(normal("exclusive", "Yes"), "yes");
  EXPECT_EQ(normal("exclusive", "no"), "no");
  EXPECT_EQ(normal("exclusive", "false"), "no");
  for (const char* text : {"", "1", "0", "on", "maybe"}) EXPECT_EQ(normal("exclusive", text), "refused");
}

TEST(SetResource, AnUnknownNameHasASuggestion) {
  Resources resources;
  EXPECT_EQ(set_resource(resources, "waltime", "1"), "unknown resource 'waltime' (did you mean 'walltime'?)");
  EXPECT_EQ(set_resource(resources, "temperature", "1"), "unknown resource 'temperature'");
  EXPECT_EQ(get_resource(resources, "temperature"), "");
}

TEST(SetResource, MessagesNameTheFieldAndTheText) {
  Resources resources;
  for (const std::string_view name : resource_names()) {
    const std::string wrong = set_resource(resources, name, "?\n");
    EXPECT_THAT(wrong, HasSubstr(std::string(name)));
    EXPECT_THAT(wrong, HasSubstr("?"));
  }
}

// Random fields, each set or absent.
Resources random_resources(std::mt19937& random) {
  const auto below = [&](std::int64_t limit) {
    return std::uniform_int_distribution<std::int64_t>(0, limit - 1)(random);
  };
  const auto number = [&] { return static_cast<int>(1 + below(std::numeric_limits<int>::max())); };
  const auto size = [&] { return (1 + below(5000)) << below(45); };
  Resources r;
  if (below(2) != 0) r.nodes = number();
  if (below(2) != 0) r.tasks = number();
  if (below(2) != 0) r.tasks_per_node = number();
  if (below(2) != 0) r.cpus_per_task = number();
  if (below(2) != 0) r.gpus = number();
  if (below(2) != 0) r.gpu_type = "a100";
  if (below(2) != 0) r.memory = size();
  if (below(2) != 0) r.memory_per_cpu = size();
  if (below(2) != 0) r.walltime = Seconds(number());
  if (below(2) != 0) r.queue = "short,long";
  if (below(2) != 0) r.account = "physics";
  if (below(2) != 0) r.qos = "high";
  if (below(2) != 0) r.reservation = "maint_1";
  if (below(2) != 0) r.constraint = "[a&b|c*2](d)";
  if (below(2) != 0) r.exclusive = below(2) != 0;
  if (below(2) != 0) r.licenses = "matlab:2,ansys";
  if (below(2) != 0) r.scratch = size();
  if (below(2) != 0)
    r.begin = below(2) != 0 ? "+" + std::to_string(below(1'000'000'000)) : "2031-12-31T23:59:59";
  if (below(2) != 0) r.priority = static_cast<int>(below(2048)) - 1024;
  return r;
}

TEST(Resources, EveryFieldIsReadBackAsItWasWritten) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const Resources written = random_resources(random);
    Resources read;
    for (const std::string_view name : resource_names()) {
      const std::string text = get_resource(written, name);
      if (!text.empty()) {
        ASSERT_EQ(set_resource(read, name, text), "");
      }
    }
    ASSERT_EQ(read, written);
  }
}

TEST(Merge, WhatIsSetWins) {
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    const Resources base = random_resources(random), over = random_resources(random);
    const Resources merged = merge(base, over);
    const bool memory = over.memory || over.memory_per_cpu;
    for (const std::string_view name : resource_names()) {
      const std::string mine = get_resource(over, name);
      const bool replaced = memory && (name == "memory" || name == "memory_per_cpu");
      ASSERT_EQ(get_resource(merged, name), !mine.empty() || replaced ? mine : get_resource(base, name))
          << name;
    }
  }
}

TEST(Merge, MemoryAndMemoryPerCpuReplaceEachOther) {
  Resources base, over;
  base.memory = 4 * gib;
  over.memory_per_cpu = gib;
  EXPECT_FALSE(merge(base, over).memory);
  EXPECT_EQ(merge(base, over).memory_per_cpu, gib);
  EXPECT_FALSE(merge(over, base).memory_per_cpu);
  EXPECT_EQ(merge(base, {}).memory, 4 * gib);
  over = {};
  over.exclusive = false;
  base.exclusive = true;
  EXPECT_EQ(merge(base, over).exclusive, false);
}

TEST(Check, Contradictions) {
  EXPECT_THAT(check({}), IsEmpty());
  Resources r;
  r.memory = gib;
  EXPECT_THAT(check(r), IsEmpty());
  r.memory_per_cpu = gib;
  EXPECT_THAT(check(r), HasSubstr("memory_per_cpu"));
  r = {};
  r.nodes = 4;
  r.tasks = 3;
  EXPECT_THAT(check(r), HasSubstr("3 tasks cannot fill 4 nodes"));
  r.tasks = 9;
  EXPECT_THAT(check(r), IsEmpty());
  r.tasks_per_node = 2;
  EXPECT_THAT(check(r), HasSubstr("do not fit"));
  r.tasks = 8;
  EXPECT_THAT(check(r), IsEmpty());
  r.nodes = std::nullopt;
  r.tasks_per_node = 9;
  EXPECT_THAT(check(r), HasSubstr("tasks_per_node (9)"));
  r.nodes = r.tasks_per_node = r.tasks = std::numeric_limits<int>::max();
  EXPECT_THAT(check(r), IsEmpty());
}

TEST(Slots, CpusAndMemoryInAll) {
  EXPECT_EQ(cpus({}), 1);
  EXPECT_EQ(memory_in_all({}), 0);
  Resources r;
  r.nodes = 2;
  EXPECT_EQ(cpus(r), 2);
  r.tasks_per_node = 3;
  r.cpus_per_task = 4;
  EXPECT_EQ(cpus(r), 24);
  r.memory = gib;
  EXPECT_EQ(memory_in_all(r), 2 * gib);
  r.memory.reset();
  r.memory_per_cpu = gib;
  EXPECT_EQ(memory_in_all(r), 24 * gib);
  r.tasks = 5;
  EXPECT_EQ(cpus(r), 20);
  r.tasks = r.cpus_per_task = std::numeric_limits<int>::max();
  EXPECT_EQ(cpus(r), std::numeric_limits<int>::max());
  r.memory_per_cpu = std::numeric_limits<Bytes>::max();
  EXPECT_EQ(memory_in_all(r), std::numeric_limits<Bytes>::max());
}

}  // namespace
}  // namespace catena
