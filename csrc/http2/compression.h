// gRPC's message compression: reading gzip and zlib ("deflate" of gRPC is zlib's
// format) in bounded steps, and writing them.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_COMPRESSION_H_
#define LEEBOARD_HTTP2_COMPRESSION_H_

#include <zlib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http2/call.h"

namespace leeboard::http2 {

enum class Encoding : std::uint8_t { kIdentity, kDeflate, kGzip, kUnknown };

// What this server takes, as grpc-accept-encoding lists it.
inline constexpr std::string_view kAcceptedEncodings = "identity,deflate,gzip";

// Of a grpc-encoding header's value.
Encoding ParseEncoding(std::string_view name);
// The best one that a client's grpc-accept-encoding names: gzip, deflate, identity.
Encoding ChooseEncoding(std::string_view accepted);
// REQUIRES: kDeflate or kGzip.
std::string_view EncodingName(Encoding encoding);

// One compressed message on its way to the handler. The inflated bytes lie in pieces
// that grow with the message; each is asked for before it is made, so a bomb ends where
// a limit says, not where memory does.
class InflatedMessage {
 public:
  enum class Outcome : std::uint8_t {
    kMore,     // All input is used; the message is not over.
    kWhole,    // The message is over.
    kBroken,   // No such format, or more input than the message has.
    kTooLong,  // More than `limit` bytes.
    kRefused,  // `admit` said no.
  };
  // Asked before `size` more bytes are kept.
  using Admit = std::function<bool(std::uint32_t size)>;

  // What zlib keeps for one message, about: a window and tables.
  static constexpr std::uint32_t kStateBytes = 48u << 10;

  // REQUIRES: kDeflate or kGzip.
  InflatedMessage(Encoding encoding, std::uint32_t limit);
  ~InflatedMessage();
  InflatedMessage(const InflatedMessage&) = delete;
  InflatedMessage& operator=(const InflatedMessage&) = delete;

  Outcome Feed(std::span<const std::uint8_t> bytes, const Admit& admit);
  // Inflated so far.
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::size_t pieces() const { return pieces_.size(); }
  [[nodiscard]] std::span<const std::uint8_t> piece(std::size_t index) const {
    return {pieces_[index].bytes.get(), pieces_[index].used};
  }

 private:
  // Large pieces are mapped: what a bomb had goes back to the system at once.
  struct FreePiece {
    std::size_t mapped;  // 0: it came from the heap.
    void operator()(std::uint8_t* bytes) const;
  };
  struct Piece {
    std::unique_ptr<std::uint8_t[], FreePiece> bytes;
    std::size_t room = 0;
    std::size_t used = 0;
  };

  Outcome AddPiece(const Admit& admit);

  z_stream stream_{};
  bool is_valid_ = false;
  bool is_whole_ = false;
  std::uint32_t limit_;
  std::uint32_t size_ = 0;
  std::vector<Piece> pieces_;
};

// Compresses answers; keeps zlib's state between them.
class Deflater {
 public:
  // Level 1 to 9. REQUIRES: kDeflate or kGzip.
  Deflater(Encoding encoding, int level);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Replaces *out by the compressed body; false when that is not smaller than
  // `size`, the body's own, and *out then means nothing.
  bool Compress(const ReplyBody& body, std::uint64_t size, std::string* out);

 private:
  bool Add(const std::uint8_t* data, std::size_t size, int flush);

  z_stream stream_{};
  bool is_valid_ = false;
};

// Compresses answers of a thread's connections as its limits say.
class ReplyCompressor {
 public:
  // The level is that of the first call. Replaces a body worth it and returns true.
  bool Compress(Encoding encoding, int level, ReplyBody* body, std::uint64_t* size);

 private:
  std::array<std::unique_ptr<Deflater>, 2> deflaters_;  // deflate, gzip
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_COMPRESSION_H_
