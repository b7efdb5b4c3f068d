#include "adapters/local/records.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "core/json_memory.h"
#include "core/script.h"

namespace catena::local {
namespace json = boost::json;
namespace {

template <typename Enum>
using Names = std::pair<Enum, std::string_view>;

constexpr std::array outcomes{
    Names<Outcome>{Outcome::completed, "completed"},
    Names<Outcome>{Outcome::failed, "failed"},
    Names<Outcome>{Outcome::timeout, "timeout"},
    Names<Outcome>{Outcome::cancelled, "cancelled"},
    Names<Outcome>{Outcome::skipped_by_failure, "skipped"},
    Names<Outcome>{Outcome::skipped_unneeded, "unneeded"},
};
constexpr std::array whats{
    Names<JournalLine::What>{JournalLine::What::supervisor, "supervisor"},
    Names<JournalLine::What>{JournalLine::What::starting, "starting"},
    Names<JournalLine::What>{JournalLine::What::start, "start"},
    Names<JournalLine::What>{JournalLine::What::back, "back"},
    Names<JournalLine::What>{JournalLine::What::end, "end"},
    Names<JournalLine::What>{JournalLine::What::idle, "idle"},
};
constexpr std::array actions{
    Names<Action>{Action::release, "release"},
    Names<Action>{Action::hold, "hold"},
    Names<Action>{Action::cancel, "cancel"},
    Names<Action>{Action::repoint, "repoint"},
};

template <typename Enum, std::size_t N>
std::string_view name_of(const std::array<Names<Enum>, N>& table, Enum value) {
  return std::ranges::find(table, value, &Names<Enum>::first)->second;
}

template <typename Enum, std::size_t N>
std::optional<Enum> named(const std::array<Names<Enum>, N>& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Names<Enum>::second);
  return found == table.end() ? std::nullopt : std::optional(found->first);
}

// A line's object; null: it is none.
class Object {
 public:
  explicit Object(std::string_view text) : value_(memory_.get()) {
    json::parse_options options;
    options.allow_invalid_utf8 = true;  // a path may hold any bytes
    boost::system::error_code error;
    value_ = json::parse(text, error, memory_.get(), options);
  }
  explicit operator bool() const { return value_.is_object(); }
  const json::object& operator*() const { return value_.get_object(); }
  const json::object* operator->() const { return &value_.get_object(); }

 private:
  JsonMemory memory_;
  json::value value_;
};

std::string text(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::vector<std::string> texts(const json::object& from, std::string_view key) {
  std::vector<std::string> list;
  const auto* value = from.if_contains(key);
  if (!value || !value->is_array()) return list;
  for (const auto& item : value->as_array()) {
    if (item.is_string()) list.emplace_back(item.as_string());
  }
  return list;
}

std::int64_t number(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_int64() ? value->as_int64() : 0;
}

std::optional<int> optional_number(const json::object& from, std::string_view key) {
  if (!from.contains(key)) return std::nullopt;
  return static_cast<int>(number(from, key));
}

Time time(const json::object& from, std::string_view key = "time") {
  return Time{std::chrono::seconds{number(from, key)}};
}

json::array to_json(const Parents& parents) {
  json::array list;
  for (const auto& [on, id] : parents) list.push_back(json::array{to_string(on), id});
  return list;
}

std::optional<Parents> parents(const json::object& from) {
  Parents list;
  const auto* value = from.if_contains("after");
  if (!value) return list;
  if (!value->is_array()) return std::nullopt;
  for (const auto& item : value->as_array()) {
    if (!item.is_array() || item.as_array().size() != 2) return std::nullopt;
    const auto& pair = item.as_array();
    if (!pair[0].is_string() || !pair[1].is_string()) return std::nullopt;
    const auto on = on_from(pair[0].as_string());
    if (!on) return std::nullopt;
    list.emplace_back(*on, pair[1].as_string());
  }
  return list;
}

std::optional<QueueLine> queue_line(const json::object& from) {
  if (number(from, "v") != 1) return std::nullopt;
  auto after = parents(from);
  QueueLine line{.id = text(from, "id"),
                 .token = text(from, "token"),
                 .name = text(from, "name"),
                 .workdir = text(from, "workdir"),
                 .log_out = text(from, "out"),
                 .log_err = text(from, "err"),
                 .cpus = static_cast<int>(number(from, "cpus")),
                 .memory = number(from, "memory"),
                 .walltime = Seconds{number(from, "walltime")},
                 .held = from.contains("held"),
                 .parents = after ? std::move(*after) : Parents{},
                 .begin = time(from, "begin"),
                 .time = time(from),
                 .body = text(from, "body")};
  if (!after || line.id.empty() || line.token.empty()) return std::nullopt;
  return line;
}

std::string folder(const std::string& run, std::string_view name) {
  return run + "/" + std::string(name);
}

bool exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

}  // namespace

RunFiles::RunFiles(const std::string& run_directory)
    : run(run_directory),
      local(run + "/.catena/local"),
      queue(local + "/queue"),
      control(local + "/control"),
      journal(local + "/journal"),
      lock(local + "/lock"),
      writer(local + "/writer"),
      limits(local + "/limits"),
      log(local + "/supervisor.log"),
      spool(folder(run, spool_folder)),
      taken(folder(run, taken_folder)),
      scripts(folder(run, script_folder)),
      claims(folder(run, claim_folder)),
      records(local + "/records") {}

std::string RunFiles::script(std::string_view token) const {
  return scripts + "/" + std::string(token) + ".sh";
}

std::string RunFiles::body(std::string_view token) const {
  return folder(run, body_folder) + "/" + std::string(token);
}

std::string RunFiles::spooled(std::string_view token, std::string_view kind) const {
  return spool + "/" + std::string(token) + "." + std::string(kind);
}

bool RunFiles::has_record(std::string_view token, std::string_view kind) const {
  return exists(spooled(token, kind)) || exists(taken + "/" + std::string(token) + "." + std::string(kind));
}

bool RunFiles::has_claim(std::string_view token) const {
  return exists(claims + "/" + std::string(token));
}

Limits resolve(Limits limits) {
  if (limits.cpus <= 0) {
    cpu_set_t set;  // its error (more CPUs than it holds) leaves the count of all
    limits.cpus = sched_getaffinity(0, sizeof set, &set) == 0
                      ? CPU_COUNT(&set)
                      : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  }
  if (limits.memory <= 0) limits.memory = Bytes{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return limits;
}

std::string write_limits(const Limits& limits) {
  return json::serialize(json::object{{"cpus", limits.cpus},
                                      {"memory", limits.memory},
                                      {"kill_grace", limits.kill_grace.count()},
                                      {"longest_ahead_ms", limits.longest_ahead.count()}}) +
         "\n";
}

Limits read_limits(std::string_view content) {
  Limits limits;
  const auto end = content.find('\n');
  const Object from(content.substr(0, end));
  if (!from) return limits;
  limits.cpus = static_cast<int>(number(*from, "cpus"));
  limits.memory = number(*from, "memory");
  if (from->contains("kill_grace")) limits.kill_grace = Seconds{number(*from, "kill_grace")};
  if (from->contains("longest_ahead_ms"))
    limits.longest_ahead = std::chrono::milliseconds{number(*from, "longest_ahead_ms")};
  return limits;
}

std::string to_line(const QueueLine& line, const BareJob* bare) {
  JsonMemory memory;
  json::object to({{"v", 1},
                   {"id", line.id},
                   {"token", line.token},
                   {"name", line.name},
                   {"workdir", line.workdir},
                   {"out", line.log_out},
                   {"err", line.log_err},
                   {"cpus", line.cpus},
                   {"memory", line.memory},
                   {"time", line.time.time_since_epoch().count()}},
                  memory.get());
  if (line.walltime.count() > 0) to["walltime"] = line.walltime.count();
  if (line.begin > Time{}) to["begin"] = line.begin.time_since_epoch().count();
  if (line.held) to["held"] = true;
  if (!line.parents.empty()) to["after"] = to_json(line.parents);
  if (bare) {
    json::array environment(memory.get());
    for (const auto& [name, value] : bare->environment) environment.emplace_back(name + "=" + value);
    to["body"] = line.body;
    to["env"] = std::move(environment);
    to["shell"] = json::value_from(bare->shell, memory.get());
    if (!bare->outputs.empty()) to["outputs"] = json::value_from(bare->outputs, memory.get());
  }
  return json::serialize(to) + "\n";
}

std::string to_line(const ControlLine& line) {
  JsonMemory memory;
  json::object to({{"v", 1}, {"action", name_of(actions, line.action)}, {"id", line.id}}, memory.get());
  if (line.action == Action::repoint) to["after"] = to_json(line.parents);
  return json::serialize(to) + "\n";
}

std::string to_line(const JournalLine& line) {
  using What = JournalLine::What;
  JsonMemory memory;
  json::object to(
      {{"v", 1}, {"what", name_of(whats, line.what)}, {"time", line.time.time_since_epoch().count()}},
      memory.get());
  if (line.what != What::supervisor && line.what != What::idle) {
    to["id"] = line.id;
    to["token"] = line.token;
  }
  if (line.what == What::supervisor || line.what == What::start) to["pid"] = line.pid;
  if (line.what == What::start) to["pid_start"] = line.pid_start;
  if (line.what == What::supervisor) {
    to["boot"] = line.boot;
    to["host"] = line.host;
  }
  if (line.what == What::idle) {
    to["queue"] = line.queue;
    to["control"] = line.control;
  }
  if (line.what == What::end) {
    to["outcome"] = to_string(line.outcome);
    if (line.status) to["status"] = *line.status;
    if (line.signal) to["signal"] = *line.signal;
    if (!line.reason.empty()) to["reason"] = line.reason;
  }
  return json::serialize(to) + "\n";
}

std::optional<QueueLine> read_queue_line(std::string_view content) {
  const Object from(content);
  return from ? queue_line(*from) : std::nullopt;
}

std::optional<BareLine> read_bare_line(std::string_view content) {
  const Object from(content);
  auto queued = from ? queue_line(*from) : std::nullopt;
  if (!queued || queued->body.empty()) return std::nullopt;
  BareLine line{std::move(*queued), texts(*from, "env"), texts(*from, "shell"), texts(*from, "outputs")};
  if (line.shell.empty()) return std::nullopt;
  return line;
}

std::optional<ControlLine> read_control_line(std::string_view content) {
  const Object from(content);
  if (!from || number(*from, "v") != 1) return std::nullopt;
  const auto action = named(actions, text(*from, "action"));
  auto after = parents(*from);
  if (!action || !after) return std::nullopt;
  return ControlLine{*action, text(*from, "id"), std::move(*after)};
}

std::optional<JournalLine> read_journal_line(std::string_view content) {
  const Object from(content);
  if (!from || number(*from, "v") != 1) return std::nullopt;
  const auto what = named(whats, text(*from, "what"));
  const auto outcome = named(outcomes, text(*from, "outcome"));
  if (!what || (*what == JournalLine::What::end && !outcome)) return std::nullopt;
  return JournalLine{.what = *what,
                     .id = text(*from, "id"),
                     .token = text(*from, "token"),
                     .time = time(*from),
                     .pid = number(*from, "pid"),
                     .pid_start = number(*from, "pid_start"),
                     .boot = text(*from, "boot"),
                     .host = text(*from, "host"),
                     .outcome = outcome.value_or(Outcome::completed),
                     .status = optional_number(*from, "status"),
                     .signal = optional_number(*from, "signal"),
                     .reason = text(*from, "reason"),
                     .queue = static_cast<std::size_t>(number(*from, "queue")),
                     .control = static_cast<std::size_t>(number(*from, "control"))};
}

std::string_view to_string(Outcome outcome) {
  return name_of(outcomes, outcome);
}

Time now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace catena::local
