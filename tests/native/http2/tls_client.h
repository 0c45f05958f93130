// A client's side of TLS whose bytes the test moves by hand.

#ifndef LEEBOARD_TESTS_NATIVE_HTTP2_TLS_CLIENT_H_
#define LEEBOARD_TESTS_NATIVE_HTTP2_TLS_CLIENT_H_

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "certificates.h"
#include "client.h"
#include "server.h"

namespace leeboard::http2 {

struct TlsClientOptions {
  std::string protocol = "h2";  // Of ALPN; empty: no ALPN.
  int highest = TLS1_3_VERSION;
  const char* ciphers = nullptr;  // Of TLS 1.2.
  const Certificate* certificate = nullptr;
};

class TlsClient {
 public:
  explicit TlsClient(const TlsClientOptions& options = {}) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), options.highest);
    if (options.ciphers != nullptr) {
      SSL_CTX_set_cipher_list(context_.get(), options.ciphers);
    }
    if (options.certificate != nullptr) {
      SSL_CTX_use_certificate(context_.get(), options.certificate->get());
      SSL_CTX_use_PrivateKey(context_.get(), options.certificate->key());
    }
    session_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(session_.get(), in_, out_);
    SSL_set_connect_state(session_.get());
    if (!options.protocol.empty()) {
      const std::string offer =
          static_cast<char>(options.protocol.size()) + options.protocol;
      SSL_set_alpn_protos(session_.get(),
                          reinterpret_cast<const unsigned char*>(offer.data()),
                          static_cast<unsigned>(offer.size()));
    }
  }

  // Handshake as far as it goes; then plain bytes to records.
  std::string Encrypt(std::string_view plain) {
    ERR_clear_error();
    if (SSL_is_init_finished(session_.get()) == 0) {
      SSL_do_handshake(session_.get());
    }
    waiting_ += plain;
    if (SSL_is_init_finished(session_.get()) != 0 && !waiting_.empty()) {
      SSL_write(session_.get(), waiting_.data(), static_cast<int>(waiting_.size()));
      waiting_.clear();
    }
    return TakeRecords();
  }
  std::string Decrypt(std::string_view records) {
    ERR_clear_error();
    BIO_write(in_, records.data(), static_cast<int>(records.size()));
    std::string plain;
    std::array<char, 16'384> buffer{};
    for (int n = 0; (n = SSL_read(session_.get(), buffer.data(), buffer.size())) > 0;) {
      plain.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return plain;
  }
  std::string TakeRecords() {
    std::string records;
    std::array<char, 65'536> buffer{};
    for (int n = 0; (n = BIO_read(out_, buffer.data(), buffer.size())) > 0;) {
      records.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return records;
  }
  [[nodiscard]] bool is_ready() const {
    return SSL_is_init_finished(session_.get()) != 0;
  }
  [[nodiscard]] bool saw_goodbye() const {
    return (SSL_get_shutdown(session_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  [[nodiscard]] SSL* get() const { return session_.get(); }

  // Moves bytes both ways until nothing moves; at most `portion` at once to the server.
  void Pump(Server& server, Client& client, std::size_t portion = SIZE_MAX) {
    for (bool moved = true; moved;) {
      const std::string requests = Encrypt(client.TakeOutput());
      for (std::string_view rest = requests; !rest.empty();) {
        const std::size_t n = std::min(portion, rest.size());
        server.Feed(rest.substr(0, n));
        rest.remove_prefix(n);
      }
      server.Flush();
      const std::string answers = server.Read();
      client.Consume(Decrypt(answers));
      moved = !requests.empty() || !answers.empty();
    }
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> session_{nullptr, SSL_free};
  BIO* in_ = nullptr;  // The session's.
  BIO* out_ = nullptr;
  std::string waiting_;  // For the handshake's end.
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_TESTS_NATIVE_HTTP2_TLS_CLIENT_H_
