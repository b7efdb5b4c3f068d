// catena doctor [SITE]: tries all that a run on the site will need, and says what to do about what fails.
#include <fmt/core.h>

#include <chrono>

#include "cli/print.h"
#include "cli/registry.h"
#include "cli/verbs.h"
#include "core/checkup.h"

namespace catena::cli {
namespace {

using Level = Finding::Level;

class Report {
 public:
  explicit Report(bool json) : json_(json) {}
  void add(const Finding& finding) {
    if (finding.level == Level::problem) ++problems_;
    if (json_) {
      list_.push_back(boost::json::object{
          {"level", name(finding.level)}, {"text", finding.text}, {"remedy", finding.remedy}});
      return;
    }
    fmt::print("{:<8} {}\n", name(finding.level), finding.text);
    if (!finding.remedy.empty()) fmt::print("         -> {}\n", finding.remedy);
    std::fflush(stdout);
  }
  void good(std::string text) { add({Level::good, std::move(text), ""}); }
  int finish() const {
    if (json_) fmt::print("{}\n", boost::json::serialize(list_));
    return problems_ == 0 ? exit_ok : exit_unavailable;
  }

 private:
  static std::string_view name(Level level) {
    return level == Level::good ? "ok" : level == Level::note ? "note" : "PROBLEM";
  }
  bool json_;
  boost::json::array list_;
  int problems_ = 0;
};

Command ask(std::string text, std::vector<std::string> arguments = {}) {
  Command command;
  command.argv = {"sh", "-c", std::move(text), "sh"};
  std::ranges::move(arguments, std::back_inserter(command.argv));
  command.repeatable = true;
  command.timeout = std::chrono::seconds{30};
  return command;
}

void check_clock(Transport& transport, Report& report) {
  const auto before = std::chrono::system_clock::now();
  const auto result = transport.run(ask("date +%s"));
  const auto after = std::chrono::system_clock::now();
  const auto here =
      std::chrono::duration_cast<std::chrono::seconds>((before + (after - before) / 2).time_since_epoch());
  const auto skew = std::strtoll(result.out.c_str(), nullptr, 10) - here.count();
  if (std::llabs(skew) <= 5) return report.good("the clocks agree");
  report.add({Level::note,
              fmt::format("its clock is {} s {} ours", std::llabs(skew), skew > 0 ? "ahead of" : "behind"),
              "times in status are the site's; settle times are longer by that"});
}

void check_tools(Transport& transport, Report& report) {
  // What catena's programs use there; each as it is used.
  const auto result =
      transport.run(ask("try() { name=$1; shift; \"$@\" > /dev/null 2>&1 < /dev/null || echo \"$name\"; }\n"
                        "try bash bash -c true\n"
                        "try 'GNU tar' sh -c 'tar --version | grep -q GNU'\n"
                        "try 'find -printf' find / -maxdepth 0 -printf %s\n"
                        "try 'xargs -0' xargs -0 -r true\n"
                        "try 'stat --printf' stat --printf %s /\n"
                        "try 'mv -t' sh -c 'mv --help | grep -q target-directory'\n"
                        "try sha256sum sha256sum /dev/null\n"
                        "try awk awk 'BEGIN { exit 0 }'\n:"));
  std::string missing;
  for (const char c : result.out) missing += c == '\n' ? ',' : c;
  if (!missing.empty()) missing.pop_back();
  if (missing.empty()) return report.good("sh, bash, GNU tar, find, xargs and coreutils are there");
  report.add({Level::problem, "missing there: " + missing, "catena needs them on the login node"});
}

void check_scratch(const Workbench& bench, Report& report) {
  const auto base = bench.scratch_base(std::filesystem::current_path().string());
  const auto result = bench.transport->run(
      ask("umask 077; mkdir -p -- \"$1\" && probe=$1/.catena-doctor.$$ && echo x > \"$probe\" && "
          "mv -f -- \"$probe\" \"$probe.moved\" && rm -f -- \"$probe.moved\" && df -Pk -- \"$1\" | awk 'NR "
          "== 2 { print $4 }'",
          {base}));
  if (result.status != 0) {
    report.add({Level::problem,
                fmt::format("{} cannot be written: {}", base, result.err.substr(0, result.err.find('\n'))),
                "set `scratch` in the site's [transport] to a directory that login and compute nodes share"});
    return;
  }
  const auto free = std::strtoull(result.out.c_str(), nullptr, 10) * 1024;
  const auto text = fmt::format("runs go to {}: writable, {} free", base, size_text(free));
  constexpr std::uintmax_t little = std::uintmax_t{1} << 30;
  if (free < little) {
    report.add({Level::note, text, "`catena gc` removes the directories of old runs"});
  } else {
    report.good(text);
  }
}

int examine(Context& context, const std::string& name, bool json) {
  Report report(json);
  const auto site = context.site(name);
  if (!json) fmt::print("site {}{}\n", site.name, site.file.empty() ? "" : " (" + site.file + ")");
  auto& bench = context.workbench(site.name);
  auto& transport = *bench.transport;
  try {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = transport.run(ask("echo \"$SHELL\""));
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    report.good(site.remote() ? fmt::format("connected to {} in {} ms; its host key is the known one",
                                            transport.where(), took.count())
                              : "commands run on this machine");
    report.good(fmt::format("login shell: {}", result.out.substr(0, result.out.find('\n'))));
    check_clock(transport, report);
    check_tools(transport, report);
    check_scratch(bench, report);
    if (const auto* scheduler = find_scheduler(site.scheduler)) {
      for (const auto& check : scheduler->checkup()) {
        for (const auto& finding : check.read(transport.run(check.command))) report.add(finding);
      }
    } else {
      report.good("jobs run on this machine, without a scheduler");
    }
  } catch (const Error& error) {
    report.add({Level::problem, error.what(), error.remedy()});
  }
  return report.finish();
}

}  // namespace

void add_doctor(CLI::App& app, Context& context, Chosen& chosen) {
  auto* verb = app.add_subcommand("doctor", "try all that a site needs, and say what to do about what fails");
  auto site = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  verb->add_option("site", *site, "a site; default: local")->type_name("SITE");
  verb->add_flag("--json", *json, "as JSON");
  verb->footer("Example:  catena doctor mycluster");
  verb->callback([&context, &chosen, site, json] {
    chosen.action = [&context, site, json] { return examine(context, *site, *json); };
  });
}

}  // namespace catena::cli
