// The keys of a site file, one table, with what each one takes.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/site.h"

namespace catena {

// What is wrong with a value; no message: nothing is.
struct Complaint {
  std::string message, hint;
};

inline constexpr std::array<std::string_view, 7> site_sections = {
    "site", "transport", "scheduler", "limits", "defaults", "environment", "hooks"};

// What a key has a meaning for: any site, the local scheduler, a host that is reached by ssh.
enum class KeyFor { all, local, remote };

struct SiteKey {
  std::string_view section, name;
  Complaint (*set)(Site& site, const std::string& value);
  KeyFor site = KeyFor::all;
};

// Those of [site], [transport], [scheduler], [limits] and [hooks]. [defaults] has the names of
// core/resources.h, [environment] any.
std::span<const SiteKey> site_keys();
const SiteKey* find_site_key(std::string_view section, std::string_view name);
std::vector<std::string_view> site_keys_of(std::string_view section);

// Appends the names in `text`, which blanks separate: what `module load` takes, and nothing that a shell
// would read otherwise.
Complaint add_modules(Site& site, std::string_view text);
// [environment] node_scratch.
Complaint set_node_scratch(Site& site, const std::string& text);

bool is_variable_name(std::string_view text);

}  // namespace catena
