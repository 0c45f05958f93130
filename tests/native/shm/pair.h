// Both ends of a hand-over in one process, over the same memfds as two processes would
// share, driven by hand or by one thread for each end.

#ifndef LEEBOARD_TESTS_NATIVE_SHM_PAIR_H_
#define LEEBOARD_TESTS_NATIVE_SHM_PAIR_H_

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <new>
#include <utility>

#include "shm/front_port.h"
#include "shm/worker_port.h"

namespace leeboard::shm {

inline UniqueFd Duplicate(int fd) {
  return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

// Bytes that wait in an eventfd or a socket without taking them.
inline bool Rang(int bell) {
  std::uint64_t rings = 0;
  return read(bell, &rings, sizeof rings) == sizeof rings;
}

class Pair {
 public:
  static constexpr std::uint64_t kInputs = 1 << 20;
  static constexpr std::uint64_t kOutputs = 1 << 20;

  Pair() {
    bool ok =
        Region::Create("control", sizeof(ControlPage), Region::Peer::kWrites, &control_)
            .ok();
    ok = ok && Region::Create("in", kInputs, Region::Peer::kReads, &inputs_).ok();
    ok = ok && Region::Create("out", kOutputs, Region::Peer::kWrites, &outputs_).ok();
    std::array<int, 2> ends{};
    ok = ok && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0;
    passing.Reset(ends[0]);
    page = new (control_.data()) ControlPage();
    front = FrontPort(page, bell.get());
    const WorkerFds fds = {
        Duplicate(control_.fd()).Release(),    Duplicate(inputs_.fd()).Release(),
        Duplicate(outputs_.fd()).Release(),    Duplicate(bell.get()).Release(),
        Duplicate(front_bell.get()).Release(), ends[1]};
    valid = ok && WorkerPort::Open(fds, {kInputs, kOutputs}, &worker).ok();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // What Offer says, for tests that expect it to succeed.
  std::uint32_t Offer(std::uint64_t header, std::uint32_t rows) {
    std::uint32_t seq = UINT32_MAX;
    return front.Offer(header, rows, &seq) == Handover::kDone ? seq : UINT32_MAX;
  }
  // The batch that the worker takes without waiting; rows 0 when there is none.
  Claim Take() {
    Claim claim;
    return worker.Take(0, -1, &claim) == WorkerPort::Taken::kBatch ? claim : Claim{};
  }
  void Complete(const Claim& claim, bool more = false) {
    Completion* record = worker.record();
    record->seq = claim.seq;
    record->code = 0;
    record->more = more ? 1 : 0;
    record->output_count = 0;
    record->run_began_at = record->run_ended_at = claim.claimed_at;
    worker.Publish();
    worker.Ring();
  }
  // The seq of the next completion, or what Next said instead.
  Poll Next(std::uint32_t* seq) {
    const Poll poll = front.Next(&completion);
    *seq = completion.seq;
    return poll;
  }
  [[nodiscard]] std::uint8_t* inputs() const { return inputs_.data(); }
  [[nodiscard]] std::uint8_t* outputs() const { return outputs_.data(); }

  bool valid = false;
  UniqueFd bell{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  UniqueFd front_bell{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  UniqueFd passing;  // The front end's end.
  ControlPage* page = nullptr;
  FrontPort front{nullptr, -1};
  WorkerPort worker;
  Completion completion;

 private:
  Region control_;
  Region inputs_;
  Region outputs_;
};

}  // namespace leeboard::shm

#endif  // LEEBOARD_TESTS_NATIVE_SHM_PAIR_H_
