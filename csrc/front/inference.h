// One ModelInfer call while its message arrives.
//
// A small message is gathered and parsed once. A large one is parsed as soon as its
// head is there; its tensors then go straight into shared memory (a landing), chunk by
// chunk. A message whose fields come in an order no serialiser uses is put together
// again and parsed whole.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_FRONT_INFERENCE_H_
#define LEEBOARD_FRONT_INFERENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "batch/version_queue.h"
#include "front/access_table.h"
#include "route/signature.h"
#include "route/table.h"
#include "wire/infer_request.h"

namespace leeboard::front {

// Scratch memory that one thread's inferences share between messages.
struct Scratch {
  wire::InferRequest request;
  route::Checker checker;
};

// What an inference needs to know of the server.
struct Place {
  const route::Table* table = nullptr;
  bool draining = false;
  bool in_stream = false;              // ModelStreamInfer: decoupled models may answer.
  const Identity* identity = nullptr;  // Null: whoever calls may use all models.
};

class Inference {
 public:
  enum class Step : std::uint8_t { kMore, kComplete };

  void Start(std::uint32_t size, Nanos now);
  // Takes the next bytes. kComplete: the message is whole, call Submit. An error ends
  // it.
  Status Feed(wire::Bytes bytes, const Place& place, Scratch* scratch, Step* step);
  // Hands the request to its version's queue; `*out` is then in its care. On error
  // nothing is left behind. `deadline` is the call's own; the request's may be earlier.
  Status Submit(const Place& place, Nanos deadline, Scratch* scratch,
                batch::Request** out);
  // Gives back what it holds (cancelled before it was complete, or failed) and forgets
  // its queue.
  void Drop();

  // The request's id as far as it has come; valid until Start or Drop.
  [[nodiscard]] std::string_view FindId() const;

  // The queue it was refused by, for its counters; null when the model was not found.
  [[nodiscard]] batch::VersionQueue* refused_by() const { return queue_; }

 private:
  enum class Mode : std::uint8_t { kGather, kLand, kAfterTensor };

  Status TryLand(const Place& place, Scratch* scratch);
  Status Land(const wire::LargeRaw& raw, Scratch* scratch);
  [[nodiscard]] bool MayLand(const Scratch& scratch) const;
  void FeedLanding(wire::Bytes* bytes);
  Status FeedBetween(wire::Bytes* bytes, Scratch* scratch);
  void Reassemble();
  batch::Request* MakeRequest(const wire::InferRequest& parsed, const Scratch& scratch,
                              Nanos deadline);
  Status SubmitLanded(Nanos deadline, Scratch* scratch, batch::Request** out);

  Mode mode_ = Mode::kGather;
  bool may_land_ = false;
  std::uint32_t size_ = 0;      // Of the message.
  std::uint32_t received_ = 0;  // Of it.
  std::size_t scanned_ = 0;     // Of body_, by FindLargeRaw.
  Nanos started_ = 0;
  std::string body_;  // The message so far; when landing, its head and then field tags.
  std::size_t head_size_ = 0;
  batch::VersionQueue* queue_ = nullptr;
  batch::Landing landing_;
  std::vector<std::uint32_t> inputs_;  // Which of the checked inputs, by raw entry.
  std::vector<std::uint64_t> sizes_;   // Expected size, by raw entry.
  std::uint32_t first_landed_ = 0;     // Raw entries before it were in the head.
  std::uint32_t current_ = 0;          // Raw entry being landed.
  std::uint64_t landed_ = 0;           // Of its bytes.
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_INFERENCE_H_
