// Hooks and events from the command line.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "sandbox.h"

namespace catena {
namespace {

using testing::HasSubstr;
using testing::Not;

class Hooks : public testing::Test {
 protected:
  Hooks() { box.environment = "XDG_CONFIG_HOME='" + (box.dir / "config").string() + "'"; }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> list;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) list.push_back(line);
    return list;
  }
  Sandbox box;
  const std::string chain =
      "nodes:\n  a: {run: 'true'}\n  b: {run: 'exit 5', after: a}\n  c: {run: 'true', after: b}\n";
};

TEST_F(Hooks, EachTransitionOnceWithItsEventInTheEnvironmentAndOnStandardInput) {
  const auto said =
      box.run("w",
              "name: w\nhooks:\n"
              "  - {on: [completed, failed, skipped], of: all, command: 'printf \"%s:%s:%s\\n\" "
              "\"$CATENA_NODE\" \"$CATENA_STATE\" \"$CATENA_REASON\" >> seen; cat >> json'}\n" +
                  chain,
              "--id w1 --wait");
  EXPECT_EQ(said.status, 1);
  EXPECT_THAT(lines(box.read("seen")), testing::ElementsAre("a:completed:", "b:failed:exit 5",
                                                            "c:skipped:b failed", ":failed:b: exit 5"));
  const auto json = boost::json::parse(lines(box.read("json")).at(1)).as_object();
  EXPECT_EQ(json.at("node").as_string(), "b");
  EXPECT_EQ(json.at("run").as_string(), "w1");
  EXPECT_EQ(json.at("state").as_string(), "failed");
  box.catena("sync");
  box.catena("status");
  EXPECT_EQ(lines(box.read("seen")).size(), 4U);
}

TEST_F(Hooks, TheSitesMailerAndTheUsersOwnHooks) {
  box.write("mailer", "#!/bin/sh\n[ \"$1\" = -t ] && cat >> '" + (box.dir / "mails").string() + "'\n");
  std::filesystem::permissions(box.dir / "mailer", std::filesystem::perms(0755));
  box.write("sites/local.ini",
            "[scheduler]\nkind = local\n[hooks]\nmailer = " + (box.dir / "mailer").string() +
                " -t\non = failed, completed\nmail = ann@example.org\n");
  box.write("config/catena/hooks.yaml", "- {on: completed, command: [touch, own hook]}\n");
  EXPECT_EQ(box.run("w", "name: w\nnodes: {a: {run: 'true'}}\n", "--id w1 --wait").status, 0);
  const auto mail = box.read("mails");
  EXPECT_THAT(mail, HasSubstr("To: ann@example.org\nSubject: catena: w w1 is completed\n"));
  EXPECT_TRUE(std::filesystem::exists(box.dir / "own hook"));
}

TEST_F(Hooks, FailuresAreRecordedAndTheRunGoesOn) {
  const auto begin = std::chrono::steady_clock::now();
  const auto said =
      box.run("w",
              "name: w\nhooks:\n  - {on: completed, of: nodes, command: 'echo broken >&2; exit 3'}\n"
              "  - {on: completed, of: nodes, command: [no-such-program-of-catena]}\n"
              "  - {on: completed, command: sleep 300, timeout: 1s}\n"
              "  - {on: completed, webhook: 'http://127.0.0.1:9/secret-path'}\n"
              "nodes: {a: {run: 'true'}, b: {run: 'true', after: a}}\n",
              "--id w1 --wait");
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(100));
  const auto events = box.catena("events w1").out;
  EXPECT_THAT(events, HasSubstr("a: hook failed: command echo broken >&2; exit 3: exit 3: broken"));
  EXPECT_THAT(events, HasSubstr("exit 127"));
  EXPECT_THAT(events, HasSubstr("sleep 300: it took longer than 1 s"));
  EXPECT_THAT(events, HasSubstr("webhook http://127.0.0.1:9: "));
  EXPECT_THAT(events, Not(HasSubstr("secret-path")));
}

TEST_F(Hooks, AWebhookGetsTheEventAsJson) {
  if (std::system("command -v curl > /dev/null && command -v python3 > /dev/null") != 0)
    GTEST_SKIP() << "curl or python3 is not installed";
  box.write(
      "server.py",
      "import http.server\nclass H(http.server.BaseHTTPRequestHandler):\n  def do_POST(self):\n"
      "    body = self.rfile.read(int(self.headers['Content-Length']))\n"
      "    open('body', 'wb').write(self.headers['Content-Type'].encode() + b' ' + body)\n"
      "    self.send_response(204); self.end_headers()\n"
      "  def log_message(self, *a): pass\n"
      "s = http.server.HTTPServer(('127.0.0.1', 0), H)\nopen('port.new', 'w').write(str(s.server_port))\n"
      "import os; os.rename('port.new', 'port'); s.timeout = 60; s.handle_request()\n");
  std::thread server([&] { shell_output("cd '" + box.dir.string() + "' && timeout 100 python3 server.py"); });
  EXPECT_TRUE(box.until([&] { return std::filesystem::exists(box.dir / "port"); }));
  const auto said =
      box.run("w",
              "name: w\nhooks: [{on: completed, webhook: 'http://127.0.0.1:" + box.read("port") +
                  "/hook?a=b'}]\nnodes: {a: {run: 'true'}}\n",
              "--id w1 --wait");
  server.join();
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_THAT(box.read("body"), HasSubstr("application/json {\"run\":\"w1\",\"workflow\":\"w\""));
  EXPECT_THAT(box.catena("events w1").out, Not(HasSubstr("hook failed")));
}

TEST_F(Hooks, EventsFollowARunToItsEnd) {
  box.run("w", "name: w\nnodes: {a: {run: 'while [ ! -e ../../../go ]; do sleep 0.1; done'}}\n", "--id w1");
  Said followed;
  std::thread follower([&] {
    const auto command = "cd '" + box.dir.string() + "' && CATENA_HOME='" + (box.dir / "home").string() +
                         "' timeout 100 '" CATENA_BINARY "' events w1 --follow --json";
    followed.out = shell_output(command + " > followed");
  });
  EXPECT_TRUE(box.until([&] { return box.read("followed").find("\"to\":\"queued\"") != std::string::npos; }));
  box.write("go", "");
  box.catena("wait w1");
  follower.join();
  const auto seen = lines(box.read("followed"));
  ASSERT_FALSE(seen.empty());
  std::int64_t id = 0;
  for (const auto& line : seen) {
    const auto event = boost::json::parse(line).as_object();
    EXPECT_EQ(event.at("id").as_int64(), ++id);
  }
  const auto last = boost::json::parse(seen.back()).as_object();
  EXPECT_EQ(last.at("kind").as_string(), "run");
  EXPECT_EQ(last.at("to").as_string(), "completed");
}

}  // namespace
}  // namespace catena
