#include "slurm/dialect.h"

#include <array>

#include "core/error.h"
#include "slurm/control.h"
#include "slurm/directives.h"
#include "slurm/options.h"
#include "slurm/parse.h"
#include "slurm/query.h"
#include "slurm/submit.h"

namespace catena::slurm {
namespace {

constexpr std::array<std::string_view, 3> option_names = {"kill_on_invalid_dep", "export", "accounting"};

// "afterok:$J1,aftercorr:$J2"; the array of "123_4" is 123.
std::string dependency_words(std::span<const std::pair<On, std::string>> parents,
                             std::span<const std::string> each) {
  auto words = dependency_list(parents);
  for (const auto& id : each)
    words.append(words.empty() ? "" : ",").append("aftercorr:").append(id.substr(0, id.find('_')));
  return words;
}

class SlurmDialect : public Dialect {
 public:
  explicit SlurmDialect(const Options& options) : options_(options) {}

  std::vector<std::string> directives(const Job& job) const override {
    return slurm::directives(job, options_);
  }
  std::vector<std::string> check_options(std::span<const std::string> options) const override {
    return slurm::check_options(options);
  }
  SubmitText submit_text() const override { return slurm::submit_text(options_); }
  std::string submit_words(const Job& job, std::span<const std::pair<On, std::string>> parents,
                           std::span<const std::string> each) const override {
    if (parents.empty() && each.empty()) return {};
    // The last of two is taken. A removed job counts as ended, though it may come back with its parents'
    // retry.
    const bool must_stay = options_.kill_on_invalid_dep && job.other_than_ok_follows;
    return std::string(must_stay ? "--kill-on-invalid-dep=no " : "") +
           "\"--dependency=" + dependency_words(parents, each) + "\"";
  }
  std::vector<Command> control(Action action, std::span<const ControlTarget> targets) const override {
    return slurm::control(action, targets, options_);
  }
  std::vector<std::string> parse_control(Action action, const CommandResult& result) const override {
    return slurm::parse_control(action, result);
  }
  Command query(QueryKind kind, const Query& query) const override {
    return kind == QueryKind::queue ? queue_query(query, options_) : accounting_query(query, options_);
  }
  Parsed parse(QueryKind kind, const CommandResult& result) const override {
    return kind == QueryKind::queue ? parse_queue(result) : parse_accounting(result);
  }

 private:
  const Options options_;
};

}  // namespace

std::vector<std::string> check_site_options(const std::map<std::string, std::string>& options) {
  std::vector<std::string> problems;
  for (const auto& [name, value] : options) {
    if (name == "kill_on_invalid_dep") {
      if (value != "yes" && value != "no") {
        problems.push_back("kill_on_invalid_dep is yes or no, not '" + value + "'");
      }
    } else if (name == "accounting") {
      if (value != "yes" && value != "no") problems.push_back("accounting is yes or no, not '" + value + "'");
    } else if (name == "export") {
      if (value != "all" && value != "none") problems.push_back("export is all or none, not '" + value + "'");
    } else {
      const auto meant = suggestion(name, option_names);
      problems.push_back("slurm has no option '" + name + "'" + (meant.empty() ? "" : " (" + meant + ")"));
    }
  }
  return problems;
}

Options options_of(const Site& site) {
  std::string problems;
  for (const auto& problem : check_site_options(site.options)) problems += "\n  " + problem;
  if (!problems.empty()) throw Error(ErrorKind::config, "site '" + site.name + "':" + problems);
  Options options;
  const auto is = [&site](const char* name, const char* value) {
    const auto found = site.options.find(name);
    return found != site.options.end() && found->second == value;
  };
  options.kill_on_invalid_dep = is("kill_on_invalid_dep", "yes");
  options.export_all = !is("export", "none");
  options.argument_bytes = site.argument_bytes;
  options.timeout = site.timeout;
  return options;
}

std::unique_ptr<Dialect> make_dialect(const Options& options) {
  return std::make_unique<SlurmDialect>(options);
}

}  // namespace catena::slurm
