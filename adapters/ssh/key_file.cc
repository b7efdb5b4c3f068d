#include "adapters/ssh/key_file.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "adapters/ssh/encoding.h"

namespace catena::ssh {
namespace {

constexpr std::string_view openssh_begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view openssh_end = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view openssh_magic{"openssh-key-v1\0", 15};
constexpr std::size_t file_limit = 1U << 20;

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) text.assign(std::istreambuf_iterator<char>(file), {});
  if (text.size() > file_limit) text.clear();
  return text;
}

// PROTOCOL.key of OpenSSH: cipher, key derivation, its options, number of keys, public key, private part.
struct Container {
  std::string cipher, public_blob, private_part;
};

std::optional<Container> open_container(const std::string& text) {
  const auto begin = text.find(openssh_begin);
  const auto end = text.find(openssh_end);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return std::nullopt;
  std::string body = text.substr(begin + openssh_begin.size(), end - begin - openssh_begin.size());
  std::erase_if(body, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  const auto bytes = decode_base64(body);
  if (!bytes || !bytes->starts_with(openssh_magic)) return std::nullopt;
  FieldReader fields(std::string_view(*bytes).substr(openssh_magic.size()));
  Container container;
  container.cipher = fields.string();
  fields.string();
  fields.string();
  if (fields.number() != 1) return std::nullopt;
  container.public_blob = fields.string();
  container.private_part = fields.string();
  if (!fields.ok()) return std::nullopt;
  return container;
}

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

RsaKey owned(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}

int give_passphrase(char* buffer, int size, int, void* passphrase) {
  const auto& given = *static_cast<const std::string*>(passphrase);
  if (given.size() > static_cast<std::size_t>(size)) return -1;
  std::copy(given.begin(), given.end(), buffer);
  return static_cast<int>(given.size());
}

RsaKey read_pem(const std::string& text, const std::string& passphrase) {
  const Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  auto key = owned(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, const_cast<std::string*>(&passphrase)));
  return key && EVP_PKEY_is_a(key.get(), "RSA") ? key : nullptr;
}

// The private part: two equal check numbers, type, n, e, d, and what follows from them.
RsaKey read_rsa(const Container& container) {
  FieldReader fields(container.private_part);
  if (fields.number() != fields.number() || fields.string() != "ssh-rsa") return nullptr;
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  std::vector<Owned<BIGNUM>> numbers;
  // n, e and d are enough; with the factors OpenSSL would want the two exponents too, which are not stored.
  for (const auto* name : {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D}) {
    const auto bytes = fields.string();
    numbers.emplace_back(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()), nullptr));
    if (!fields.ok() || OSSL_PARAM_BLD_push_BN(builder.get(), name, numbers.back().get()) != 1)
      return nullptr;
  }
  const Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder.get()));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    return nullptr;
  }
  return owned(key);
}

}  // namespace

std::string read_public_key(const std::string& path) {
  for (const auto& name : {path + ".pub", path}) {
    const auto text = slurp(name);
    const auto line = std::string_view(text).substr(0, text.find('\n'));
    const auto space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const auto rest = line.substr(space + 1);
    const auto blob = decode_base64(rest.substr(0, rest.find_first_of(" \r")));
    if (blob && key_type(*blob) == line.substr(0, space)) return *blob;
  }
  return {};
}

std::optional<KeyFile> read_key_file(const std::string& path) {
  const auto text = slurp(path);
  if (text.find("PRIVATE KEY-----") == std::string::npos) return std::nullopt;
  KeyFile file;
  file.path = path;
  file.has_certificate = access((path + "-cert.pub").c_str(), R_OK) == 0;
  if (const auto container = open_container(text)) {
    file.openssh_format = true;
    file.encrypted = container->cipher != "none";
    file.blob = container->public_blob;
  } else {
    file.encrypted = text.find("ENCRYPTED") != std::string::npos;
    file.blob = read_public_key(path);
  }
  file.type = key_type(file.blob);
  return file;
}

RsaKey load_rsa(const KeyFile& file, const std::string& passphrase) {
  const auto text = slurp(file.path);
  if (!file.openssh_format) return read_pem(text, passphrase);
  const auto container = open_container(text);
  return container && container->cipher == "none" ? read_rsa(*container) : nullptr;
}

std::string with_sha2(std::string_view rsa_blob) {
  FieldReader fields(rsa_blob);
  fields.string();
  std::string renamed;
  put_string(renamed, "rsa-sha2-256");
  return renamed.append(fields.rest());
}

std::string rsa_public_blob(const RsaKey& key) {
  std::string blob;
  put_string(blob, "ssh-rsa");
  for (const auto* name : {OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_N}) {
    BIGNUM* found = nullptr;
    if (EVP_PKEY_get_bn_param(key.get(), name, &found) != 1) return {};
    const Owned<BIGNUM> number(found);
    // A leading zero keeps the number positive.
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(found)), '\0');
    BN_bn2bin(found, reinterpret_cast<unsigned char*>(bytes.data()));
    if (!bytes.empty() && (bytes[0] & 0x80) != 0) bytes.insert(bytes.begin(), '\0');
    put_string(blob, bytes);
  }
  return blob;
}

std::string sign_rsa_sha2_256(const RsaKey& key, std::string_view data) {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) != 1) {
    return {};
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                     data.size()) != 1) {
    return {};
  }
  signature.resize(size);
  return signature;
}

}  // namespace catena::ssh
