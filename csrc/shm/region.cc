#include "shm/region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace leeboard::shm {
namespace {

constexpr unsigned kNoExecSeal = 0x0008U;  // MFD_NOEXEC_SEAL, Linux 6.3.

Status Failed(const char* what) {
  // strerror_r's GNU form returns a static text for every errno that Linux has.
  char text[128];
  return Status::ResourceExhausted(std::string("shared memory: ") + what +
                                   " failed: " + strerror_r(errno, text, sizeof text));
}

UniqueFd MakeMemfd(const char* name) {
  // Hosts with vm.memfd_noexec=2 refuse a memfd without the flag; older kernels refuse
  // it.
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExecSeal);
  if (fd < 0 && errno == EINVAL) {
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  }
  return UniqueFd(fd);
}

}  // namespace

Region::Region(Region&& other) noexcept
    : fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Region& Region::operator=(Region&& other) noexcept {
  if (this != &other) {
    Unmap();
    fd_ = std::move(other.fd_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Region::~Region() {
  Unmap();
}

void Region::Unmap() {
  if (data_ != nullptr) {
    munmap(data_, size_);
    data_ = nullptr;
  }
}

Status Region::Map(bool writable) {
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* memory = mmap(nullptr, size_, access, MAP_SHARED, fd_.get(), 0);
  if (memory == MAP_FAILED) {
    return Failed("mmap");
  }
  data_ = static_cast<std::uint8_t*>(memory);
  return {};
}

Status Region::Create(const char* name, std::size_t size, Peer peer, Region* out) {
  Region region;
  region.fd_ = MakeMemfd(name);
  region.size_ = size;
  if (!region.fd_.valid()) {
    return Failed("memfd_create");
  }
  if (ftruncate(region.fd_.get(), static_cast<off_t>(size)) != 0) {
    return Failed("ftruncate");
  }
  Status status = region.Map(/*writable=*/true);
  if (!status.ok()) {
    return status;
  }
  int seals = F_SEAL_GROW | F_SEAL_SHRINK;
  if (peer == Peer::kReads) {
    seals |= F_SEAL_FUTURE_WRITE;  // After our own writable mapping.
  }
  if (fcntl(region.fd_.get(), F_ADD_SEALS, seals | F_SEAL_SEAL) != 0) {
    return Failed("sealing");
  }
  *out = std::move(region);
  return {};
}

Status Region::Attach(UniqueFd fd, std::size_t size, bool writable, Region* out) {
  struct stat about{};
  const int seals = fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || fstat(fd.get(), &about) != 0) {
    return Failed("reading a region's seals");
  }
  if ((seals & F_SEAL_SHRINK) == 0 || static_cast<std::size_t>(about.st_size) < size) {
    return Status::Internal(
        "shared memory: a region is smaller than announced or not sealed");
  }
  Region region;
  region.fd_ = std::move(fd);
  region.size_ = size;
  Status status = region.Map(writable);
  if (status.ok()) {
    *out = std::move(region);
  }
  return status;
}

Status Region::Detach(std::size_t offset, std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (offset > size_ || size > size_ - offset) {
    return Status::InvalidArgument(
        "shared memory: only a part of a region is detached");
  }
  const std::size_t whole = (size_ + page - 1) / page * page;
  const std::size_t begin = offset / page * page;
  const std::size_t end = (offset + size + page - 1) / page * page;
  Region fresh;
  fresh.size_ = size_;
  void* memory = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_.get(), 0);
  if (memory == MAP_FAILED) {
    return Failed("mmap");
  }
  fresh.data_ = static_cast<std::uint8_t*>(memory);  // Unmapped again on error.
  if (end > begin) {
    void* copy = mmap(nullptr, end - begin, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) {
      return Failed("mmap");
    }
    std::memcpy(copy, data_ + begin, end - begin);
    // Moved into place at once: other threads that read the pages see no gap.
    if (mremap(copy, end - begin, end - begin, MREMAP_MAYMOVE | MREMAP_FIXED,
               data_ + begin) == MAP_FAILED) {
      munmap(copy, end - begin);
      return Failed("mremap");
    }
  }
  if (begin > 0) {
    munmap(data_, begin);
  }
  if (whole > end) {
    munmap(data_ + end, whole - end);
  }
  data_ = std::exchange(fresh.data_, nullptr);
  return {};
}

Status Region::AttachWhole(UniqueFd fd, std::size_t max_size, Region* out) {
  struct stat about{};
  if (fstat(fd.get(), &about) != 0) {
    return Failed("fstat");
  }
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0 || size > max_size) {
    return Status::ResourceExhausted("shared memory: a region of " +
                                     std::to_string(size) + " bytes is not within " +
                                     std::to_string(max_size));
  }
  return Attach(std::move(fd), size, /*writable=*/false, out);
}

}  // namespace leeboard::shm
