#include "pbs/dialect.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <optional>

#include "core/diagnostic.h"
#include "core/error.h"
#include "pbs/control.h"
#include "pbs/directives.h"
#include "pbs/options.h"
#include "pbs/parse.h"
#include "pbs/query.h"
#include "pbs/submit.h"

namespace catena::pbs {
namespace {

constexpr std::size_t shortest_name = 15;
constexpr std::array<std::string_view, 5> option_names = {"name_length", "charge", "accounting", "script",
                                                          "listing"};

std::optional<std::size_t> name_length(std::string_view text) {
  std::size_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const bool good = error == std::errc() && stop == end && value >= shortest_name && value <= 230;
  return good ? std::optional(value) : std::nullopt;
}

std::vector<std::string> check(const std::map<std::string, std::string>& options, std::string_view family,
                               std::span<const std::string_view> names) {
  std::vector<std::string> problems;
  const auto one_of = [&](const std::string& name, const std::string& value, std::string_view first,
                          std::string_view second) {
    if (value != first && value != second)
      problems.push_back(fmt::format("{} is {} or {}, not '{}'", name, first, second, value));
  };
  for (const auto& [name, value] : options) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const auto meant = suggestion(name, names);
      problems.push_back(
          fmt::format("{} has no option '{}'{}", family, name, meant.empty() ? "" : " (" + meant + ")"));
    } else if (name == "name_length") {
      if (!name_length(value))
        problems.push_back(
            fmt::format("name_length is a number from {} to 230, not '{}'", shortest_name, value));
    } else if (name == "charge") {
      one_of(name, value, "account", "project");
    } else if (name == "accounting") {
      one_of(name, value, "yes", "no");
    } else if (name == "listing") {
      one_of(name, value, "json", "text");
    } else if (!value.starts_with('/')) {
      problems.push_back(fmt::format("script is an absolute path, not '{}'", value));
    }
  }
  return problems;
}

class PbsDialect : public Dialect {
 public:
  explicit PbsDialect(const Options& options) : options_(options) {}

  std::vector<std::string> directives(const Job& job) const override {
    return pbs::directives(job, options_);
  }
  std::vector<std::string> check_options(std::span<const std::string> options) const override {
    return pbs::check_options(options);
  }
  SubmitText submit_text() const override { return pbs::submit_text(options_); }
  std::string submit_words(const Job& job, std::span<const std::pair<On, std::string>> parents,
                           std::span<const std::string> /*each*/) const override {
    auto words = begin_words(job);
    if (parents.empty()) return words;
    // Two words: some qsubs do not take "-Wdepend=…".
    return words + (words.empty() ? "" : " ") + "-W \"depend=" + dependency_list(parents) + "\"";
  }
  std::vector<Command> control(Action action, std::span<const ControlTarget> targets) const override {
    return pbs::control(action, targets, options_);
  }
  std::vector<std::string> parse_control(Action action, const CommandResult& result) const override {
    return pbs::parse_control(action, result);
  }
  Command query(QueryKind kind, const Query& query) const override {
    return kind == QueryKind::queue ? queue_query(query, options_) : history_query(query, options_);
  }
  Parsed parse(QueryKind kind, const CommandResult& result) const override {
    return pbs::parse(kind, result);
  }

 private:
  const Options options_;
};

}  // namespace

std::vector<std::string> check_site_options(const std::map<std::string, std::string>& options) {
  return check(options, "pbs", option_names);
}

std::vector<std::string> check_torque_options(const std::map<std::string, std::string>& options) {
  return check(options, "torque", std::span(option_names).first(option_names.size() - 1));
}

Options options_of(const Site& site) {
  Options options;
  options.torque = site.scheduler == "torque";
  std::string problems;
  for (const auto& problem :
       options.torque ? check_torque_options(site.options) : check_site_options(site.options))
    problems += "\n  " + problem;
  if (!problems.empty()) throw Error(ErrorKind::config, "site '" + site.name + "':" + problems);
  const auto value = [&site](const char* name) {
    const auto found = site.options.find(name);
    return found == site.options.end() ? std::string() : found->second;
  };
  options.name_length = name_length(value("name_length")).value_or(options.torque ? shortest_name : 230);
  options.project = value("charge") == "project";
  options.json = !options.torque && value("listing") != "text";
  options.script = value("script");
  options.argument_bytes = site.argument_bytes;
  options.timeout = site.timeout;
  return options;
}

std::unique_ptr<Dialect> make_dialect(const Options& options) {
  return std::make_unique<PbsDialect>(options);
}

}  // namespace catena::pbs
