#include "http2/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <string_view>

namespace leeboard::http2 {
namespace {

// TLS 1.2 only; every suite of TLS 1.3 is one of these by nature.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kH2 = {"\x02h2", 3};

template <auto free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using OwnedBio = std::unique_ptr<BIO, Freed<BIO_free>>;
using OwnedCertificate = std::unique_ptr<X509, Freed<X509_free>>;
using OwnedKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using OwnedNames = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

// What OpenSSL last complained of; forgets it.
std::string Complaint() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

OwnedBio Reader(const std::string& pem) {
  return OwnedBio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// OpenSSL's own would ask for a passphrase on the terminal.
int NoPassphrase(char* /*to*/, int /*size*/, int /*writing*/, void* /*context*/) {
  return 0;
}

OwnedCertificate NextCertificate(BIO* pem) {
  return OwnedCertificate(PEM_read_bio_X509(pem, nullptr, NoPassphrase, nullptr));
}

Status UseCertificates(SSL_CTX* context, const std::string& pem,
                       std::int64_t* not_after) {
  const OwnedBio reader = Reader(pem);
  const OwnedCertificate own = NextCertificate(reader.get());
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return Status::InvalidArgument("the TLS certificate cannot be used: " +
                                   Complaint());
  }
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(own.get()), &end) == 1) {
    *not_after = timegm(&end);
  }
  while (const OwnedCertificate above = NextCertificate(reader.get())) {
    SSL_CTX_add1_chain_cert(context, above.get());
  }
  ERR_clear_error();  // "No start line": the end of the text.
  return {};
}

Status UseKey(SSL_CTX* context, const std::string& pem) {
  const OwnedKey key(
      PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return Status::InvalidArgument(
        "the TLS key cannot be read (it must be PEM, without a passphrase): " +
        Complaint());
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return Status::InvalidArgument("the TLS key does not fit the certificate: " +
                                   Complaint());
  }
  return {};
}

Status DemandClients(SSL_CTX* context, const std::string& pem) {
  const OwnedBio reader = Reader(pem);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int found = 0;
  while (const OwnedCertificate authority = NextCertificate(reader.get())) {
    X509_STORE_add_cert(store, authority.get());
    SSL_CTX_add_client_CA(context, authority.get());  // Tells clients which to show.
    ++found;
  }
  if (found == 0) {
    return Status::InvalidArgument(
        "the authorities of TLS clients hold no certificate: " + Complaint());
  }
  ERR_clear_error();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  return {};
}

// Refuses clients that do not speak of protocols at all before they cost a signature.
int OnClientHello(SSL* session, int* alert, void* /*context*/) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(session,
                                TLSEXT_TYPE_application_layer_protocol_negotiation,
                                &data, &size) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

// OpenSSL decides how many parameters its callbacks have.
int ChooseProtocol(SSL* /*session*/, const unsigned char** out, unsigned char* size,
                   const unsigned char* offered, unsigned int offered_size,
                   void* /*context*/) {
  const auto* ours = reinterpret_cast<const unsigned char*>(kH2.data());
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, ours, kH2.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool Configure(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A record is built again from the queue when the socket takes it late; what is read
  // ahead saves a call for each record's header; idle connections keep no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  constexpr std::size_t kReadAhead = 64u << 10;
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kReadAhead);
  // Sessions are resumed by tickets, which cost no memory here. Each context has keys
  // of its own, so a ticket does not outlive a change of certificates or authorities.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  constexpr unsigned char kName[] = "leeboard";
  constexpr int kNoShortKeys = 2;  // RSA from 2048 bits, no SHA-1 signatures.
  SSL_CTX_set_security_level(context, kNoShortKeys);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
  SSL_CTX_set_client_hello_cb(context, OnClientHello, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, kCiphers) == 1 &&
         SSL_CTX_set_session_id_context(context, kName, sizeof kName) == 1;
}

// RFC 2253: the most specific part first, the special characters escaped.
std::string SubjectOf(X509* certificate) {
  const OwnedBio text(BIO_new(BIO_s_mem()));
  if (text == nullptr ||
      X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0,
                         XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
    return "";
  }
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(text.get(), &data));
  return {data, size};
}

}  // namespace

void TlsContext::Deleter::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Status TlsContext::Create(const TlsSource& source,
                          std::shared_ptr<const TlsContext>* out) {
  ERR_clear_error();
  const std::shared_ptr<TlsContext> made(
      new TlsContext(SSL_CTX_new(TLS_server_method())));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr || !Configure(context)) {
    return Status::Internal("OpenSSL cannot be set up: " + Complaint());
  }
  Status status = UseCertificates(context, source.certificates, &made->not_after_);
  if (status.ok()) {
    status = UseKey(context, source.key);
  }
  if (status.ok() && !source.client_authorities.empty()) {
    status = DemandClients(context, source.client_authorities);
  }
  if (status.ok()) {
    *out = made;
  }
  return status;
}

SSL* TlsContext::NewSession() const {
  return SSL_new(context_.get());
}

void DescribePeer(SSL* session, Peer* peer) {
  peer->is_tls = true;
  X509* certificate = SSL_get0_peer_certificate(session);
  if (certificate == nullptr || SSL_get_verify_result(session) != X509_V_OK) {
    return;
  }
  peer->subject = SubjectOf(certificate);
  const OwnedNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI && name->type != GEN_DNS) {
      continue;
    }
    const ASN1_IA5STRING* text = name->d.ia5;
    const std::string value(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                            static_cast<std::size_t>(ASN1_STRING_length(text)));
    // "a.org\0.b.org" must be a.org to nobody.
    if (value.find('\0') == std::string::npos) {
      peer->names.push_back(value);
    }
  }
  ERR_clear_error();
}

}  // namespace leeboard::http2
