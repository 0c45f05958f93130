// What a server's TLS connections are made from: a certificate, its key, and the
// authorities whose client certificates it demands. TLS 1.2 and 1.3 with forward-secret
// AEAD ciphers, and h2 as the only protocol; everything else is refused.
//
// Thread safety: immutable once made. One context may be shared by any threads; what it
// makes belongs to one.

#ifndef LEEBOARD_HTTP2_TLS_H_
#define LEEBOARD_HTTP2_TLS_H_

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "http2/call.h"

namespace leeboard::http2 {

// PEM texts, not files: what was checked is what is used.
struct TlsSource {
  std::string certificates;  // The server's own first, then the chain.
  std::string key;           // Without a passphrase.
  // Not empty: every client must show a certificate that one of these has signed.
  std::string client_authorities;
};

class TlsContext {
 public:
  // INVALID_ARGUMENT names the part that cannot be used.
  static Status Create(const TlsSource& source, std::shared_ptr<const TlsContext>* out);

  // When the certificate ends, in seconds since 1970.
  [[nodiscard]] std::int64_t not_after() const { return not_after_; }
  // OpenSSL's side of one connection; null when memory ran out. The caller frees it.
  [[nodiscard]] SSL* NewSession() const;

 private:
  struct Deleter {
    void operator()(SSL_CTX* context) const;
  };

  explicit TlsContext(SSL_CTX* context) : context_(context) {}

  std::unique_ptr<SSL_CTX, Deleter> context_;
  std::int64_t not_after_ = 0;
};

// Fills a peer with what a finished handshake says about the client.
void DescribePeer(SSL* session, Peer* peer);

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_TLS_H_
