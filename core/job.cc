#include "core/job.h"

#include <algorithm>
#include <cstdint>

namespace catena {
namespace {

constexpr std::size_t token_length = 10;
// No vowels: no words, and no "nan" or "inf" for PBS's JSON to trip over.
constexpr std::string_view alphabet = "0123456789bcdfghjklmnpqrstvwxyz";

std::uint64_t mix(std::uint64_t x) {  // the finaliser of splitmix64
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

}  // namespace

std::string make_token(std::string_view run_directory, std::string_view node, int attempt) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  auto add = [&hash](std::string_view text) {
    for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3U;
    hash = (hash ^ 0xffU) * 0x100000001b3U;  // no text holds this byte: parts cannot run together
  };
  add(run_directory);
  add(node);
  add(std::to_string(attempt));
  hash = mix(hash);
  std::string token;
  for (std::size_t i = 0; i < token_length; ++i) {
    token += alphabet[hash % alphabet.size()];
    hash /= alphabet.size();
  }
  return token;
}

std::string job_name(std::string_view node, std::string_view token) {
  return std::string(node).append(".").append(token);
}

std::string_view token_of(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const auto token = name.substr(dot + 1);
  const bool ours = token.size() == token_length && std::ranges::all_of(token, [](char c) {
                      return alphabet.find(c) != std::string_view::npos;
                    });
  return ours ? token : std::string_view{};
}

}  // namespace catena
