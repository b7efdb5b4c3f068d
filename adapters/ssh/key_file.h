// An identity file: what it is without its passphrase, and RSA signatures with it. libssh2 1.10 signs RSA
// with SHA-1 only, which servers refuse; ed25519 and ecdsa keys it reads itself.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace catena::ssh {

struct KeyFile {
  std::string path;
  std::string blob;  // the public key; empty: not to be had without the passphrase
  std::string type;  // of the public key, as "ssh-ed25519"; empty like the blob
  bool encrypted = false;
  bool openssh_format = false;   // "BEGIN OPENSSH PRIVATE KEY", else PEM
  bool has_certificate = false;  // PATH-cert.pub is there
};

// nullopt: not there, not readable, or no private key.
std::optional<KeyFile> read_key_file(const std::string& path);
// The key of a line "TYPE BASE64 COMMENT", from PATH.pub or PATH. Empty: none.
std::string read_public_key(const std::string& path);

using RsaKey = std::shared_ptr<EVP_PKEY>;
// Null: wrong passphrase, or a form that cannot be read (an encrypted key in OpenSSH's format).
RsaKey load_rsa(const KeyFile& file, const std::string& passphrase);
// The type first in an RSA key's blob decides the signature's algorithm: "ssh-rsa" becomes "rsa-sha2-256".
std::string with_sha2(std::string_view rsa_blob);
// The public half as a blob, for a PEM file that has no PATH.pub beside it.
std::string rsa_public_blob(const RsaKey& key);
std::string sign_rsa_sha2_256(const RsaKey& key, std::string_view data);  // empty: failed

}  // namespace catena::ssh
