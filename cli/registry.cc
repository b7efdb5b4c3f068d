#include "cli/registry.h"

#include <algorithm>
#include <array>

#include "pbs/checkup.h"
#include "pbs/dialect.h"
#include "pbs/header.h"
#include "pbs/translation.h"
#include "slurm/checkup.h"
#include "slurm/dialect.h"
#include "slurm/header.h"
#include "slurm/translation.h"

namespace catena::cli {
namespace {

const std::array table{
    Scheduler{"slurm", [](const Site& site) { return slurm::make_dialect(slurm::options_of(site)); },
              slurm::check_site_options, slurm::checkup},
    Scheduler{"pbs", [](const Site& site) { return pbs::make_dialect(pbs::options_of(site)); },
              pbs::check_site_options, pbs::checkup},
    Scheduler{"torque", [](const Site& site) { return pbs::make_dialect(pbs::options_of(site)); },
              pbs::check_torque_options, pbs::torque_checkup},
};

}  // namespace

std::span<const Scheduler> schedulers() {
  return table;
}

const Scheduler* find_scheduler(std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Scheduler::name);
  return found == table.end() ? nullptr : found;
}

std::vector<HeaderReader> header_readers() {
  return {slurm::read_header, pbs::read_header};
}

std::vector<BatchLanguage> batch_languages() {
  return {slurm::batch_language(), pbs::batch_language(), pbs::torque_batch_language()};
}

std::vector<std::string> dialect_names() {
  return {"slurm", "pbs", "torque"};
}

std::vector<std::string> check_site_options(std::string_view scheduler,
                                            const std::map<std::string, std::string>& options) {
  const auto* known = find_scheduler(scheduler);
  return known ? known->check_options(options) : std::vector<std::string>{};
}

}  // namespace catena::cli
