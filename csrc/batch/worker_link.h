// One worker as the front end sees it: the hand-over, its output region, its life line.
//
// The control plane makes a link and passes the other ends to a process; the link then
// belongs to the I/O thread. It outlives its worker while replies still point into the
// worker's outputs.
//
// Thread safety: Create on any thread; then the I/O thread only.

#ifndef LEEBOARD_BATCH_WORKER_LINK_H_
#define LEEBOARD_BATCH_WORKER_LINK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/histogram.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "http2/call.h"
#include "shm/arena.h"
#include "shm/front_port.h"
#include "shm/region.h"

namespace leeboard::batch {

struct Batch;
class Outputs;

// How long to wait until replies may have given output memory back.
inline constexpr Nanos kRetry = 1'000'000;

inline constexpr std::uint64_t kLargestOwnRegion = 2ULL << 30;
inline constexpr const char* kNoRegion =
    "it announced a region of outputs and sent none that can be used";

// How a worker ended, as far as it matters to what it was running.
enum class Death : std::uint8_t {
  kKilled,   // From outside, as far as we know.
  kCrashed,  // By itself: SIGSEGV, SIGABRT, ...
  kHung,     // Ended by us, because a batch did not.
  kMemory,   // Ended by us, because it used too much.
  kBroke,    // Ended by us, because it broke the rules of its page.
};

class WorkerLink {
 public:
  static Status Create(std::uint64_t output_bytes, std::unique_ptr<WorkerLink>* out);
  ~WorkerLink();
  WorkerLink(const WorkerLink&) = delete;
  WorkerLink& operator=(const WorkerLink&) = delete;

  // Descriptors for the worker; duplicated when they are passed on.
  [[nodiscard]] int control_fd() const { return control_.fd(); }
  [[nodiscard]] int outputs_fd() const { return outputs_.fd(); }
  [[nodiscard]] int bell_fd() const { return bell_.get(); }
  [[nodiscard]] int front_bell_fd() const { return front_bell_.get(); }
  [[nodiscard]] int worker_passing_fd() const { return worker_passing_.get(); }
  [[nodiscard]] std::uint64_t output_bytes() const { return outputs_.size(); }

  // Closes our copy of the worker's end, so that its death is seen. After passing the
  // fds.
  void CloseWorkerEnds() { worker_passing_.Reset(); }

  // The process to watch and to end when it breaks the rules; none in inline mode.
  // Takes pidfd, which is -1 where the kernel refuses one: then the worker's socket
  // tells.
  void SetProcess(int pid, int pidfd) {
    pid_ = pid;
    pidfd_.Reset(pidfd);
  }
  // Becomes readable or hangs up when the process is dead; -1 in inline mode.
  [[nodiscard]] int life_fd() const {
    return pid_ == 0 ? -1 : (pidfd_.valid() ? pidfd_.get() : passing_.get());
  }
  // Ends the process by SIGKILL; its death is then reported as any other.
  void Kill();

  // The response that the worker published last may be overwritten as far as the sink,
  // or the memory that it lies in, is concerned; when both agree, the worker is told.
  void LetGo();
  // Nothing of a response is kept any more: its batch has ended.
  void Forgo() {
    sink_keeps = false;
    kept = nullptr;
  }

  [[nodiscard]] shm::FrontPort& port() { return port_; }
  [[nodiscard]] shm::Arena& arena() { return arena_; }
  [[nodiscard]] const std::uint8_t* outputs() const { return outputs_.data(); }
  // Maps the region that the worker announced for batch `seq`. Regions of batches that
  // it then failed are dropped.
  Status ReceiveRegion(std::uint32_t seq, std::uint64_t max_size, shm::Region* region);

  std::uint64_t id = 0;
  std::vector<Batch*> batches;  // Offered or claimed, oldest first.
  std::uint32_t grants = 0;     // Outputs that still point here.
  Counter* grants_gauge =
      nullptr;          // The same, of all workers; null once this one is gone.
  bool broken = false;  // It broke the rules: being ended, takes no batch.
  bool gone = false;    // The process is dead.
  // Why the response that was published last may not be overwritten yet.
  bool sink_keeps = false;  // The sink wants no other one for now.
  Outputs* kept = nullptr;  // Replies point into its memory.
  // Links of the same queue that live on for their outputs; counted once this one does.
  std::shared_ptr<std::uint64_t> lingering;
  Death death = Death::kKilled;  // Why we ended it, if we did.
  Nanos unmoved = 0;        // For how long it has neither claimed nor finished a batch.
  std::uint64_t moves = 0;  // Batches that it claimed or finished.

 private:
  WorkerLink(shm::Region control, shm::Region outputs, int bell);

  shm::Region control_;
  shm::Region outputs_;
  UniqueFd bell_;
  UniqueFd front_bell_;
  UniqueFd passing_;
  UniqueFd worker_passing_;
  UniqueFd pidfd_;
  int pid_ = 0;
  shm::FrontPort port_;
  shm::Arena arena_;
};

// The outputs of one batch. Replies that leave without a copy hold references.
class Outputs final : public http2::ReplyMemory {
 public:
  // Grants `capacity` bytes of link's output region, or null when there is no room.
  static Outputs* Grant(WorkerLink* link, std::uint64_t capacity);

  void AddReference() override { ++references_; }
  void DropReference() override;

  // Outputs that lie in `region`, of which nothing was granted.
  static Outputs* Own(WorkerLink* link, shm::Region region);
  [[nodiscard]] bool is_shared() const { return references_ > 1; }

  // Gives back what the batch did not use.
  void Trim(std::uint64_t used_end);
  void Adopt(shm::Region region) { own_ = std::move(region); }

  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
  // Where offsets of a completion count from, and the bytes that may be read there.
  [[nodiscard]] const std::uint8_t* base() const {
    return own_.mapped() ? own_.data() : link_->outputs();
  }
  [[nodiscard]] std::uint64_t begin() const { return own_.mapped() ? 0 : offset_; }
  [[nodiscard]] std::uint64_t end() const {
    return own_.mapped() ? own_.size() : offset_ + capacity_;
  }

 private:
  explicit Outputs(WorkerLink* link);

  WorkerLink* link_;
  std::uint64_t offset_ = shm::Arena::kNone;
  std::uint64_t capacity_ = 0;
  std::uint32_t references_ = 1;
  shm::Region own_;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_WORKER_LINK_H_
