#include "adapters/ssh/known_hosts.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "adapters/ssh/encoding.h"
#include "core/split.h"

namespace catena::ssh {
namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

// The next word; `text` then begins after it.
std::string_view next_word(std::string_view& text) {
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  const auto end = std::min(text.find_first_of(" \t", begin), text.size());
  const auto word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

// '*' any text, '?' one character. Goes back to the last star only, so it is never exponential.
bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// |1|SALT|HASH: HMAC-SHA1 of the name.
bool hashed_match(std::string_view entry, std::string_view name) {
  entry.remove_prefix(3);
  const auto bar = entry.find('|');
  if (bar == std::string_view::npos) return false;
  const auto salt = decode_base64(entry.substr(0, bar));
  const auto hash = decode_base64(entry.substr(bar + 1));
  if (!salt || !hash) return false;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha1(), salt->data(), static_cast<int>(salt->size()),
       reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest, &size);
  return *hash == std::string_view(reinterpret_cast<const char*>(digest), size);
}

// "[host]:port" without its port; empty where there is none.
std::string_view without_port(std::string_view name) {
  const auto end = name.rfind("]:");
  return name.starts_with('[') && end != std::string_view::npos ? name.substr(1, end - 1)
                                                                : std::string_view{};
}

}  // namespace

std::string known_name(std::string_view host, int port) {
  const auto name = lower(host);
  return port == 22 ? name : fmt::format("[{}]:{}", name, port);
}

void KnownHosts::read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return;
  read_text(std::string(std::istreambuf_iterator<char>(file), {}), path);
}

void KnownHosts::read_text(std::string_view text, const std::string& file) {
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);

    auto hosts = next_word(line);
    if (hosts.empty() || hosts[0] == '#') continue;
    auto mark = Line::Mark::none;
    if (hosts[0] == '@') {
      // A certificate authority's key is no host's key. A mark that is not known must not be passed as none.
      if (hosts != "@revoked") continue;
      mark = Line::Mark::revoked;
      hosts = next_word(line);
    }
    const auto type = next_word(line);
    const auto blob = decode_base64(next_word(line));
    if (!blob || key_type(*blob) != type) continue;
    // A hash is case-sensitive, names are not.
    lines_.push_back({mark, hosts.starts_with("|1|") ? std::string(hosts) : lower(hosts), std::string(type),
                      *blob, fmt::format("{}:{}", file, number)});
  }
}

bool KnownHosts::matches(const Line& line, std::string_view name) {
  if (line.hosts.starts_with("|1|")) return hashed_match(line.hosts, name);
  bool found = false;
  for (auto pattern : split_words(line.hosts, ",")) {
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (pattern.empty() || !glob(pattern, name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

KnownHosts::Answer KnownHosts::check(std::string_view name, std::string_view key_blob) const {
  const auto type = key_type(key_blob);
  // As OpenSSH: an entry without a port also vouches for a server on another port, but cannot accuse it.
  const auto bare = without_port(name);
  const Line *same = nullptr, *other = nullptr;
  for (const auto& line : lines_) {
    const bool here = matches(line, name);
    if (!here && (bare.empty() || !matches(line, bare))) continue;
    if (line.blob == key_blob) {
      if (line.mark == Line::Mark::revoked) return {Verdict::revoked, line.place};
      if (!same) same = &line;
    } else if (here && line.mark == Line::Mark::none && line.type == type && !other) {
      other = &line;
    }
  }
  if (same && (!other || matches(*same, name))) return {Verdict::known, same->place};
  if (other) return {Verdict::changed, other->place};
  return {};
}

std::vector<std::string> KnownHosts::types(std::string_view name) const {
  const auto bare = without_port(name);
  std::vector<std::string> found;
  for (const bool exact : {true, false}) {
    for (const auto& line : lines_) {
      if (line.mark != Line::Mark::none || std::find(found.begin(), found.end(), line.type) != found.end())
        continue;
      if (exact ? matches(line, name) : !bare.empty() && matches(line, bare)) found.push_back(line.type);
    }
    if (!found.empty()) break;
  }
  return found;
}

}  // namespace catena::ssh
