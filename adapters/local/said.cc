#include "adapters/local/said.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "adapters/local/line_file.h"
#include "core/job_tool.h"
#include "core/quote.h"
#include "core/script.h"

namespace catena::local {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view result_prefix = "result.", param_prefix = "CATENA_PARAM_";

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

// The parameters by their texts, as in the environment: what looks like a number is one.
std::string params_text(const std::vector<std::string>& environment) {
  std::vector<std::pair<std::string, std::string>> params;
  for (const auto& entry : environment) {
    if (!entry.starts_with(param_prefix)) continue;
    const auto equals = entry.find('=');
    auto value = entry.substr(equals + 1);
    const auto kind = value == "true" || value == "false" ? Value::Kind::boolean : Value::Kind::number;
    params.emplace_back(entry.substr(param_prefix.size(), equals - param_prefix.size()),
                        to_json_text(Value::of(std::move(value), kind)));
  }
  std::ranges::sort(params);
  std::string text;
  for (const auto& [name, value] : params)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", json_quote(name), value);
  return text;
}

}  // namespace

void take_in_said(const RunFiles& files, const BareLine& bare, std::string_view node, Report& record) {
  const fs::path folder = fmt::format("{}/{}/{}", files.run, said_folder, record.token);
  std::error_code error;
  if (!fs::is_directory(folder, error)) return;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(result_prefix) && name.find('.', result_prefix.size()) == name.npos)
      names.push_back(name.substr(result_prefix.size()));
  }
  std::ranges::sort(names);
  std::string results;
  for (const auto& name : names) {
    results += fmt::format("{}{}:{}", results.empty() ? "" : ",", json_quote(name),
                           first_line(read_file(folder / (std::string(result_prefix) + name))));
    if (auto value = read_result(first_line(read_file(folder / ("record." + name)))))
      record.results.emplace_back(name, std::move(*value));
  }
  const auto ready = fs::path(files.run) / ready_folder / node;
  if (fs::exists(ready, error) && first_line(read_file(ready)) == record.token) fs::remove(ready, error);
  if (fs::exists(folder / "fail", error)) {
    const auto fail = read_file(folder / "fail");
    record.permanent = fail.starts_with("yes\n");
    record.reason = first_line(std::string_view(fail).substr(std::min(fail.find('\n') + 1, fail.size())));
    if (record.exit_code == 0) record.exit_code = 1;
  }
  if (record.exit_code != 0 || results.empty()) return;
  replace_file(fmt::format("{}/{}/{}.json", files.run, result_folder, node),
               fmt::format("{{\"node\":{},\"params\":{{{}}},\"results\":{{{}}}}}\n", json_quote(node),
                           params_text(bare.environment), results));
}

}  // namespace catena::local
