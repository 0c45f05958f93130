// What a session sends: headers, messages in pieces, trailers.

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "base/one_line.h"
#include "http2/grpc_headers.h"
#include "http2/session.h"

namespace leeboard::http2 {
namespace {

const std::array kReplyHeaders = {LastingHeader(":status", "200"),
                                  LastingHeader("content-type", "application/grpc")};
const nghttp2_nv kStatusOk = LastingHeader("grpc-status", "0");

// Fields whose value nghttp2 copies; what is said once is not worth remembering.
nghttp2_nv PassingField(std::string_view name, const std::string& value) {
  nghttp2_nv field = LastingHeader(name, value);
  field.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_INDEX;
  return field;
}

// NOLINTNEXTLINE(readability-function-size): nghttp2 decides.
SignedSize ReadSome(nghttp2_session* /*session*/, std::int32_t /*id*/, std::uint8_t* to,
                    std::size_t limit, std::uint32_t* flags,
                    nghttp2_data_source* source, void* session) {
  auto* stream = static_cast<Stream*>(source->ptr);
  auto* self = static_cast<Session*>(session);
  return stream->flow() == nullptr ? self->ReadAnswer(stream, to, limit, flags)
                                   : self->ReadMessages(stream, to, limit, flags);
}

// Copies the next bytes of an answer, at most `limit`.
std::size_t CopySome(Answer* answer, std::uint8_t* to, std::size_t limit) {
  const std::size_t size = std::min<std::uint64_t>(limit, answer->left());
  for (std::size_t done = 0; done < size;) {
    const Answer::Piece piece = answer->Next(size - done);
    std::memcpy(to + done, piece.data, piece.size);
    done += piece.size;
    answer->PieceDone(piece);
  }
  return size;
}

}  // namespace

Answer* Session::NewAnswer(const Stream& stream, ReplyBody&& body, std::uint64_t size,
                           bool* is_compressed) {
  Answer* answer = pool_->answers.Take();
  *is_compressed = CompressReply(stream, &body, &size);
  answer->Start(std::move(body), size, &ledger_, *is_compressed);
  return answer;
}

// `announces`: messages may be compressed as the client accepts.
void Session::SubmitHeaders(Stream* stream, bool announces) {
  DataProvider provider{};
  provider.source.ptr = stream;
  provider.read_callback = ReadSome;
  std::array<nghttp2_nv, 4> fields = {kReplyHeaders[0], kReplyHeaders[1]};
  std::size_t count = 2;
  if (announces) {
    fields[count++] = LastingHeader("grpc-encoding", EncodingName(stream->accepts()));
  }
  if (!stream->traceparent().empty()) {
    fields[count++] = PassingField("traceparent", stream->traceparent());
  }
  SubmitResponse(nghttp2_.get(), stream->id(), fields.data(), count, &provider);
  MarkDirty();
}

void Session::SendReply(Stream* stream, ReplyBody&& body, std::uint64_t size) {
  if (closing_) {
    return;
  }
  CountEarly(stream);
  bool is_compressed = false;
  stream->set_answer(NewAnswer(*stream, std::move(body), size, &is_compressed));
  SubmitHeaders(stream, is_compressed);
}

void Session::SendMessage(Stream* stream, ReplyBody&& body, std::uint64_t size) {
  if (closing_) {
    return;
  }
  Flow& flow = *stream->flow();
  bool is_compressed = false;
  flow.answers.push_back(NewAnswer(*stream, std::move(body), size, &is_compressed));
  if (!std::exchange(flow.has_headers, true)) {
    // Whether later messages will be worth it is not known yet.
    const bool may = shared_->limits.reply_compression > 0;
    SubmitHeaders(stream, may && stream->accepts() != Encoding::kIdentity);
  } else if (std::exchange(flow.is_starved, false)) {
    nghttp2_session_resume_data(nghttp2_.get(), stream->id());
    MarkDirty();
  }
}

void Session::SendEnd(Stream* stream, const Status& status) {
  if (closing_) {
    return;
  }
  CountEarly(stream);
  Flow& flow = *stream->flow();
  flow.is_finished = true;
  flow.last = status;
  if (std::exchange(flow.is_starved, false)) {
    nghttp2_session_resume_data(nghttp2_.get(), stream->id());
    MarkDirty();
  }
}

void Session::SendStatus(Stream* stream, const Status& status) {
  if (closing_) {
    return;
  }
  CountEarly(stream);
  std::string message;
  PercentEncode(OneLine(status.message()), &message);
  std::array<nghttp2_nv, 6> fields = {
      kReplyHeaders[0], kReplyHeaders[1],
      LastingHeader("grpc-status", StatusDigits(status.code()))};
  std::size_t count = 3;
  if (!message.empty()) {
    fields[count++] = PassingField("grpc-message", message);
  }
  // Clients need to hear of encodings only when they may have used a wrong one.
  if (status.code() == Code::kUnimplemented) {
    fields[count++] = LastingHeader("grpc-accept-encoding", kAcceptedEncodings);
  }
  if (!stream->traceparent().empty()) {
    fields[count++] = PassingField("traceparent", stream->traceparent());
  }
  SubmitResponse(nghttp2_.get(), stream->id(), fields.data(), count, nullptr);
  MarkDirty();
}

void Session::SendHttpStatus(Stream* stream, int status) {
  CountEarly(stream);
  const std::string digits = std::to_string(status);
  nghttp2_nv field = LastingHeader(":status", digits);
  field.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
  const std::array fields = {field, LastingHeader("allow", "POST")};
  SubmitResponse(nghttp2_.get(), stream->id(), fields.data(), status == 405 ? 2 : 1,
                 nullptr);
  MarkDirty();
}

SignedSize Session::ReadAnswer(Stream* stream, std::uint8_t* to, std::size_t limit,
                               std::uint32_t* flags) {
  Answer* answer = stream->answer();
  const std::size_t size = std::min<std::uint64_t>(limit, answer->left());
  if (size == answer->left()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(nghttp2_.get(), stream->id(), &kStatusOk, 1);
  }
  if (answer->is_large()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return static_cast<SignedSize>(size);
  }
  return static_cast<SignedSize>(CopySome(answer, to, size));
}

// Small messages share a frame, a large one leaves from where it lies.
SignedSize Session::ReadMessages(Stream* stream, std::uint8_t* to, std::size_t limit,
                                 std::uint32_t* flags) {
  Flow& flow = *stream->flow();
  std::size_t done = 0;
  while (!flow.answers.empty() && done < limit) {
    Answer* answer = flow.answers.front();
    if (answer->is_large()) {
      if (done > 0) {
        break;
      }
      *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
      return static_cast<SignedSize>(std::min<std::uint64_t>(limit, answer->left()));
    }
    const std::size_t copied = CopySome(answer, to + done, limit - done);
    done += copied;
    flow.taken += copied;
    EndMessage(stream);
  }
  if (flow.answers.empty() && flow.is_finished) {
    std::string message;
    PercentEncode(OneLine(flow.last.message()), &message);
    const std::array fields = {
        LastingHeader("grpc-status", StatusDigits(flow.last.code())),
        PassingField("grpc-message", message)};
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(nghttp2_.get(), stream->id(), fields.data(),
                           message.empty() ? 1 : 2);
  } else if (done == 0) {
    flow.is_starved = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  return static_cast<SignedSize>(done);
}

void Session::SendAnswerData(Stream* stream, const std::uint8_t* frame_header,
                             std::size_t size) {
  constexpr std::size_t kFrameHeaderBytes = 9;
  constexpr std::size_t kCopyBelow = 512;
  queue_.Append(frame_header, kFrameHeaderBytes);
  Answer* answer = stream->answer();
  if (stream->flow() != nullptr) {
    stream->flow()->taken += size;
  }
  while (size > 0) {
    const Answer::Piece piece = answer->Next(size);
    size -= piece.size;
    if (piece.size < kCopyBelow) {
      queue_.Append(piece.data, piece.size);
      answer->PieceDone(piece);
    } else {
      queue_.AppendPiece(answer, piece);
    }
  }
  if (stream->flow() != nullptr) {
    EndMessage(stream);
  }
}

// Lets a stream's first message go once it is cut to its end.
void Session::EndMessage(Stream* stream) {
  Flow& flow = *stream->flow();
  if (flow.answers.front()->left() > 0) {
    return;
  }
  Close(flow.answers.front());
  flow.answers.pop_front();
  if (stream->is_waiting()) {
    shared_->handler->OnSent(stream);
  }
}

void Session::Close(Answer* answer) {
  answer->Close();
  if (answer->is_over()) {
    answer->Clear();
    pool_->answers.Put(answer);
  }
}

}  // namespace leeboard::http2
