// Reads a ModelInferRequest in place: every view points into the message, nothing is
// copied.
//
// The reader checks what the protobuf encoding and KServe v2's own rules can tell (wire
// types, lengths, parameter types, UTF-8 of names, one source of data for each tensor).
// It knows no model; csrc/route compares the result with a model's signature. Contents
// are only delimited here: typed_contents.h reads them.
//
// Like protobuf, it accepts fields in any order, skips unknown fields, lets the last
// occurrence of a scalar win, and accepts packed and unpacked repeated numbers.
//
// Source: KServe v2 gRPC protocol and Triton's extensions (field numbers are wire
// values). Thread safety: none; one InferRequest is reused for message after message,
// so that its vectors keep their memory.

#ifndef LEEBOARD_WIRE_INFER_REQUEST_H_
#define LEEBOARD_WIRE_INFER_REQUEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "wire/dtype.h"

namespace leeboard::wire {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::size_t kMaxDims = 8;
// Inputs, and requested outputs, of one request: an empty input is 2 bytes on the wire
// and over a hundred in memory, so a message's size alone does not bound them.
inline constexpr std::size_t kMaxTensors = 1024;

// A tensor's shape. More than kMaxDims dimensions are refused by the reader.
struct Shape {
  std::array<std::int64_t, kMaxDims> dims{};
  std::uint8_t rank = 0;

  [[nodiscard]] std::span<const std::int64_t> view() const {
    return {dims.data(), rank};
  }
};

struct InputTensor {
  std::string_view name;
  std::string_view datatype;
  Shape shape;
  Bytes contents;             // The InferTensorContents message; see typed_contents.h.
  bool has_contents = false;  // The field was present, even when empty.
  Bytes raw;                  // Filled from raw_input_contents by position.
  bool has_raw = false;
};

struct InferRequest {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  std::vector<InputTensor> inputs;
  std::vector<std::string_view> outputs;  // Requested names; empty means all.
  // How many classes of each output are asked for (parameter `classification`), 0 for
  // its tensor. Shorter than outputs where no later one is asked for by class.
  std::vector<std::uint32_t> classes;
  std::uint32_t raw_count = 0;   // Entries of raw_input_contents in the message.
  std::uint64_t timeout_us = 0;  // Parameter `timeout`; 0 means none.
  // Parameter `triton_enable_empty_final_response`.
  bool wants_empty_final = false;
};

// Parses one whole message. On error `request` holds nothing useful; the Status is what
// the client should see (INVALID_ARGUMENT with the tensor or parameter by name).
//
// Refuses: malformed protobuf, more than kMaxDims dims, negative dims, more than
// kMaxTensors tensors, a contents field twice in one tensor, contents anywhere beside
// any raw_input_contents, an input with neither, more raw entries than inputs,
// shared-memory parameters ("shared memory is not enabled on this server"),
// classification below 1, sequence_id other than 0 / "", negative priority or timeout,
// wrong parameter types for reserved names, unknown parameters that begin with
// "triton_", duplicate input names, duplicate requested outputs.
Status ParseInferRequest(Bytes message, InferRequest* request);

// Parses the fields before the first large tensor of a message that is still arriving:
// `head` ends at a field boundary and is a valid message by itself. Same as
// ParseInferRequest but raw entries may still be missing, and inputs too: raw_count may
// pass inputs.size() when a client sends data first. The large entry's own place is
// raw_count; the caller checks that it is below inputs.size().
Status ParseInferRequestHead(Bytes head, InferRequest* request);

// The `id` of a message that may be incomplete or malformed, as far as it can be found
// and is UTF-8; for answers about what is wrong with it.
std::string_view FindId(Bytes message);

// Where a large raw_input_contents entry begins in a message that is still arriving.
struct LargeRaw {
  enum class State : std::uint8_t {
    kNeedMore,   // No large entry so far; call again from `resume_at` with more bytes.
    kFound,      // Its payload starts at payload_begin and has payload_size bytes.
    kMalformed,  // Not protobuf, or a group (no client sends one; it could not be
                 // skipped without being scanned again). Parse the whole message to
                 // learn which.
  };
  State state = State::kNeedMore;
  std::size_t resume_at = 0;      // A field boundary: everything before it is complete.
  std::size_t field_begin = 0;    // kFound: the entry's tag starts here.
  std::size_t payload_begin = 0;  // kFound.
  std::size_t payload_size = 0;   // kFound.
};

// Scans top-level fields of received[from..) for an entry of at least min_size bytes.
// Fields whose end has not arrived are left for the next call; nothing is scanned
// twice. The payload may pass the end of the message: payload_size is what the client
// claims. REQUIRES: from is 0 or a resume_at of an earlier call on a prefix of the same
// message.
LargeRaw FindLargeRaw(Bytes received, std::size_t from, std::size_t min_size);

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_INFER_REQUEST_H_
