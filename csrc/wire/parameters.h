// The parameters of requests and tensors: custom ones are read and dropped, reserved
// ones are checked. As in any protobuf map, the last entry of a key is the one that
// counts, so values are judged only when all entries have been read.
//
// Thread safety: none; the objects live on their caller's stack.

#ifndef LEEBOARD_WIRE_PARAMETERS_H_
#define LEEBOARD_WIRE_PARAMETERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace leeboard::wire {

// An InferParameter: a oneof of five types, or none of them.
struct Parameter {
  enum class Kind : std::uint8_t { kNone, kBool, kInt64, kString, kDouble, kUint64 };
  Kind kind = Kind::kNone;
  bool present = false;      // The map has an entry of this key.
  std::uint64_t number = 0;  // kBool, kInt64 (two's complement), kUint64.
  std::string_view text;     // kString.
};

// Reads one entry of a map<string, InferParameter>. `nesting` counts the messages
// around the entry.
Status ParseParameterEntry(std::span<const std::uint8_t> entry, int nesting,
                           std::string_view* key, Parameter* value);

// Parameters of a whole request.
class RequestParameters {
 public:
  // Takes one entry; refuses triton_* keys that this server does not know.
  Status Add(std::span<const std::uint8_t> entry);
  // Judges the reserved parameters: types, timeout >= 0, priority >= 0, no sequences.
  Status Check(std::uint64_t* timeout_us) const;
  // REQUIRES: Check was ok.
  [[nodiscard]] bool wants_empty_final() const;

  static constexpr std::size_t kReserved = 6;

 private:
  std::array<Parameter, kReserved> reserved_;
};

enum class TensorSide : std::uint8_t { kInput, kOutput };

// Parameters of one input or requested output.
class TensorParameters {
 public:
  Status Add(std::span<const std::uint8_t> entry);
  // Refuses shared memory and, on outputs, a classification that is no number above 0.
  Status Check(TensorSide side, std::string_view tensor_name) const;
  // How many classes are asked for; 0: the tensor itself. REQUIRES: Check was ok.
  [[nodiscard]] std::uint32_t classes() const;

 private:
  bool shared_memory_ = false;
  Parameter classification_;
};

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_PARAMETERS_H_
