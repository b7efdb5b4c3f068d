// Hooks on a real store, with calls that are cut short where a crash would do it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "adapters/hooks/delivery.h"
#include "adapters/local/local_transport.h"
#include "adapters/store/sqlite_store.h"
#include "core/error.h"

namespace catena {
namespace {

struct TestClock : Clock {
  Time now() override { return time; }
  void sleep(std::chrono::milliseconds) override {}
  Time time{std::chrono::seconds(1'000'000)};
};

struct Crash : std::runtime_error {
  Crash() : std::runtime_error("the process is gone") {}
};

// Notes what is called; dies in the call `crash_at`, and takes `seconds` for each.
class Recorded : public LocalTransport {
 public:
  explicit Recorded(TestClock& clock) : clock_(clock) {}
  CommandResult stream(const Command& command, const ByteSource&, const ByteSink&) override {
    calls.push_back(command);
    if (static_cast<int>(calls.size()) == crash_at) throw Crash();
    clock_.time += seconds;
    CommandResult result;
    result.status = status;
    result.err = "first\nsecond";
    return result;
  }
  std::vector<Command> calls;
  int crash_at = 0, status = 0;
  Seconds seconds{0};

 private:
  TestClock& clock_;
};

class HookDelivery : public testing::Test {
 protected:
  HookDelivery() {
    char name[] = "/tmp/catena-hooks-XXXXXX";
    dir = mkdtemp(name);
    store = std::make_unique<SqliteStore>(dir / "catena.db", OpenMode::read_write);
    RunRow run;
    run.id = "r1";
    run.name = "silicon";
    run.file = "/home/ann/w.yaml";
    run.site = "local";
    run.directory = "/scratch/r1";
    run.created = run.updated = clock.now();
    store->create(run, {"/home/ann/w.yaml", "name: silicon", {}}, Graph({{"scf", 0, 0}, {"fit", 1, 0}}, {}));
    hook.on = {"completed", "failed"};
    hook.of = Hook::Of::all;
    hook.command = {"notify"};
    hooks::Delivery(*store, *store, here, clock).begin("r1");
  }
  ~HookDelivery() override { std::filesystem::remove_all(dir); }

  void ends(NodeIndex node) {
    Changes changes;
    Event event;
    event.kind = "state";
    event.node = node;
    event.attempt = 1;
    event.from = "running";
    event.to = "completed";
    event.text = "a reason\nwith two lines";
    event.time = clock.now();
    changes.events.push_back(event);
    store->apply("r1", changes, clock.now());
  }
  void run_ends() {
    Changes changes;
    Event event;
    event.kind = "run";
    event.to = "completed";
    event.time = clock.now();
    changes.events.push_back(event);
    changes.run = {RunState::completed, ""};
    store->apply("r1", changes, clock.now());
  }
  std::vector<Event> deliver() {
    return hooks::Delivery(*store, *store, here, clock, Seconds{120})
        .deliver("r1", {hook}, "/usr/sbin/sendmail -t");
  }

  std::filesystem::path dir;
  TestClock clock;
  Recorded here{clock};
  std::unique_ptr<SqliteStore> store;
  Hook hook;
};

TEST_F(HookDelivery, EachEventOnceAndOnlyTheNewOnes) {
  ends(0);
  deliver();
  deliver();
  EXPECT_EQ(here.calls.size(), 1U);
  ends(1);
  deliver();
  EXPECT_EQ(here.calls.size(), 2U);
}

TEST_F(HookDelivery, ACallThatWasCutShortIsMadeAgain) {
  ends(0);
  ends(1);
  run_ends();
  here.crash_at = 2;
  EXPECT_THROW(deliver(), Crash);
  EXPECT_EQ(store->behind(), std::vector<std::string>{"r1"});
  deliver();
  ASSERT_EQ(here.calls.size(), 4U);  // scf; fit, cut short; fit again; the run
  EXPECT_EQ(here.calls[1].input, here.calls[2].input);
  EXPECT_TRUE(store->behind().empty());
}

TEST_F(HookDelivery, AFailureIsRecordedAndDoesNotHoldUpTheRest) {
  ends(0);
  ends(1);
  here.status = 7;
  const auto failures = deliver();
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_EQ(failures[0].text, "command notify: exit 7: first");
  const auto events = store->events("r1", 0, 0);
  EXPECT_EQ(events.back().kind, "hook failed");
  here.status = 0;
  deliver();
  EXPECT_EQ(here.calls.size(), 2U);
}

TEST_F(HookDelivery, APassDoesNotTakeForEver) {
  ends(0);
  ends(1);
  run_ends();
  here.seconds = Seconds{100};
  deliver();
  EXPECT_EQ(here.calls.size(), 2U);
  EXPECT_FALSE(store->behind().empty());
  deliver();
  EXPECT_EQ(here.calls.size(), 3U);
}

TEST_F(HookDelivery, ARunsHookDoesNotHearOfNodes) {
  hook.of = Hook::Of::run;
  ends(0);
  run_ends();
  deliver();
  ASSERT_EQ(here.calls.size(), 1U);
  EXPECT_NE(here.calls[0].input.find("\"node\":null"), std::string::npos);
  EXPECT_TRUE(store->behind().empty());
}

TEST_F(HookDelivery, WhatTheEventHoldsIsNeverPartOfAProgram) {
  hook.command.clear();
  hook.script = "echo \"$CATENA_REASON\"";
  ends(0);
  deliver();
  const auto& argv = here.calls.at(0).argv;
  EXPECT_EQ(argv.back(), hook.script);
  EXPECT_NE(std::ranges::find(argv, "CATENA_REASON=a reason with two lines"), argv.end());
  EXPECT_FALSE(here.calls[0].repeatable);
}

TEST_F(HookDelivery, AReasonCannotAddAHeaderToAMail) {
  hook.mail = "ann@example.org";
  ends(0);
  deliver();
  EXPECT_EQ(here.calls.at(0).argv, (std::vector<std::string>{"/usr/sbin/sendmail", "-t"}));
  const auto& mail = here.calls[0].input;
  EXPECT_EQ(mail.find("with two lines"), mail.rfind("with two lines"));
  EXPECT_GT(mail.find("with two lines"), mail.find("\n\n"));
}

TEST_F(HookDelivery, AWebhookIsBoundedAndItsBodyIsOnStandardInput) {
  hook.webhook = "https://example.org/hook";
  hook.timeout = Seconds{7};
  ends(0);
  deliver();
  const auto& argv = here.calls.at(0).argv;
  EXPECT_EQ(argv[0], "curl");
  const auto limit = std::ranges::find(argv, "--max-time");
  ASSERT_NE(limit, argv.end());
  EXPECT_EQ(*(limit + 1), "7");
  EXPECT_EQ(here.calls[0].input.substr(0, 12), "{\"run\":\"r1\",");
}

}  // namespace
}  // namespace catena
