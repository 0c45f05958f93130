// Does a request fit a model? Names, datatypes, shapes and sizes, each refusal naming
// the tensor, what came and what was expected.
//
// Thread safety: none; one Checker is reused for request after request by the I/O
// thread.

#ifndef LEEBOARD_ROUTE_SIGNATURE_H_
#define LEEBOARD_ROUTE_SIGNATURE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "wire/tensor_rows.h"

namespace leeboard::route {

// What a version takes and gives. With max_batch_size > 0 every tensor on the wire has
// one more dimension than its spec, the first: the rows of the request.
struct Signature {
  std::string model;
  std::uint32_t max_batch_size = 0;
  std::vector<wire::TensorSpec> inputs;
  std::vector<wire::TensorSpec> outputs;
  bool has_bytes_input = false;
  bool has_optional_input = false;
};

class Checker {
 public:
  // Checks names, datatypes, shapes and requested outputs. Data may still be missing.
  Status CheckHead(const wire::InferRequest& request, const Signature& signature);
  // Checks the data of a whole message.
  // REQUIRES: CheckHead succeeded for the same request.
  Status CheckData(const wire::InferRequest& request, const Signature& signature);

  // Valid until the next CheckHead; data only after CheckData.
  [[nodiscard]] wire::RequestRows rows() const { return {inputs_, data_, rows_}; }
  // The following are by input that the request has, in the model's order. Bytes of its
  // raw layout as its shape says; 0 for BYTES.
  [[nodiscard]] std::span<const std::uint64_t> raw_sizes() const { return raw_sizes_; }
  // Its place in the request.
  [[nodiscard]] std::span<const std::uint32_t> places() const { return places_; }
  // Requested outputs by index; empty means all.
  [[nodiscard]] std::span<const std::uint16_t> outputs() const { return outputs_; }
  // How many classes of each of them are asked for; empty: of none.
  [[nodiscard]] std::span<const std::uint32_t> classes() const { return classes_; }

 private:
  Status PlaceInputs(const wire::InferRequest& request, const Signature& signature);
  Status CheckInput(const wire::InputTensor& tensor, const wire::TensorSpec& spec,
                    const Signature& signature, std::size_t index);
  Status CheckRows(const wire::InputTensor& tensor, const Signature& signature,
                   std::size_t index);
  Status CheckOutputs(const wire::InferRequest& request, const Signature& signature);

  std::vector<wire::RowInput> inputs_;
  std::vector<wire::InputData> data_;
  std::vector<std::uint64_t> raw_sizes_;
  std::vector<std::uint32_t> places_;
  std::vector<std::uint16_t> outputs_;
  std::vector<std::uint32_t> classes_;
  std::uint32_t rows_ = 1;
};

// "[-1,32]", for messages.
std::string ShapeText(std::span<const std::int64_t> dims);

}  // namespace leeboard::route

#endif  // LEEBOARD_ROUTE_SIGNATURE_H_
