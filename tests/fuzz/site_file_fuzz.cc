// Any bytes as a site file: read without a crash, and what is read without a mistake keeps its promises.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/site_file/scratch.h"
#include "adapters/site_file/site_file.h"
#include "adapters/site_file/site_keys.h"
#include "core/error.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_scratch(const catena::Site& site) {
  const auto environment = [](std::string_view name) {
    return name == "HOME" ? std::optional<std::string>("/home/u") : std::nullopt;
  };
  try {
    const std::string scratch = expand_scratch(site, environment);
    require(scratch.empty() || (scratch.front() == '/' && scratch.find('\n') == std::string::npos));
  } catch (const catena::Error& error) {
    require(error.kind() == catena::ErrorKind::config);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  catena::Diagnostics diagnostics;
  const catena::Site site = catena::parse_site(text, "fuzz.ini", {}, diagnostics);
  for (const auto& diagnostic : diagnostics.list()) {
    require(!diagnostic.message.empty() && diagnostic.at.line >= 0);
    require(diagnostic.at.line <= static_cast<int>(size) + 1);
  }
  if (!diagnostics.empty()) return 0;
  require(catena::check_site_name(site.name).empty());
  require(site.scheduler == "local" || site.scheduler == "slurm");
  require(site.cpus >= 0 && site.memory >= 0 && site.submit_batch >= 1 && site.timeout.count() >= 1);
  for (const auto& [name, value] : site.environment) {
    require(catena::is_variable_name(name) && value.find('\n') == std::string::npos);
  }
  for (const auto& name : catena::resource_names()) {
    const std::string value = get_resource(site.defaults, name);
    catena::Resources again;
    require(value.empty() || set_resource(again, name, value).empty());
  }
  check_scratch(site);
  return 0;
}
