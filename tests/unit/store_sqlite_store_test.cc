#include <fmt/core.h>
#include <gmock/gmock.h>

#include "adapters/store/sqlite_store.h"
#include "unit/store_support.h"

namespace catena {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using enum NodeState;
using Counts = std::map<NodeState, std::uint64_t>;

// Everything holds with either journal.
class SqliteStoreTest : public StoreTest, public testing::WithParamInterface<Journal> {
 protected:
  SqliteStore store_{file(), OpenMode::read_write, {.journal = GetParam()}};

  Counts counts(const std::string& id) { return store_.load(id).run.counts; }
};
INSTANTIATE_TEST_SUITE_P(Journals, SqliteStoreTest, testing::Values(Journal::write_ahead, Journal::rollback),
                         [](const auto& it) {
                           return it.param == Journal::write_ahead ? "write_ahead" : "rollback";
                         });

TEST_P(SqliteStoreTest, ARunGrowsByNodesEdgesAndSnapshotInOneStep) {
  store_.create(run_row("r1"), {"/w/flow.yaml", "name: flow\n", {}}, chain(2));
  const auto grown = chain(4);
  Changes changes;
  changes.grown = &grown;
  changes.snapshot = Snapshot{"/w/flow.yaml", "name: flow\n", {{"extension:000001:n0", "nodes: …"}}};
  store_.apply("r1", changes, at(1));
  store_.apply("r1", changes, at(2));  // again: nothing is new
  const auto record = store_.load("r1");
  EXPECT_EQ(record.nodes.size(), 4U);
  EXPECT_EQ(record.run.counts.at(NodeState::pending), 4U);
  EXPECT_EQ(record.snapshot.files.size(), 1U);
  EXPECT_EQ(store_.nodes("r1", Which::all, 0).at(3).name, "n3");
  Changes ended;
  NodeRow row;
  row.state = NodeState::skipped;
  ended.nodes = {{3, row}};
  store_.apply("r1", ended, at(3));
  EXPECT_EQ(store_.load("r1").run.counts.at(NodeState::pending), 3U);
}

TEST_P(SqliteStoreTest, ARunComesBackAsItWasCreated) {
  RunRow run = run_row("k3f9q2");
  run.state = RunState::running;
  run.reason = "it's \"quoted\"; -- ünïcode\n";
  run.stop_requested = true;
  run.observed = at(7);
  Snapshot snapshot{
      .file = "flow.yaml", .text = "name: flow\n", .files = {{"relax.sbatch", "#!/bin/sh\n"}, {"b", ""}}};
  snapshot.text += std::string("\0\xff after a NUL and a byte that is no UTF-8", 42);
  store_.create(run, snapshot, chain(3));

  const RunRecord record = store_.load("k3f9q2");
  EXPECT_EQ(record.run.id, "k3f9q2");
  EXPECT_EQ(record.run.name, "flow");
  EXPECT_EQ(record.run.file, run.file);
  EXPECT_EQ(record.run.site, "local");
  EXPECT_EQ(record.run.directory, run.directory);
  EXPECT_EQ(record.run.state, RunState::running);
  EXPECT_EQ(record.run.reason, run.reason);
  EXPECT_TRUE(record.run.stop_requested);
  EXPECT_EQ(record.run.created, at(0));
  EXPECT_EQ(record.run.updated, at(0));
  EXPECT_EQ(record.run.observed, at(7));
  EXPECT_EQ(record.run.counts, (Counts{{pending, 3}}));
  EXPECT_EQ(record.snapshot.file, "flow.yaml");
  EXPECT_EQ(record.snapshot.text, snapshot.text);
  EXPECT_EQ(record.snapshot.files, snapshot.files);
  ASSERT_EQ(record.nodes.size(), 3U);
  EXPECT_EQ(record.nodes[1].state, pending);
  EXPECT_EQ(record.nodes[1].attempts, 0);
  EXPECT_TRUE(record.attempts.empty());
}

TEST_P(SqliteStoreTest, AnIdThatIsTakenIsAConflictAndChangesNothing) {
  store_.create(run_row("a"), {}, chain(2));
  const Error error = error_of([&] { store_.create(run_row("a", "other"), {}, chain(5)); });
  EXPECT_EQ(error.kind(), ErrorKind::conflict);
  EXPECT_THAT(error.what(), HasSubstr("\"a\""));
  EXPECT_EQ(store_.load("a").nodes.size(), 2U);
  EXPECT_EQ(store_.load("a").run.name, "flow");
}

TEST_P(SqliteStoreTest, AnUnknownRunIsNotFound) {
  EXPECT_EQ(error_of([&] { store_.load("x"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(error_of([&] { store_.apply("x", {}, at(1)); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(error_of([&] { store_.events("x", 0, no_node); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(error_of([&] { store_.results("x"); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(error_of([&] { store_.attempts("x", 0); }).kind(), ErrorKind::not_found);
  EXPECT_EQ(error_of([&] { store_.acquire("x", {}, [](const Lease&) { return false; }); }).kind(),
            ErrorKind::not_found);
  EXPECT_NO_THROW(store_.release("x", {}));
}

TEST_P(SqliteStoreTest, RunsAreListedNewestFirstByIdOrName) {
  store_.create(run_row("one", "eos"), {}, chain(1));
  store_.create(run_row("two", "bands"), {}, chain(1));
  store_.create(run_row("three", "eos"), {}, chain(1));
  store_.create(run_row("eos2", "one"), {}, chain(1));  // named as another's id
  Changes end;
  end.run = {RunState::failed, "n0 failed"};
  store_.apply("three", end, at(5));

  const auto ids = [&](const RunFilter& filter) {
    std::vector<std::string> found;
    for (const RunRow& run : store_.runs(filter)) {
      found.push_back(run.id);
    }
    return found;
  };
  EXPECT_THAT(ids({}), ElementsAre("eos2", "three", "two", "one"));
  EXPECT_THAT(ids({.id_or_name = "eos"}), ElementsAre("three", "one"));
  EXPECT_THAT(ids({.id_or_name = "eos", .limit = 1}), ElementsAre("three"));
  EXPECT_THAT(ids({.id_or_name = "eos", .only_active = true}), ElementsAre("one"));
  EXPECT_THAT(ids({.id_or_name = "one"}), ElementsAre("one"));  // an exact id goes before a name
  EXPECT_THAT(ids({.id_or_name = "", .only_active = true}), ElementsAre("eos2", "two", "one"));
  EXPECT_THAT(ids({.id_or_name = "", .limit = 2}), ElementsAre("eos2", "three"));
  EXPECT_THAT(ids({.id_or_name = "eo"}), ElementsAre());
  const RunRow ended = store_.runs({.id_or_name = "three"}).at(0);
  EXPECT_EQ(ended.state, RunState::failed);
  EXPECT_EQ(ended.reason, "n0 failed");
  EXPECT_EQ(ended.updated, at(5));
  EXPECT_EQ(ended.counts, (Counts{{pending, 1}}));
}

TEST_P(SqliteStoreTest, NodesAreListedWithTheirCurrentAttemptOrOnlyThoseOfInterest) {
  store_.create(run_row("a"), {}, chain(4));
  Changes changes;
  changes.nodes = {{0, {NodeState::completed, 1, 0, "", true}},
                   {1, {NodeState::failed, 2, 2, "exit 3", false}},
                   {2, {NodeState::running, 1, 0, "", false}}};
  for (const auto& [node, number] : {std::pair{0U, 1}, {1U, 1}, {1U, 2}, {2U, 1}}) {
    Attempt attempt;
    attempt.node = node;
    attempt.number = number;
    attempt.token = attempt.native_id = fmt::format("{}{}", node, number);
    changes.attempts.push_back(attempt);
  }
  store_.apply("a", changes, at(1));

  const auto all = store_.nodes("a", Which::all, 0);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[1].name, "n1");
  EXPECT_EQ(all[1].row.failures, 2);
  EXPECT_TRUE(all[0].row.fetched);
  EXPECT_TRUE(store_.load("a").nodes[0].fetched);
  EXPECT_EQ(all[1].row.reason, "exit 3");
  EXPECT_EQ(all[1].attempt->native_id, "12");
  EXPECT_FALSE(all[3].attempt);
  const auto some = store_.nodes("a", Which::of_interest, 0);
  ASSERT_EQ(some.size(), 2U);
  EXPECT_EQ(some[0].node, 1U);
  EXPECT_EQ(some[1].node, 2U);
  EXPECT_EQ(store_.nodes("a", Which::of_interest, 1).size(), 1U);
}

TEST_P(SqliteStoreTest, EveryChangeOfARunGivesItAnotherRevision) {
  store_.create(run_row("a"), {}, chain(1));
  store_.create(run_row("b"), {}, chain(1));
  const auto before = store_.load("a").run.revision;
  store_.apply("b", {}, at(1));
  EXPECT_EQ(store_.load("a").run.revision, before);
  store_.apply("a", {}, at(1));
  EXPECT_EQ(store_.load("a").run.revision, before + 1);
}

TEST_P(SqliteStoreTest, ApplyChangesOnlyWhatItIsGiven) {
  store_.create(run_row("a"), {}, chain(2));
  Changes changes;
  changes.observed = at(3);
  changes.stop_requested = true;
  store_.apply("a", changes, at(4));
  RunRow run = store_.load("a").run;
  EXPECT_EQ(run.observed, at(3));
  EXPECT_TRUE(run.stop_requested);
  EXPECT_EQ(run.state, RunState::pending);
  EXPECT_EQ(run.updated, at(4));

  store_.apply("a", node_change(1, skipped, "n0 failed"), at(6));
  const RunRecord record = store_.load("a");
  EXPECT_EQ(record.run.observed, at(3));
  EXPECT_TRUE(record.run.stop_requested);
  EXPECT_EQ(record.run.updated, at(6));
  EXPECT_EQ(record.nodes[1].state, skipped);
  EXPECT_EQ(record.nodes[1].reason, "n0 failed");
  EXPECT_EQ(record.nodes[0].state, pending);
}

TEST_P(SqliteStoreTest, CountsAreRightAfterEveryChange) {
  constexpr NodeIndex size = 40;
  store_.create(run_row("other"), {}, chain(7));
  store_.create(run_row("a"), {}, chain(size));
  std::vector<NodeState> expected(size, pending);
  unsigned random = 1;
  for (int step = 0; step < 60; ++step) {
    Changes changes;
    for (int i = 0; i < 5; ++i) {
      random = random * 1'103'515'245 + 12'345;
      const NodeIndex node = random / 65'536 % size;
      random = random * 1'103'515'245 + 12'345;
      const NodeState to = node_states()[random / 65'536 % node_states().size()];
      if (!terminal(expected[node])) {
        expected[node] = to;
        changes.nodes.push_back({node, {.state = to, .attempts = step, .reason = {}}});
      }
    }
    store_.apply("a", changes, at(step));
    Counts sums;
    for (const NodeState state : expected) {
      ++sums[state];
    }
    const RunRecord record = store_.load("a");
    ASSERT_EQ(record.run.counts, sums);
    ASSERT_EQ(store_.runs({.id_or_name = "a"}).at(0).counts, sums);
    for (NodeIndex node = 0; node < size; ++node) {
      ASSERT_EQ(record.nodes[node].state, expected[node]);
    }
  }
  EXPECT_EQ(counts("other"), (Counts{{pending, 7}}));
}

TEST_P(SqliteStoreTest, ATerminalNodeNeverChangesItsState) {
  const auto size = static_cast<NodeIndex>(node_states().size());
  store_.create(run_row("a"), {}, chain(size));
  for (NodeIndex node = 0; node < size; ++node) {
    store_.apply("a", node_change(node, node_states()[node]), at(1));
  }
  const Counts before = counts("a");
  for (NodeIndex node = 0; node < size; ++node) {
    for (const NodeState to : node_states()) {
      if (!terminal(node_states()[node])) {
        continue;
      }
      if (to == node_states()[node]) {
        EXPECT_NO_THROW(store_.apply("a", node_change(node, to, "a later reason"), at(2)));
      } else {
        const Error error = error_of([&] { store_.apply("a", node_change(node, to), at(2)); });
        EXPECT_EQ(error.kind(), ErrorKind::internal);
        EXPECT_THAT(error.what(), HasSubstr("node " + std::to_string(node)));
      }
    }
  }
  EXPECT_EQ(counts("a"), before);
}

TEST_P(SqliteStoreTest, AUsersNewRoundLetsAnEndBeLeft) {
  store_.create(run_row("a"), {}, chain(1));
  store_.apply("a", node_change(0, failed), at(1));
  Changes again = node_change(0, NodeState::pending);
  again.nodes[0].second.round = 1;
  again.recoveries = 1;
  again.most_jobs = 7;
  again.snapshot = Snapshot{"/w/new.yaml", "name: new\n", {{"x.sh", "true\n"}}};
  store_.apply("a", again, at(2));
  const auto record = store_.load("a");
  EXPECT_EQ(record.nodes[0].state, NodeState::pending);
  EXPECT_EQ(record.nodes[0].round, 1);
  EXPECT_EQ(record.run.recoveries, 1);
  EXPECT_EQ(record.run.most_jobs, 7U);
  EXPECT_EQ(record.snapshot.text, "name: new\n");
  EXPECT_EQ(record.snapshot.files.at("x.sh"), "true\n");
  EXPECT_EQ(store_.nodes("a", Which::all, 0).at(0).row.round, 1);
}

TEST_P(SqliteStoreTest, OneRefusedChangeTakesBackAllOfThem) {
  store_.create(run_row("a"), {}, chain(3));
  store_.apply("a", node_change(2, completed), at(1));
  Changes changes = node_change(0, held);
  changes.nodes.push_back({2, {.state = failed, .attempts = 1, .reason = {}}});
  changes.attempts.push_back(attempt_of(0, "tok0000001"));
  EXPECT_THROW(store_.apply("a", changes, at(2)), Error);

  const RunRecord record = store_.load("a");
  EXPECT_EQ(record.nodes[0].state, pending);
  EXPECT_EQ(record.nodes[2].state, completed);
  EXPECT_TRUE(record.attempts.empty());
  EXPECT_EQ(record.run.counts, (Counts{{pending, 2}, {completed, 1}}));
  EXPECT_EQ(record.run.updated, at(1));
  store_.apply("a", node_change(0, held), at(3));  // and the store goes on
  EXPECT_EQ(store_.load("a").nodes[0].state, held);
}

TEST_P(SqliteStoreTest, ANodeThatIsNotThereIsAnError) {
  store_.create(run_row("a"), {}, chain(2));
  EXPECT_EQ(error_of([&] { store_.apply("a", node_change(2, held), at(1)); }).kind(), ErrorKind::internal);
  Changes changes;
  changes.attempts.push_back(attempt_of(2, "tok0000001"));
  EXPECT_EQ(error_of([&] { store_.apply("a", changes, at(1)); }).kind(), ErrorKind::internal);
}

TEST_P(SqliteStoreTest, AnAttemptIsInsertedThenReplacedByItsToken) {
  store_.create(run_row("a"), {}, chain(2));
  Changes changes;
  changes.attempts.push_back(attempt_of(1, "tok0000001"));
  store_.apply("a", changes, at(1));
  Attempt stored = store_.attempts("a", 1).at(0);
  EXPECT_EQ(stored.state, AttemptState::intended);
  EXPECT_EQ(stored.native_id, "");
  EXPECT_EQ(stored.intended, at(1));
  EXPECT_FALSE(stored.submitted || stored.started || stored.ended || stored.exit_code || stored.signal);

  Attempt& full = changes.attempts[0];
  full.state = AttemptState::ended;
  full.native_id = "54[2].host";
  full.submitted = at(2);
  full.started = at(3);
  full.ended = at(4);
  full.exit_code = 0;
  full.signal = 9;
  full.host = "n001";
  full.native = "CANCELLED by 1003";
  full.reason = "why";
  full.stdout_file = "/o";
  full.stderr_file = "/e";
  store_.apply("a", changes, at(5));
  ASSERT_EQ(store_.attempts("a", 1).size(), 1U);
  stored = store_.attempts("a", 1)[0];
  EXPECT_EQ(stored.node, 1U);
  EXPECT_EQ(stored.number, 1);
  EXPECT_EQ(stored.token, "tok0000001");
  EXPECT_EQ(stored.state, AttemptState::ended);
  EXPECT_EQ(stored.native_id, "54[2].host");
  EXPECT_EQ(stored.submitted, at(2));
  EXPECT_EQ(stored.started, at(3));
  EXPECT_EQ(stored.ended, at(4));
  EXPECT_EQ(stored.exit_code, 0);
  EXPECT_EQ(stored.signal, 9);
  EXPECT_EQ(stored.host, "n001");
  EXPECT_EQ(stored.native, "CANCELLED by 1003");
  EXPECT_EQ(stored.reason, "why");
  EXPECT_EQ(stored.stdout_file, "/o");
  EXPECT_EQ(stored.stderr_file, "/e");
  EXPECT_TRUE(store_.attempts("a", 0).empty());
}

TEST_P(SqliteStoreTest, EveryAttemptStateComesBack) {
  store_.create(run_row("a"), {}, chain(5));
  const std::vector<AttemptState> states = {AttemptState::intended, AttemptState::staged,
                                            AttemptState::submitted, AttemptState::ended,
                                            AttemptState::dropped};
  Changes changes;
  for (NodeIndex node = 0; node < 5; ++node) {
    changes.attempts.push_back(attempt_of(node, "tok" + std::to_string(node)));
    changes.attempts.back().state = states[node];
  }
  store_.apply("a", changes, at(1));
  for (NodeIndex node = 0; node < 5; ++node) {
    EXPECT_EQ(store_.attempts("a", node).at(0).state, states[node]);
  }
}

TEST_P(SqliteStoreTest, AnEndedAttemptTakesMissingFactsOnly) {
  store_.create(run_row("a"), {}, chain(1));
  Changes changes;
  changes.attempts.push_back(attempt_of(0, "tok0000001"));
  Attempt& attempt = changes.attempts[0];
  attempt.state = AttemptState::ended;
  attempt.exit_code = 0;
  attempt.ended = at(10);
  store_.apply("a", changes, at(11));

  attempt.exit_code = 1;         // known already
  attempt.ended = std::nullopt;  // known already, and must not be forgotten
  attempt.host = "n002";         // accounting tells it late
  attempt.native = "COMPLETED";
  store_.apply("a", changes, at(12));
  const Attempt stored = store_.attempts("a", 0).at(0);
  EXPECT_EQ(stored.exit_code, 0);
  EXPECT_EQ(stored.ended, at(10));
  EXPECT_EQ(stored.host, "n002");
  EXPECT_EQ(stored.native, "COMPLETED");

  attempt.state = AttemptState::submitted;
  const Error error = error_of([&] { store_.apply("a", changes, at(13)); });
  EXPECT_EQ(error.kind(), ErrorKind::internal);
  EXPECT_THAT(error.what(), HasSubstr("tok0000001"));
  EXPECT_EQ(store_.attempts("a", 0).at(0).state, AttemptState::ended);
}

TEST_P(SqliteStoreTest, ATokenBelongsToOneAttempt) {
  store_.create(run_row("a"), {}, chain(2));
  store_.create(run_row("b"), {}, chain(2));
  Changes changes;
  changes.attempts.push_back(attempt_of(0, "tok0000001"));
  store_.apply("a", changes, at(1));
  EXPECT_EQ(error_of([&] { store_.apply("b", changes, at(1)); }).kind(), ErrorKind::internal);
  changes.attempts[0].node = 1;
  EXPECT_EQ(error_of([&] { store_.apply("a", changes, at(1)); }).kind(), ErrorKind::internal);
  changes.attempts[0] = attempt_of(0, "tok0000002");  // the same attempt under another token
  EXPECT_EQ(error_of([&] { store_.apply("a", changes, at(1)); }).kind(), ErrorKind::internal);
  EXPECT_EQ(store_.attempts("a", 0).at(0).token, "tok0000001");
}

TEST_P(SqliteStoreTest, LoadGivesTheLastAttemptOfEachNode) {
  store_.create(run_row("a"), {}, chain(4));
  Changes changes;
  for (int number = 1; number <= 11; ++number) {  // 11 comes after 2: numbers, not text
    changes.attempts.push_back(attempt_of(3, "x" + std::to_string(number), number));
  }
  changes.attempts.push_back(attempt_of(1, "y1", 1));
  store_.apply("a", changes, at(1));
  const RunRecord record = store_.load("a");
  ASSERT_EQ(record.attempts.size(), 2U);
  EXPECT_EQ(record.attempts[0].token, "y1");
  EXPECT_EQ(record.attempts[1].token, "x11");
  const auto all = store_.attempts("a", 3);
  ASSERT_EQ(all.size(), 11U);
  for (int i = 0; i < 11; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)].number, i + 1);
  }
}

TEST_P(SqliteStoreTest, EventsAscendAndAreReadFromWhereOneLeftOff) {
  store_.create(run_row("a"), {}, chain(3));
  store_.create(run_row("b"), {}, chain(3));
  const auto add = [&](const std::string& run, NodeIndex node, const std::string& text) {
    Changes changes;
    changes.events.push_back({.id = 77,  // the store's business
                              .time = at(9),
                              .node = node,
                              .attempt = node == no_node ? 0 : 2,
                              .kind = "state",
                              .from = node == no_node ? "" : "held",
                              .to = node == no_node ? "" : "queued",
                              .text = text});
    store_.apply(run, changes, at(9));
  };
  add("a", 0, "first");
  add("b", 0, "of another run");
  add("a", no_node, "second");
  add("a", 2, "third");
  add("a", 0, "fourth");

  const auto all = store_.events("a", 0, no_node);
  ASSERT_EQ(all.size(), 4U);
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_LT(all[i - 1].id, all[i].id);
  }
  EXPECT_EQ(all[0].text, "first");
  EXPECT_EQ(all[0].time, at(9));
  EXPECT_EQ(all[0].node, 0U);
  EXPECT_EQ(all[0].attempt, 2);
  EXPECT_EQ(all[0].kind, "state");
  EXPECT_EQ(all[0].from, "held");
  EXPECT_EQ(all[0].to, "queued");
  EXPECT_EQ(all[1].node, no_node);
  EXPECT_EQ(all[1].from, "");
  EXPECT_EQ(all[3].text, "fourth");

  const auto later = store_.events("a", all[1].id, no_node);
  ASSERT_EQ(later.size(), 2U);
  EXPECT_EQ(later[0].text, "third");
  const auto of_node = store_.events("a", 0, 0);
  ASSERT_EQ(of_node.size(), 2U);
  EXPECT_EQ(of_node[1].text, "fourth");
  EXPECT_EQ(store_.events("a", all[0].id, 0).size(), 1U);
  EXPECT_TRUE(store_.events("a", 0, 1).empty());
}

TEST_P(SqliteStoreTest, ResultsComeBackWithTheirDigits) {
  store_.create(run_row("a"), {}, chain(2));
  Value list{.kind = Value::Kind::list,
             .text = {},
             .items = {Value::of("10.0", Value::Kind::number), Value::of("x")}};
  Changes changes;
  changes.results = {
      {.node = 1, .attempt = 1, .name = "energy", .value = Value::of("-15.79450000", Value::Kind::number)},
      {.node = 0, .attempt = 2, .name = "steps", .value = list}};
  store_.apply("a", changes, at(1));
  auto results = store_.results("a");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].node, 0U);
  EXPECT_EQ(results[0].attempt, 2);
  EXPECT_EQ(results[0].name, "steps");
  EXPECT_EQ(results[0].value, list);
  EXPECT_EQ(results[1].value.text, "-15.79450000");
  EXPECT_EQ(results[1].value.kind, Value::Kind::number);

  changes.results[0].value = Value::of("again");  // a record that is taken in twice
  store_.apply("a", changes, at(2));
  results = store_.results("a");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].value.text, "again");
}

TEST_P(SqliteStoreTest, ALeaseIsHeldByOneLivingProcess) {
  store_.create(run_row("a"), {}, chain(1));
  store_.create(run_row("b"), {}, chain(1));
  const Lease mine{.host = "login1", .boot_id = "b1", .pid = 10, .pid_start = 100, .since = at(1)};
  Lease other = mine;
  other.pid_start = 200;  // the same process id, another process
  const auto alive = [](const Lease&) { return true; };
  const auto never_asked = [](const Lease&) -> bool { throw std::logic_error("asked"); };

  EXPECT_FALSE(store_.acquire("a", mine, never_asked));  // free
  EXPECT_FALSE(store_.acquire("a", mine, never_asked));  // mine already
  const auto holder = store_.acquire("a", other, alive);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->host, "login1");
  EXPECT_EQ(holder->boot_id, "b1");
  EXPECT_EQ(holder->pid, 10);
  EXPECT_EQ(holder->pid_start, 100);
  EXPECT_EQ(holder->since, at(1));
  EXPECT_FALSE(store_.acquire("b", other, never_asked));  // another run

  store_.release("a", other);  // not the holder: nothing happens
  EXPECT_TRUE(store_.acquire("a", other, alive));
  EXPECT_FALSE(
      store_.acquire("a", other, [](const Lease& lease) { return lease.pid_start != 100; }));  // dead
  EXPECT_TRUE(store_.acquire("a", mine, alive));
  store_.release("a", other);
  EXPECT_FALSE(store_.acquire("a", mine, never_asked));
}

TEST_P(SqliteStoreTest, AQuestionThatThrowsLeavesTheLeaseAndTheStoreUnlocked) {
  store_.create(run_row("a"), {}, chain(1));
  EXPECT_FALSE(store_.acquire("a", {.host = "h", .boot_id = "b"}, {}));
  EXPECT_THROW(store_.acquire("a", {}, [](const Lease&) -> bool { throw std::runtime_error("ssh"); }),
               std::runtime_error);
  SqliteStore second(file(), OpenMode::read_write,
                     {.busy_timeout = std::chrono::milliseconds(1), .journal = GetParam()});
  EXPECT_NO_THROW(second.apply("a", node_change(0, held), at(1)));
}

TEST_P(SqliteStoreTest, ARunWithoutNodesIsARun) {
  store_.create(run_row("a"), {}, Graph());
  EXPECT_TRUE(store_.load("a").nodes.empty());
  EXPECT_TRUE(store_.load("a").run.counts.empty());
}

// What other programs may rely on when they read or repair the file.
class SchemaTest : public StoreTest {
 protected:
  void SetUp() override {
    SqliteStore store(file(), OpenMode::read_write);
    store.create(run_row("a"), {.file = "f", .text = "t", .files = {{"x", "y"}}}, chain(3));
    Changes changes = node_change(0, held);
    changes.attempts.push_back(attempt_of(0, "tok"));
    changes.events.emplace_back().kind = "state";
    changes.results.push_back({.node = 0, .attempt = 1, .name = "r", .value = Value::of("1")});
    store.apply("a", changes, at(1));
    store.acquire("a", {}, {});
  }
};

TEST_F(SchemaTest, EdgesAreRecordedWithTheirCondition) {
  Database db(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
  EXPECT_EQ(db.text("SELECT group_concat(parent || '>' || child || condition, ' ') FROM edges"),
            "0>1ok 1>2ok");
  EXPECT_EQ(db.text("SELECT group_concat(name, ' ') FROM nodes"), "n0 n1 n2");
}

TEST_F(SchemaTest, EventsAreNeverChangedOrDeletedButGoWithTheirRun) {
  Database db(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
  db.execute("PRAGMA foreign_keys = ON");
  EXPECT_THROW(db.execute("UPDATE events SET text = 'forged'"), Error);
  EXPECT_THROW(db.execute("DELETE FROM events"), Error);
  db.execute("DELETE FROM runs WHERE id = 'a'");
  for (const std::string table :
       {"snapshots", "nodes", "run_counts", "edges", "attempts", "events", "results", "leases"}) {
    EXPECT_EQ(db.integer("SELECT count(*) FROM " + table), 0) << table;
  }
}

TEST_F(SchemaTest, OnlyKnownWordsAreStored) {
  Database db(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
  EXPECT_THROW(db.execute("UPDATE nodes SET state = 'done'"), Error);
  EXPECT_THROW(db.execute("UPDATE runs SET state = 'held'"), Error);
  EXPECT_THROW(db.execute("UPDATE attempts SET state = 'lost'"), Error);
  EXPECT_THROW(db.execute("UPDATE edges SET condition = 'never'"), Error);
  EXPECT_THROW(db.execute("UPDATE results SET value = 'not json'"), Error);
  EXPECT_THROW(db.execute("UPDATE runs SET created = 'yesterday'"), Error);  // STRICT
}

TEST_F(SchemaTest, CountsFollowAWriterThatIsNotCatena) {
  Database(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1))
      .execute("UPDATE nodes SET state = 'cancelled'");
  SqliteStore store(file(), OpenMode::read_only);
  EXPECT_EQ(store.load("a").run.counts, (Counts{{cancelled, 3}}));
}

TEST_F(SchemaTest, AListingReadsNoNodes) {
  Database db(file().string(), SQLITE_OPEN_READWRITE, file(), std::chrono::seconds(1));
  db.execute("DROP TABLE edges; DROP TABLE results; DROP TABLE attempts; DROP TABLE nodes");
  SqliteStore store(file(), OpenMode::read_only);
  EXPECT_EQ(store.runs({}).at(0).counts, (Counts{{pending, 2}, {held, 1}}));
}

}  // namespace
}  // namespace catena
