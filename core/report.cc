#include "core/report.h"

#include <fmt/core.h>

#include <boost/json.hpp>
#include <cmath>

#include "core/json_memory.h"

namespace catena {
namespace json = boost::json;
namespace {

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::optional<std::int64_t> number(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value && value->is_int64()) return value->as_int64();
  return std::nullopt;
}

std::optional<Time> time(const json::object& object, std::string_view key) {
  if (auto seconds = number(object, key)) return Time{std::chrono::seconds{*seconds}};
  return std::nullopt;
}

bool looks_like_number(const std::string& text) {
  boost::system::error_code error;
  return json::parse(text, error).is_number() && !error;
}

Value scalar(const json::value& value) {
  if (!value.is_string()) return Value::of(json::serialize(value), Value::Kind::string);
  std::string s(value.as_string());
  const auto kind = looks_like_number(s) ? Value::Kind::number : Value::Kind::string;
  return Value::of(std::move(s), kind);
}

Value result(const json::value& value) {
  if (!value.is_array()) return scalar(value);
  Value list{Value::Kind::list, {}, {}};
  for (const auto& item : value.as_array()) list.items.push_back(scalar(item));
  return list;
}

json::value recorded(const Value& value) {
  if (value.kind != Value::Kind::list) return json::string(value.text);
  json::array list;
  for (const auto& item : value.items) list.push_back(recorded(item));
  return list;
}

JobState ending(const json::object& record) {
  const auto state = text(record, "state");
  if (state == "timeout") return JobState::timeout;
  if (state == "cancelled") return JobState::cancelled;
  if (state == "completed") return JobState::completed;
  return number(record, "exit") == 0 && text(record, "reason").empty() ? JobState::completed
                                                                       : JobState::failed;
}

}  // namespace

std::optional<Report> read_record(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  JsonMemory memory;
  boost::system::error_code error;
  const auto value = json::parse(line, error, memory.get());
  if (error || !value.is_object()) return std::nullopt;
  const auto& record = value.as_object();
  const auto kind = text(record, "kind");
  if (number(record, "v") != 1 || (kind != "start" && kind != "exit")) return std::nullopt;

  Report report;
  report.source = Evidence::record;
  report.token = text(record, "token");
  if (report.token.empty()) return std::nullopt;
  report.native_id = text(record, "job");
  report.host = text(record, "host");
  report.stdout_file = text(record, "stdout");
  report.stderr_file = text(record, "stderr");
  if (const auto* tries = record.if_contains("tries"); tries && tries->is_array()) {
    for (const auto& each : tries->as_array()) {
      if (!each.is_object()) continue;
      const auto& one = each.as_object();
      report.tries.push_back({static_cast<int>(number(one, "exit").value_or(0)), text(one, "reason"),
                              time(one, "time").value_or(Time{})});
    }
  }
  if (kind == "start") {
    report.state = JobState::running;
    report.started = time(record, "time");
    return report;
  }
  if (!number(record, "exit")) return std::nullopt;
  report.exit_code = static_cast<int>(*number(record, "exit"));
  if (auto signal = number(record, "signal"); signal && *signal > 0)
    report.signal = static_cast<int>(*signal);
  report.reason = text(record, "reason");
  report.started = time(record, "start");
  report.ended = time(record, "time");
  report.state = ending(record);
  const auto* permanent = record.if_contains("permanent");
  report.permanent = permanent && permanent->is_bool() && permanent->as_bool();
  if (const auto* results = record.if_contains("results"); results && results->is_object()) {
    for (const auto& [name, item] : results->as_object())
      report.results.emplace_back(std::string(name), result(item));
  }
  return report;
}

std::optional<Value> read_result(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  if (error) return std::nullopt;
  return result(value);
}

std::optional<SaidRecord> read_said(std::string_view line) {
  boost::system::error_code error;
  const auto parsed = json::parse(line.substr(0, line.find_last_not_of("\r\n") + 1), error);
  if (error || !parsed.is_object()) return std::nullopt;
  const auto& record = parsed.as_object();
  SaidRecord said;
  said.kind = text(record, "kind");
  said.token = text(record, "token");
  said.file = text(record, "file");
  const bool own = !said.token.empty() && said.file.starts_with(said.token + ".said.") &&
                   said.file.find('/') == std::string::npos && said.file.find('\n') == std::string::npos;
  if (number(record, "v") != 1 || !own) return std::nullopt;
  said.time = time(record, "time").value_or(Time{});
  said.order = number(record, "seq").value_or(0);
  said.text = text(record, "text");
  if (said.kind == "put") {
    said.name = text(record, "name");
    const auto* value = record.if_contains("value");
    if (said.name.empty() || !value) return std::nullopt;
    said.value = result(*value);
  } else if (said.kind == "progress") {
    const auto done = json::parse(text(record, "done"), error);
    if (error || !done.is_number()) return std::nullopt;
    const auto percent = fmt::format("{:.0f}%", std::floor(100 * done.to_number<double>() + 1e-9));
    said.text = said.text.empty() ? percent : percent + ": " + said.text;
  } else if (said.kind != "event" && said.kind != "ready" && said.kind != "checkpoint" &&
             said.kind != "extend") {
    return std::nullopt;
  }
  return said;
}

std::string write_exit_record(const Report& report, std::string_view node) {
  JsonMemory memory;
  json::object record({{"v", 1},
                       {"kind", "exit"},
                       {"token", report.token},
                       {"job", report.native_id},
                       {"host", report.host},
                       {"exit", report.exit_code.value_or(report.signal ? 128 + *report.signal : 0)},
                       {"reason", report.reason}},
                      memory.get());
  if (!node.empty()) record["node"] = node;
  if (report.signal) record["signal"] = *report.signal;
  if (report.started) record["start"] = report.started->time_since_epoch().count();
  if (report.ended) record["time"] = report.ended->time_since_epoch().count();
  if (report.permanent) record["permanent"] = true;
  if (!report.results.empty()) {
    json::object results;
    for (const auto& [name, value] : report.results) results[name] = recorded(value);
    record["results"] = std::move(results);
  }
  if (report.state == JobState::timeout) record["state"] = "timeout";
  if (report.state == JobState::cancelled) record["state"] = "cancelled";
  return json::serialize(record) + "\n";
}

std::string write_start_record(const Report& report, std::string_view node) {
  JsonMemory memory;
  json::object record({{"v", 1},
                       {"kind", "start"},
                       {"token", report.token},
                       {"job", report.native_id},
                       {"host", report.host}},
                      memory.get());
  if (!node.empty()) record["node"] = node;
  if (report.started) record["time"] = report.started->time_since_epoch().count();
  return json::serialize(record) + "\n";
}

}  // namespace catena
