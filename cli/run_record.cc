#include "cli/run_record.h"

#include <fmt/core.h>

#include <boost/json.hpp>

#include "core/error.h"

namespace catena::cli {
namespace json = boost::json;

namespace {

constexpr int version = 1;

[[noreturn]] void unreadable(const std::string& where, std::string_view why) {
  throw Error(ErrorKind::config, fmt::format("{}: {}", where, why),
              "it is written by `catena run`; without it a run cannot be adopted");
}

std::string text_of(const json::object& object, const char* name, const std::string& where) {
  const auto* value = object.if_contains(name);
  if (!value || !value->is_string()) unreadable(where, fmt::format("\"{}\" is missing", name));
  return std::string(value->as_string());
}

}  // namespace

FileToPut write_run_record(const RunRow& run, const Snapshot& snapshot) {
  json::object files;
  for (const auto& [name, content] : snapshot.files) files[name] = content;
  const json::object record{{"v", version},
                            {"catena", CATENA_VERSION},
                            {"id", run.id},
                            {"name", run.name},
                            {"site", run.site},
                            {"directory", run.directory},
                            {"created", run.created.time_since_epoch().count()},
                            {"file", snapshot.file},
                            {"workflow", snapshot.text},
                            {"files", std::move(files)}};
  FileToPut file;
  file.content = json::serialize(record) + "\n";
  file.target = fmt::format("{}/{}", run.directory, run_record_name);
  return file;
}

RunRecordFile read_run_record(std::string_view text, const std::string& where) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // a script may be in any encoding
  json::error_code error;
  const auto value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error || !value.is_object()) unreadable(where, "it is not the record of a run");
  const auto& object = value.as_object();
  const auto* v = object.if_contains("v");
  const auto* created = object.if_contains("created");
  if (!v || !v->is_int64() || !created || !created->is_int64())
    unreadable(where, "it is not the record of a run");
  if (v->as_int64() > version)
    throw Error(ErrorKind::conflict,
                fmt::format("{}: was written by catena {}", where, text_of(object, "catena", where)),
                "use that version or a later one");
  RunRecordFile record;
  record.run.id = text_of(object, "id", where);
  record.run.name = text_of(object, "name", where);
  record.run.site = text_of(object, "site", where);
  record.run.directory = text_of(object, "directory", where);
  record.run.created = record.run.updated = Time(std::chrono::seconds(created->as_int64()));
  record.run.file = record.snapshot.file = text_of(object, "file", where);
  record.snapshot.text = text_of(object, "workflow", where);
  if (const auto* files = object.if_contains("files"); files && files->is_object()) {
    for (const auto& [name, content] : files->as_object()) {
      if (!content.is_string())
        unreadable(where, fmt::format("its file {} is no text", std::string_view(name)));
      record.snapshot.files[std::string(name)] = std::string(content.as_string());
    }
  }
  return record;
}

}  // namespace catena::cli
