// What the I/O thread keeps for each connection, worker and call.
//
// Thread safety: none; the I/O thread owns them.

#ifndef LEEBOARD_FRONT_ENTRIES_H_
#define LEEBOARD_FRONT_ENTRIES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "batch/version_queue.h"
#include "front/access.h"
#include "front/event_source.h"
#include "front/infer_stream.h"
#include "front/inference.h"
#include "front/served.h"
#include "front/trace_record.h"
#include "http2/connection.h"
#include "wire/messages.h"

namespace leeboard::front {

struct ConnectionEntry {
  Source source;
  std::unique_ptr<http2::Connection> connection;
  bool doomed = false;
  bool unread = false;  // Among those to be read again without an event.
};

struct WorkerEntry {
  Source bell;
  Source process;
  std::shared_ptr<Served> served;
  batch::WorkerLink* link = nullptr;
  std::uint64_t id = 0;
  bool lost = false;  // Dead; taken out once the events at hand have been looked at.
};

// A call's state; pooled.
struct CallState {
  Inference inference;
  batch::Request* request = nullptr;
  std::uint64_t handed = 0;             // Its number, once it was handed over.
  std::unique_ptr<InferStream> stream;  // Of ModelStreamInfer.
  std::string message;                  // Of a method other than these two.
  std::uint32_t size = 0;
  int method = 0;
  bool watches = false;
  std::string service;  // Whose health it hears of.
  wire::Serving last_told = wire::Serving::kUnknown;
  Trace trace;  // Of a ModelInfer call.
  CallAccess access;
};

inline CallState* StateOf(const http2::Call* call) {
  return static_cast<CallState*>(call->context);
}

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_ENTRIES_H_
