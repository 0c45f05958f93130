#include "http2/compression.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace leeboard::http2 {
namespace {

constexpr std::size_t kFirstPiece = 4u << 10;
constexpr std::size_t kLargestPiece = 256u << 10;
// Smaller answers gain nothing; larger ones would hold the I/O thread for too long:
// these take up to 6 ms at level 1 and ten times that at level 9, when they are floats.
constexpr std::uint64_t kCompressFrom = 1u << 10;
constexpr std::uint64_t kCompressUpTo = 256u << 10;

// zlib's way to say which format: 15 bits of window, and 16 for gzip's.
int WindowBits(Encoding encoding) {
  return encoding == Encoding::kGzip ? MAX_WBITS + 16 : MAX_WBITS;
}

}  // namespace

Encoding ParseEncoding(std::string_view name) {
  if (name == "identity") {
    return Encoding::kIdentity;
  }
  if (name == "gzip") {
    return Encoding::kGzip;
  }
  return name == "deflate" ? Encoding::kDeflate : Encoding::kUnknown;
}

Encoding ChooseEncoding(std::string_view accepted) {
  Encoding best = Encoding::kIdentity;
  while (!accepted.empty()) {
    const std::size_t end = std::min(accepted.find(','), accepted.size());
    std::string_view name = accepted.substr(0, end);
    accepted.remove_prefix(std::min(end + 1, accepted.size()));
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    name = name.substr(0, name.find(' '));
    const Encoding encoding = ParseEncoding(name);
    if (encoding != Encoding::kUnknown) {
      best = std::max(best, encoding);
    }
  }
  return best;
}

std::string_view EncodingName(Encoding encoding) {
  return encoding == Encoding::kGzip ? "gzip" : "deflate";
}

InflatedMessage::InflatedMessage(Encoding encoding, std::uint32_t limit)
    : is_valid_(inflateInit2(&stream_, WindowBits(encoding)) == Z_OK), limit_(limit) {}

InflatedMessage::~InflatedMessage() {
  if (is_valid_) {
    inflateEnd(&stream_);
  }
}

void InflatedMessage::FreePiece::operator()(std::uint8_t* bytes) const {
  if (mapped > 0) {
    munmap(bytes, mapped);
  } else {
    std::default_delete<std::uint8_t[]>()(bytes);
  }
}

InflatedMessage::Outcome InflatedMessage::AddPiece(const Admit& admit) {
  if (size_ == limit_) {
    return Outcome::kTooLong;
  }
  const std::size_t grown = std::clamp<std::size_t>(size_, kFirstPiece, kLargestPiece);
  const std::size_t room = std::min<std::size_t>(grown, limit_ - size_);
  if (!admit(static_cast<std::uint32_t>(room))) {
    return Outcome::kRefused;
  }
  void* mapped = room < kLargestPiece ? MAP_FAILED
                                      : mmap(nullptr, room, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Piece piece;
  if (mapped != MAP_FAILED) {
    piece.bytes = {static_cast<std::uint8_t*>(mapped), {room}};
  } else {
    piece.bytes = {std::make_unique_for_overwrite<std::uint8_t[]>(room).release(), {0}};
  }
  piece.room = room;
  pieces_.push_back(std::move(piece));
  return Outcome::kMore;
}

InflatedMessage::Outcome InflatedMessage::Feed(std::span<const std::uint8_t> bytes,
                                               const Admit& admit) {
  if (!is_valid_ || is_whole_) {
    return is_whole_ && bytes.empty() ? Outcome::kWhole : Outcome::kBroken;
  }
  stream_.next_in = const_cast<Bytef*>(bytes.data());
  stream_.avail_in = static_cast<uInt>(bytes.size());
  while (true) {
    // A full last piece may still be the end: zlib is asked with one byte to spare.
    std::uint8_t spare = 0;
    const bool is_full = pieces_.empty() || pieces_.back().used == pieces_.back().room;
    stream_.next_out =
        is_full ? &spare : pieces_.back().bytes.get() + pieces_.back().used;
    stream_.avail_out =
        is_full ? 1 : static_cast<uInt>(pieces_.back().room - pieces_.back().used);
    const uInt offered = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    const uInt made = offered - stream_.avail_out;
    if (is_full && made > 0) {
      if (const Outcome grown = AddPiece(admit); grown != Outcome::kMore) {
        return grown;
      }
      pieces_.back().bytes[0] = spare;
    }
    if (made > 0) {
      pieces_.back().used += made;
      size_ += made;
    }
    if (result == Z_STREAM_END) {
      is_whole_ = true;
      return stream_.avail_in == 0 ? Outcome::kWhole : Outcome::kBroken;
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
      return Outcome::kBroken;  // A wanted dictionary included: gRPC has none.
    }
    if (stream_.avail_in == 0 && made < offered) {
      return Outcome::kMore;
    }
    if (result == Z_BUF_ERROR && made == 0) {
      return Outcome::kMore;  // Nothing to read and nothing to write.
    }
  }
}

Deflater::Deflater(Encoding encoding, int level)
    : is_valid_(deflateInit2(&stream_, level, Z_DEFLATED, WindowBits(encoding),
                             MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY) == Z_OK) {}

Deflater::~Deflater() {
  if (is_valid_) {
    deflateEnd(&stream_);
  }
}

// False: there is no room for it.
bool Deflater::Add(const std::uint8_t* data, std::size_t size, int flush) {
  stream_.next_in = const_cast<Bytef*>(data);
  stream_.avail_in = static_cast<uInt>(size);
  const int result = deflate(&stream_, flush);
  return flush == Z_FINISH ? result == Z_STREAM_END
                           : result == Z_OK && stream_.avail_in == 0;
}

bool Deflater::Compress(const ReplyBody& body, std::uint64_t size, std::string* out) {
  if (!is_valid_ || deflateReset(&stream_) != Z_OK) {
    return false;
  }
  out->resize(size - 1);  // What needs more is not worth it.
  stream_.next_out = reinterpret_cast<Bytef*>(out->data());
  stream_.avail_out = static_cast<uInt>(out->size());
  const auto* text = reinterpret_cast<const std::uint8_t*>(body.text.data());
  std::size_t at = 0;
  for (const ReplyBody::Cut& cut : body.cuts) {
    if ((cut.at > at && !Add(text + at, cut.at - at, Z_NO_FLUSH)) ||
        (cut.span.size > 0 && !Add(cut.span.data, cut.span.size, Z_NO_FLUSH))) {
      return false;
    }
    at = cut.at;
  }
  if (!Add(text + at, body.text.size() - at, Z_FINISH)) {
    return false;
  }
  out->resize(out->size() - stream_.avail_out);
  return true;
}

bool ReplyCompressor::Compress(Encoding encoding, int level, ReplyBody* body,
                               std::uint64_t* size) {
  if (encoding == Encoding::kIdentity || *size < kCompressFrom ||
      *size > kCompressUpTo) {
    return false;
  }
  std::unique_ptr<Deflater>& deflater = deflaters_[encoding == Encoding::kGzip ? 1 : 0];
  if (deflater == nullptr) {
    deflater = std::make_unique<Deflater>(encoding, level);
  }
  std::string compressed;
  if (!deflater->Compress(*body, *size, &compressed)) {
    return false;
  }
  *size = compressed.size();
  body->text = std::move(compressed);
  body->cuts.clear();
  body->memory = nullptr;
  return true;
}

}  // namespace leeboard::http2
