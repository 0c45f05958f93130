// A batch's outputs split into the reply of one request.
//
// Thread safety: pure.

#ifndef LEEBOARD_FRONT_REPLY_H_
#define LEEBOARD_FRONT_REPLY_H_

#include "batch/version_queue.h"
#include "http2/call.h"

namespace leeboard::front {

// How an answer is put.
struct ReplyForm {
  bool in_stream = false;  // As a ModelStreamInferResponse.
  bool is_last = true;     // Of its request, where it is in a stream.
  bool is_kept = false;    // It has to wait: nothing may point to the worker's memory.
};

// Fills `reply` with the request's rows of every output it asked for. Tensor bytes up
// to 64 KB are copied, more leaves from the worker's memory, which the reply then
// references. Outputs that were asked for by class become BYTES (classify.h).
// INVALID_ARGUMENT when the reply would be larger than gRPC clients accept.
Status MakeReply(const batch::Request& request, const batch::Answer& answer,
                 const ReplyForm& form, http2::ReplyBody* reply);

// What tells the client of a stream that a request has no more answers.
void MakeEmptyFinal(const batch::Request& request, http2::ReplyBody* reply);

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_REPLY_H_
