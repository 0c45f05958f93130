// A stretch of anonymous shared memory (memfd) of fixed size.
//
// The front end creates regions and passes their descriptors to workers. A region is
// sealed against growing and shrinking, so that no other process can turn our reads
// into SIGBUS, and a read-only one also against new writable mappings: what a worker
// reads as input it can never change. Pages cost memory only once touched; the size is
// address space.
//
// Thread safety: the object has one owner; the memory is shared by design.

#ifndef LEEBOARD_SHM_REGION_H_
#define LEEBOARD_SHM_REGION_H_

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "base/unique_fd.h"

namespace leeboard::shm {

class Region {
 public:
  enum class Peer : std::uint8_t {
    kReads,   // Others may map it read-only (sealed with F_SEAL_FUTURE_WRITE).
    kWrites,  // Others may write.
  };

  Region() = default;
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  // Creates a region and maps it writable here. `name` appears in /proc/PID/maps.
  static Status Create(const char* name, std::size_t size, Peer peer, Region* out);
  // Maps `size` bytes of a region that another process made. Takes the descriptor.
  // Refuses one that is smaller than size or not sealed against shrinking.
  static Status Attach(UniqueFd fd, std::size_t size, bool writable, Region* out);
  // The same with the size that the descriptor has, at most max_size.
  static Status AttachWhole(UniqueFd fd, std::size_t max_size, Region* out);

  // Maps the region anew, for reading, at another address. Of the old mapping only the
  // pages of [offset, offset + size) stay, as private memory with the same content:
  // they belong to whoever kept pointers to them and are never given back. On error
  // nothing has changed. REQUIRES: mapped(); nobody uses the rest of the old mapping
  // any more.
  Status Detach(std::size_t offset, std::size_t size);

  [[nodiscard]] std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool mapped() const { return data_ != nullptr; }

 private:
  Status Map(bool writable);
  void Unmap();

  UniqueFd fd_;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_REGION_H_
