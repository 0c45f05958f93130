// Whether an answer is the one that was expected: names, datatypes, shapes and values
// within a tolerance.
//
// Floating-point values a (answered) and e (expected) agree when |a - e| <= absolute +
// relative * |e|, or both are NaN, or both are the same infinity; everything else must
// be equal. Outputs that are not expected are not looked at. Answers may carry raw or
// typed contents. Where versions give different answers, an output says whose it is: an
// answer must keep those of its model_version, of which there must be one.
//
// Thread safety: Golden is immutable; GoldenCheck is one thread's.

#ifndef LEEBOARD_LOAD_GOLDEN_H_
#define LEEBOARD_LOAD_GOLDEN_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/dtype.h"
#include "wire/infer_request.h"

namespace leeboard::load {

struct GoldenOutput {
  std::string name;
  wire::DType dtype = wire::DType::kInvalid;
  wire::Shape shape;
  std::string raw;  // In the raw layout of dtype.
  double relative = 0.0;
  double absolute = 0.0;
  std::string version;  // Empty: of any.
};

using Golden = std::vector<GoldenOutput>;

class GoldenCheck {
 public:
  // Whether a whole ModelInferResponse keeps `golden`.
  bool Matches(std::span<const std::uint8_t> response, const Golden& golden);
  // The model_version of the last response, 0 where that is no number.
  [[nodiscard]] std::uint32_t version() const;

 private:
  bool Read(std::span<const std::uint8_t> response);
  bool ReadOutput(std::span<const std::uint8_t> bytes);
  bool OutputMatches(const wire::InputTensor& output, const GoldenOutput& expected);

  std::vector<wire::InputTensor> outputs_;
  std::vector<wire::Bytes> raws_;
  std::string version_;
  std::string converted_;
};

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_GOLDEN_H_
