#include "adapters/site_file/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>

#include "core/error.h"

namespace catena {
namespace {

namespace fs = std::filesystem;

constexpr const char* built_in = "built in";

struct Found {
  std::vector<std::string> files;
  std::vector<std::pair<std::string, std::string>> unreadable;  // folder, why
};

// Each file once, however often its folder is named.
Found find_files(const SearchPath& path) {
  Found found;
  std::set<fs::path> taken;
  const auto take = [&](const std::string& file) {
    std::error_code error;
    const fs::path real = fs::weakly_canonical(file, error);
    if (taken.insert(error ? fs::path(file) : real).second) found.files.push_back(file);
  };
  if (!path.file.empty()) take(path.file);
  for (const std::string& folder : path.folders) {
    std::error_code error;
    std::vector<std::string> files;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (name.ends_with(".ini") && !name.starts_with('.')) files.push_back(at->path().string());
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      found.unreadable.emplace_back(folder, "cannot be read: " + error.message());
    }
    std::sort(files.begin(), files.end());  // a folder has no order of its own
    for (const std::string& file : files) take(file);
  }
  return found;
}

SiteListing read_listing(const std::string& file, const OptionCheck& check_options) {
  SiteListing listing;
  listing.file = file;
  Diagnostics diagnostics;
  Site site = read_site_file(file, check_options, diagnostics);
  listing.name = site.name;
  try {
    diagnostics.throw_if_any();
    listing.site = std::move(site);
  } catch (const Error& error) {
    listing.error = error.what();
  }
  return listing;
}

std::string places(const SearchPath& path) {
  std::vector<std::string> all;
  if (!path.file.empty()) all.push_back(path.file);
  all.insert(all.end(), path.folders.begin(), path.folders.end());
  all.emplace_back(built_in);
  return fmt::format("{}", fmt::join(all, ", "));
}

}  // namespace

std::optional<std::string> process_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

SearchPath search_path(const std::string& site_config, const EnvironmentLookup& environment) {
  SearchPath path;
  path.file = site_config;
  const std::string listed = environment("CATENA_SITE_PATH").value_or("");
  for (std::size_t begin = 0; begin < listed.size();) {
    const auto end = std::min(listed.find(':', begin), listed.size());
    if (end > begin) path.folders.push_back(listed.substr(begin, end - begin));
    begin = end + 1;
  }
  // The XDG base directory specification: a relative XDG_CONFIG_HOME is to be ignored.
  std::string configuration = environment("XDG_CONFIG_HOME").value_or("");
  if (!configuration.starts_with('/')) {
    const std::string home = environment("HOME").value_or("");
    configuration = home.empty() ? "" : home + "/.config";
  }
  if (!configuration.empty()) path.folders.push_back(configuration + "/catena/sites");
  path.folders.emplace_back("/etc/catena/sites");
  return path;
}

std::vector<SiteListing> list_sites(const SearchPath& path, const OptionCheck& check_options) {
  const Found found = find_files(path);
  std::vector<SiteListing> all;
  const auto add = [&](SiteListing listing) {
    const auto first = std::find_if(all.begin(), all.end(),
                                    [&](const SiteListing& other) { return other.name == listing.name; });
    if (first == all.end()) {
      all.push_back(std::move(listing));
    } else {
      first->shadows.push_back(listing.file.empty() ? built_in : listing.file);
    }
  };
  for (const std::string& file : found.files) add(read_listing(file, check_options));
  for (const auto& [folder, why] : found.unreadable) {
    SiteListing listing;
    listing.name = listing.file = folder;
    listing.error = folder + ": " + why;
    add(std::move(listing));
  }
  SiteListing local;
  local.site = built_in_site();
  local.name = local.site->name;
  add(std::move(local));
  return all;
}

Site load_site(std::string_view name, const SearchPath& path, const OptionCheck& check_options) {
  std::error_code ignored;
  if (!path.file.empty() && fs::status(path.file, ignored).type() == fs::file_type::not_found) {
    throw Error(ErrorKind::not_found, fmt::format("{}: there is no such site file", path.file),
                "--site-config takes the path of an INI file");
  }
  std::vector<SiteListing> all = list_sites(path, check_options);
  if (!path.file.empty() && !all.front().site) throw Error(ErrorKind::config, all.front().error);
  const std::string wanted = !name.empty()       ? std::string(name)
                             : path.file.empty() ? "local"
                                                 : all.front().name;
  std::vector<std::string_view> names;
  for (SiteListing& listing : all) {
    if (listing.name == wanted) {
      if (!listing.site) throw Error(ErrorKind::config, listing.error);
      return *std::move(listing.site);
    }
    names.push_back(listing.name);
  }
  std::string hint = suggestion(wanted, names);
  if (!hint.empty()) hint = " (" + hint + ")";
  throw Error(ErrorKind::not_found, fmt::format("no site '{}'{}; searched: {}", wanted, hint, places(path)),
              "`catena sites` lists the sites there are");
}

Site built_in_site() {
  Site site;
  site.name = "local";
  site.description = "this machine, without a scheduler";
  return site;
}

}  // namespace catena
