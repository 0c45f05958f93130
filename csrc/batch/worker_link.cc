#include "batch/worker_link.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "shm/passing.h"

namespace leeboard::batch {

WorkerLink::WorkerLink(shm::Region control, shm::Region outputs, int bell)
    : control_(std::move(control)),
      outputs_(std::move(outputs)),
      bell_(bell),
      port_(new (control_.data()) shm::ControlPage(), bell),
      arena_(outputs_.size()) {}

WorkerLink::~WorkerLink() {
  if (lingering != nullptr) {
    --*lingering;
  }
}

Status WorkerLink::Create(std::uint64_t output_bytes,
                          std::unique_ptr<WorkerLink>* out) {
  shm::Region control;
  shm::Region outputs;
  Status status = shm::Region::Create("leeboard-control", sizeof(shm::ControlPage),
                                      shm::Region::Peer::kWrites, &control);
  if (status.ok()) {
    status = shm::Region::Create("leeboard-outputs", output_bytes,
                                 shm::Region::Peer::kWrites, &outputs);
  }
  if (!status.ok()) {
    return status;
  }
  int pair[2] = {-1, -1};
  UniqueFd bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd front_bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell.valid() || !front_bell.valid() ||
      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return Status::ResourceExhausted("no descriptors are left for another worker");
  }
  std::unique_ptr<WorkerLink> link(
      new WorkerLink(std::move(control), std::move(outputs), bell.Release()));
  link->front_bell_ = std::move(front_bell);
  link->passing_.Reset(pair[0]);
  link->worker_passing_.Reset(pair[1]);
  *out = std::move(link);
  return {};
}

void WorkerLink::Kill() {
  if (pidfd_.valid()) {
    syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  } else if (pid_ > 0) {
    kill(pid_, SIGKILL);
  }
}

Status WorkerLink::ReceiveRegion(std::uint32_t seq, std::uint64_t max_size,
                                 shm::Region* region) {
  constexpr int kDropped = 64;
  for (int i = 0; i < kDropped; ++i) {
    UniqueFd fd;
    std::uint32_t tag = 0;
    Status status = shm::ReceiveFd(passing_.get(), &fd, &tag);
    if (!status.ok()) {
      return status;
    }
    if (tag == seq) {
      return shm::Region::AttachWhole(std::move(fd), max_size, region);
    }
  }
  return Status::Internal(
      "shared memory: the worker sends regions that it does not use");
}

void WorkerLink::LetGo() {
  if (!sink_keeps && kept == nullptr && port_.has_response()) {
    port_.TakeResponse();
    port_.Ring();
  }
}

Outputs::Outputs(WorkerLink* link) : link_(link) {
  ++link->grants;
  if (link->grants_gauge != nullptr) {
    link->grants_gauge->Add();
  }
}

Outputs* Outputs::Grant(WorkerLink* link, std::uint64_t capacity) {
  const std::uint64_t offset = link->arena().Allocate(capacity);
  if (offset == shm::Arena::kNone) {
    return nullptr;
  }
  auto* outputs = new Outputs(link);
  outputs->offset_ = offset;
  outputs->capacity_ = capacity;
  return outputs;
}

Outputs* Outputs::Own(WorkerLink* link, shm::Region region) {
  auto* outputs = new Outputs(link);
  outputs->Adopt(std::move(region));
  return outputs;
}

void Outputs::DropReference() {
  if (--references_ > 0) {
    if (references_ == 1 && link_->kept == this) {
      link_->kept = nullptr;
      link_->LetGo();
    }
    return;
  }
  if (offset_ != shm::Arena::kNone) {
    link_->arena().Free(offset_, capacity_);
  }
  --link_->grants;
  if (link_->grants_gauge != nullptr) {
    link_->grants_gauge->Subtract();
  }
  if (link_->gone && link_->grants == 0) {
    delete link_;
  }
  delete this;
}

void Outputs::Trim(std::uint64_t used_end) {
  constexpr std::uint64_t kWorthwhile = 64 << 10;
  const std::uint64_t used = used_end > offset_ ? used_end - offset_ : 0;
  if (capacity_ - used >= kWorthwhile) {
    link_->arena().Shrink(offset_, capacity_, used);
    capacity_ = used;
  }
}

}  // namespace leeboard::batch
