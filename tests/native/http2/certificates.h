// Certificates for tests, made on the spot.

#ifndef LEEBOARD_TESTS_NATIVE_HTTP2_CERTIFICATES_H_
#define LEEBOARD_TESTS_NATIVE_HTTP2_CERTIFICATES_H_

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace leeboard::http2 {

// A certificate with its key; PEM texts, and what OpenSSL makes of them.
class Certificate {
 public:
  // Signed by `signer`, or by itself. `names` as openssl's config has them:
  // "DNS:localhost,URI:spiffe://test/me". An authority may sign others.
  explicit Certificate(const std::string& common_name,
                       const Certificate* signer = nullptr,
                       const std::string& names = "", long seconds = 86'400);

  [[nodiscard]] const std::string& pem() const { return pem_; }
  [[nodiscard]] const std::string& key_pem() const { return key_pem_; }
  [[nodiscard]] X509* get() const { return certificate_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  void Extend(int which, const std::string& value, X509* issuer);

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
  std::string pem_;
  std::string key_pem_;
};

inline std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &data));
  std::string text(data, size);
  BIO_free(bio);
  return text;
}

inline void Certificate::Extend(int which, const std::string& value, X509* issuer) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate_.get(), nullptr, nullptr, 0);
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
  X509_add_ext(certificate_.get(), extension, -1);
  X509_EXTENSION_free(extension);
}

inline Certificate::Certificate(const std::string& common_name,
                                const Certificate* signer, const std::string& names,
                                long seconds)
    : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
  static long serial = 1;
  X509* made = certificate_.get();
  X509* issuer = signer == nullptr ? made : signer->get();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made), seconds);
  X509_NAME* subject = X509_get_subject_name(made);
  for (const auto& [field, value] :
       {std::pair{"O", std::string("Tests, Inc.")}, {"CN", common_name}}) {
    X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.c_str()),
                               -1, -1, 0);
  }
  X509_set_issuer_name(made, X509_get_subject_name(issuer));
  X509_set_pubkey(made, key_.get());
  if (signer == nullptr) {
    Extend(NID_basic_constraints, "critical,CA:TRUE", issuer);
  }
  if (!names.empty()) {
    Extend(NID_subject_alt_name, names, issuer);
  }
  X509_sign(made, signer == nullptr ? key_.get() : signer->key(), EVP_sha256());
  BIO* text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(text, made);
  pem_ = TextOf(text);
  text = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(text, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  key_pem_ = TextOf(text);
}

}  // namespace leeboard::http2

#endif  // LEEBOARD_TESTS_NATIVE_HTTP2_CERTIFICATES_H_
