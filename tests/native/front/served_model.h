// A model in a table, with a worker in this process that echoes inputs as outputs, and
// the messages that ask for it.

#ifndef LEEBOARD_TESTS_NATIVE_FRONT_SERVED_MODEL_H_
#define LEEBOARD_TESTS_NATIVE_FRONT_SERVED_MODEL_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batch/fake_worker.h"
#include "front/served.h"
#include "wire/message_builder.h"

namespace leeboard::front {

inline wire::TensorSpec Spec(const char* name, wire::DType dtype,
                             std::vector<std::int64_t> dims) {
  wire::TensorSpec spec;
  spec.name = name;
  spec.dtype = dtype;
  spec.shape.rank = static_cast<std::uint8_t>(dims.size());
  std::copy(dims.begin(), dims.end(), spec.shape.dims.begin());
  return spec;
}

// Echoes its inputs.
inline route::Signature Echo(std::vector<wire::TensorSpec> tensors,
                             std::uint32_t max_batch_size = 4) {
  route::Signature signature;
  signature.model = "m";
  signature.max_batch_size = max_batch_size;
  signature.inputs = tensors;
  signature.outputs = tensors;
  for (const wire::TensorSpec& tensor : tensors) {
    signature.has_bytes_input =
        signature.has_bytes_input || tensor.dtype == wire::DType::kBytes;
  }
  return signature;
}

class ServedModel {
 public:
  explicit ServedModel(const route::Signature& signature,
                       std::uint64_t input_bytes = 64 << 20, bool decoupled = false) {
    batch::QueueOptions options;
    options.decoupled = decoupled;
    options.model = signature.model;
    options.version = "1";
    options.label = "model 'm' version 1";
    options.input_bytes = input_bytes;
    EXPECT_TRUE(Served::Create(signature, std::move(options), &served).ok());
    auto version = std::make_shared<route::Version>();
    version->model = signature.model;
    version->version = "1";
    version->state = route::State::kReady;
    version->signature = signature;
    version->context = served->queue.get();
    version->metadata = "metadata";
    table = std::make_shared<route::Table>();
    table->Add(std::move(version));
    table->set_ready(true);
  }

  // The link belongs to whom it is given next.
  std::unique_ptr<batch::FakeWorker> MakeWorker(
      std::unique_ptr<batch::WorkerLink>* link, std::uint64_t output_bytes = 64 << 20) {
    EXPECT_TRUE(batch::WorkerLink::Create(output_bytes, link).ok());
    return std::make_unique<batch::FakeWorker>(*served->queue, link->get());
  }
  [[nodiscard]] batch::VersionCounters& counters() const {
    return served->queue->counters();
  }
  [[nodiscard]] std::uint64_t failed(batch::Reason reason) const {
    return counters().failed[static_cast<std::size_t>(reason)].get();
  }

  std::shared_ptr<Served> served;
  std::shared_ptr<route::Table> table;
};

// A request for rows of one UINT8 input "x".
inline std::string AskRows(std::string_view data, std::int64_t rows = 1,
                           std::string_view model = "m", std::string_view id = "") {
  const std::int64_t width = static_cast<std::int64_t>(data.size()) / rows;
  return wire::Message()
      .Text(1, model)
      .Text(3, id)
      .Nested(5, wire::Input("x", "UINT8", {rows, width}))
      .Text(7, data)
      .str();
}

}  // namespace leeboard::front

#endif  // LEEBOARD_TESTS_NATIVE_FRONT_SERVED_MODEL_H_
