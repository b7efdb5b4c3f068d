// The encodings of SSH: base64, and the length-prefixed strings of RFC 4251 section 5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace catena::ssh {

// nullopt: not base64 (padding is required, white space is not allowed).
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

// Four bytes of length, then the bytes.
void put_string(std::string& to, std::string_view bytes);

// Takes fields off the front. Once one is cut short, it and all that follow are empty and ok() is false.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}
  std::uint32_t number();
  std::string_view string();
  std::uint8_t byte();
  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view take(std::size_t size);
  std::string_view rest_;
  bool ok_ = true;
};

// A public key as it travels: the blob of RFC 4253 section 6.6, whose first string is its type.
std::string key_type(std::string_view blob);  // empty: not a key
// As OpenSSH prints it: "SHA256:" and base64 without padding.
std::string fingerprint(std::string_view blob);

}  // namespace catena::ssh
