// The schedulers that catena speaks. A new one is one folder and one line here.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkup.h"
#include "core/dialect.h"
#include "core/header.h"
#include "core/site.h"
#include "core/translation.h"

namespace catena::cli {

struct Scheduler {
  std::string_view name;
  std::unique_ptr<Dialect> (*make)(const Site& site);
  std::vector<std::string> (*check_options)(const std::map<std::string, std::string>& options);
  std::vector<Check> (*checkup)();
};

std::span<const Scheduler> schedulers();
const Scheduler* find_scheduler(std::string_view name);

// The readers of batch scripts' headers, of every family.
std::vector<HeaderReader> header_readers();

// Between which batch scripts are translated, in the order of schedulers().
std::vector<BatchLanguage> batch_languages();

// The dialects that scheduler_options may name: a workflow file may hold options for schedulers that only
// other sites have.
std::vector<std::string> dialect_names();

// What is wrong with a site's dialect options: for the reader of site files.
std::vector<std::string> check_site_options(std::string_view scheduler,
                                            const std::map<std::string, std::string>& options);

}  // namespace catena::cli
