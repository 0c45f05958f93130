#include "front/inference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "batch/recording_sink.h"
#include "served_model.h"

namespace leeboard::front {
namespace {

using wire::DType;
using wire::Input;
using wire::Message;
using Random = std::mt19937_64;

route::Signature ThreeInputs() {
  return Echo({Spec("x", DType::kUint8, {-1}), Spec("n", DType::kFp32, {-1}),
               Spec("c", DType::kUint8, {3})});
}

// One thread's side of an inference: table, queue and worker.
class Rig {
 public:
  explicit Rig(const route::Signature& signature)
      : model(signature), sink(signature.outputs) {
    std::unique_ptr<batch::WorkerLink> link;
    worker = model.MakeWorker(&link);
    model.served->queue->set_sink(&sink);
    model.served->queue->AddWorker(std::move(link));
  }

  // Feeds a message in portions of at most `portion` bytes, chosen by `random` when
  // given.
  Status Ask(const std::string& message, std::size_t portion,
             Random* random = nullptr) {
    const Place place{model.table.get(), false};
    inference.Start(static_cast<std::uint32_t>(message.size()), 1000);
    taken = 0;
    for (wire::Bytes rest = wire::BytesOf(message); !rest.empty();) {
      const std::size_t most = std::min(portion, rest.size());
      const std::size_t size = random == nullptr ? most : 1 + (*random)() % most;
      Inference::Step step = Inference::Step::kMore;
      Status status = inference.Feed(rest.first(size), place, &scratch, &step);
      taken += size;
      rest = rest.subspan(size);
      if (!status.ok()) {
        inference.Drop();
        return status;
      }
      EXPECT_EQ(step == Inference::Step::kComplete, rest.empty());
    }
    Status status = inference.Submit(place, kNever, &scratch, &request);
    inference.Drop();
    return status;
  }
  // What the worker sees of the request that was just taken; then it is answered.
  batch::SeenBatch Run() {
    model.served->queue->Pump(1000);
    EXPECT_TRUE(worker->Take());
    batch::SeenBatch seen = worker->Look();
    worker->Finish();
    model.served->queue->Collect(worker->link, 1000);
    return seen;
  }

  ServedModel model;
  batch::RecordingSink sink;
  std::unique_ptr<batch::FakeWorker> worker;
  Scratch scratch;
  Inference inference;
  batch::Request* request = nullptr;
  std::size_t taken = 0;  // Bytes of the message when it was refused or complete.
};

Message Head() {
  return Message()
      .Text(1, "m")
      .Text(3, "id")
      .Nested(5, Input("x", "UINT8", {1, 50'000}))
      .Nested(5, Input("n", "FP32", {1, 10'000}))
      .Nested(5, Input("c", "UINT8", {1, 3}));
}

std::string Filled(std::size_t size, char fill) {
  return std::string(size, fill);
}

TEST(Inference, SeveralLargeTensorsLandWhereTheyBelong) {
  Rig rig(ThreeInputs());
  const std::string message = Message(Head())
                                  .Text(7, Filled(50'000, 'x'))
                                  .Text(7, Filled(40'000, 'n'))
                                  .Text(7, "ccc")
                                  .str();
  for (const std::size_t portion : {1UL, 7UL, 16'384UL, 40'001UL, 1'000'000UL}) {
    const Status status = rig.Ask(message, portion);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(rig.request->id, "id");
    const batch::SeenBatch seen = rig.Run();
    EXPECT_EQ(seen.inputs[0][0], Filled(50'000, 'x'));
    EXPECT_EQ(seen.inputs[1][0], Filled(40'000, 'n'));
    EXPECT_EQ(seen.inputs[2][0], "ccc");
  }
}

TEST(Inference, LargeTensorsLandWithoutAnOptionalOneBesideThem) {
  route::Signature signature = ThreeInputs();
  signature.inputs[1].optional = signature.has_optional_input = true;
  const Message head = Message()
                           .Text(1, "m")
                           .Nested(5, Input("c", "UINT8", {1, 3}))
                           .Nested(5, Input("x", "UINT8", {1, 50'000}))
                           .Text(7, "ccc");
  const Message message = Message(head).Text(7, Filled(50'000, 'x'));
  Rig rig(signature);
  for (const std::size_t portion : {1UL, 40'001UL, 1'000'000UL}) {
    ASSERT_TRUE(rig.Ask(message.str(), portion).ok());
    rig.model.served->queue->Pump(1000);
    ASSERT_TRUE(rig.worker->Take());
    const batch::SeenBatch seen = rig.worker->Look();
    ASSERT_EQ(seen.inputs.size(), 2u);
    EXPECT_EQ(seen.inputs[0][0], Filled(50'000, 'x'));
    EXPECT_EQ(seen.inputs[1][0], "ccc");
    rig.worker->spoil = [](shm::Completion* record) { record->code = 13; };
    rig.worker->Finish();
    rig.model.served->queue->Collect(rig.worker->link, 1000);
  }
  // Behind its data the input still counts.
  const Message late = Message(message).Nested(5, Input("n", "FP32", {1, 1}));
  ASSERT_TRUE(rig.Ask(Message(late).Text(7, "nnnn").str(), 40'001).ok());
  rig.model.served->queue->Pump(1000);
  ASSERT_TRUE(rig.worker->Take());
  EXPECT_EQ(rig.worker->Look().inputs[1][0], "nnnn");
  rig.worker->Finish();
  rig.model.served->queue->Collect(rig.worker->link, 1000);
}

TEST(Inference, ALandingNeedsNoMemoryForTheMessage) {
  Rig rig(ThreeInputs());
  const std::string message = Message(Head()).Text(7, Filled(50'000, 'x')).str();
  const Place place{rig.model.table.get(), false};
  rig.inference.Start(100'000, 0);
  Inference::Step step = Inference::Step::kMore;
  ASSERT_TRUE(
      rig.inference.Feed(wire::BytesOf(message), place, &rig.scratch, &step).ok());
  EXPECT_GT(rig.model.counters().input_bytes_used.get(), 90'000u);
  rig.inference.Drop();
  EXPECT_LT(rig.model.counters().input_bytes_used.get(), 20'000u);
}

TEST(Inference, DataBeforeWhatItBelongsToIsPutTogetherAgain) {
  Rig rig(ThreeInputs());
  const std::string large = Filled(50'000, 'x');
  const Message inputs = Message()
                             .Nested(5, Input("x", "UINT8", {1, 50'000}))
                             .Nested(5, Input("n", "FP32", {1, 1}))
                             .Nested(5, Input("c", "UINT8", {1, 3}));
  const Message data = Message().Text(7, large).Text(7, "nnnn").Text(7, "ccc");
  const std::vector<Message> orders = {
      Message().Raw(data.str()).Raw(inputs.str()).Text(1, "m"),
      Message().Text(1, "m").Raw(data.str()).Raw(inputs.str()),
      Message().Raw(inputs.str()).Raw(data.str()).Text(1, "m"),
      Message().Text(1, "m").Raw(inputs.str()).Raw(data.str()).Text(3, "id"),
  };
  for (const Message& message : orders) {
    const Status status = rig.Ask(message.str(), 9999);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(rig.Run().inputs[0][0], large);
  }
}

TEST(Inference, AWrongSizeIsRefusedBeforeTheDataComes) {
  Rig rig(ThreeInputs());
  const std::string first =
      Message(Head()).Text(7, Filled(50'001, 'x')).Text(7, "").str();
  Status status = rig.Ask(first, 1000);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(), "input 'x' has 50001 bytes of data, expected 50000");
  EXPECT_LT(rig.taken, 30'000u);
  const std::string second =
      Message(Head()).Text(7, Filled(50'000, 'x')).Text(7, Filled(39'999, 'n')).str();
  status = rig.Ask(second, 1000);
  EXPECT_EQ(status.message(), "input 'n' has 39999 bytes of data, expected 40000");
  EXPECT_LT(rig.taken, 52'000u);
  EXPECT_TRUE(rig.model.served->queue->idle());
}

TEST(Inference, ManyInputsWithoutTheirDataDoNotReserveMemory) {
  Rig rig(ThreeInputs());
  const std::string message = Message()
                                  .Text(1, "m")
                                  .Nested(5, Input("x", "UINT8", {1, 20'000}))
                                  .Nested(5, Input("n", "FP32", {1, 10'000'000}))
                                  .Nested(5, Input("c", "UINT8", {1, 3}))
                                  .Text(7, Filled(20'000, 'x'))
                                  .Text(7, "n")
                                  .Text(7, "ccc")
                                  .str();
  const Status status = rig.Ask(message, 5000);
  EXPECT_EQ(status.message(),
            "input 'n' has 1 bytes of data, expected 40000000 for FP32 [1,10000000]");
  EXPECT_LT(rig.model.counters().input_bytes_used.get(), 20'000u);
}

TEST(Inference, AnUnknownModelIsRefusedBeforeTheDataComes) {
  Rig rig(ThreeInputs());
  std::string message = AskRows(Filled(1 << 20, 'x'), 1, "other");
  EXPECT_EQ(rig.Ask(message, 16'384).code(), Code::kNotFound);
  EXPECT_LT(rig.taken, 20'000u);
  EXPECT_EQ(rig.inference.refused_by(), nullptr);
}

TEST(Inference, NothingNewIsTakenWhileDraining) {
  Rig rig(ThreeInputs());
  const std::string message = AskRows("abc");
  rig.inference.Start(static_cast<std::uint32_t>(message.size()), 0);
  const Place place{rig.model.table.get(), true};
  Inference::Step step = Inference::Step::kMore;
  ASSERT_TRUE(
      rig.inference.Feed(wire::BytesOf(message), place, &rig.scratch, &step).ok());
  EXPECT_EQ(rig.inference.Submit(place, kNever, &rig.scratch, &rig.request).code(),
            Code::kUnavailable);
}

TEST(Inference, TheEarlierOfDeadlineAndTimeoutCounts) {
  Rig rig(Echo({Spec("x", DType::kUint8, {-1})}));
  const Message timeout = Message().Number(2, 50);  // int64_param, microseconds.
  for (const std::size_t width : {10UL, 30'000UL}) {
    const std::string message =
        Message()
            .Text(1, "m")
            .Nested(4, wire::Entry("timeout", timeout))
            .Nested(5, Input("x", "UINT8", {1, static_cast<std::int64_t>(width)}))
            .Text(7, Filled(width, 'x'))
            .str();
    const Status status = rig.Ask(message, 4000);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(rig.request->heap_time, 1000 + 50'000);
    rig.Run();
  }
}

// The shapes of messages that clients send and that they could send, right and wrong.
class Generator {
 public:
  explicit Generator(Random* random) : random_(random) {}

  std::string Make() {
    rows_ = 1 + static_cast<std::int64_t>(Below(3));
    std::vector<Tensor> tensors = {MakeTensor("x", "UINT8", 1, Below(30'000)),
                                   MakeTensor("n", "FP32", 4, Below(8'000)),
                                   MakeTensor("c", "UINT8", 1, 3)};
    std::shuffle(tensors.begin(), tensors.end(), *random_);
    Spoil(&tensors);
    std::vector<std::string> fields = {Message().Text(1, "m").str()};
    for (const Tensor& tensor : tensors) {
      fields.push_back(Message().Nested(5, tensor.input).str());
    }
    for (const Tensor& tensor : tensors) {
      if (tensor.has_data) {
        fields.push_back(Message().Text(7, tensor.data).str());
      }
    }
    if (Below(3) == 0) {
      fields.push_back(Message().Text(3, "an id").str());
    }
    if (Below(6) == 0) {
      fields.push_back(Message().Text(99, "of a later version").str());
    }
    if (Below(8) == 0) {
      std::shuffle(fields.begin(), fields.end(), *random_);
    }
    std::string message;
    for (const std::string& field : fields) {
      message += field;
    }
    if (Below(20) == 0) {
      message.resize(message.size() - Below(message.size()));
    }
    return message;
  }

 private:
  struct Tensor {
    Message input;
    std::string data;
    bool has_data = true;
  };

  std::uint64_t Below(std::uint64_t bound) { return (*random_)() % bound; }

  Tensor MakeTensor(const char* name, const char* dtype, std::uint64_t element,
                    std::uint64_t width) {
    Tensor tensor;
    tensor.input = Input(name, dtype, {rows_, static_cast<std::int64_t>(width)});
    tensor.data.resize(static_cast<std::uint64_t>(rows_) * width * element);
    for (char& byte : tensor.data) {
      byte = static_cast<char>(Below(256));
    }
    return tensor;
  }

  void Spoil(std::vector<Tensor>* tensors) {
    Tensor& one = (*tensors)[Below(tensors->size())];
    switch (Below(16)) {
      case 0:
        one.data.resize(one.data.size() + 1);
        break;
      case 1:
        one.data.resize(one.data.size() / 2);
        break;
      case 2:
        tensors->back().has_data = false;
        break;
      case 3:
        one.input.Nested(5, Message().Packed(2, {1}));  // Contents beside raw data.
        break;
      case 4:
        tensors->push_back(MakeTensor("x", "UINT8", 1, 20'000));  // Twice.
        break;
      case 5:
        tensors->pop_back();
        break;
      default:
        break;
    }
  }

  Random* random_;
  std::int64_t rows_ = 1;
};

// What parsing the whole message at once says, and the raw data by input of the model.
Status ParseWhole(const std::string& message, const ServedModel& model,
                  Scratch* scratch) {
  Status status = wire::ParseInferRequest(wire::BytesOf(message), &scratch->request);
  const route::Version* version = nullptr;
  if (status.ok()) {
    status = model.table->Find(scratch->request.model_name, "", &version);
  }
  if (status.ok()) {
    status = scratch->checker.CheckHead(scratch->request, version->signature);
  }
  if (status.ok()) {
    status = scratch->checker.CheckData(scratch->request, version->signature);
  }
  return status;
}

void Compare(const std::string& message, Random* random, Rig* rig, int* accepted) {
  Scratch whole;
  const Status expected = ParseWhole(message, rig->model, &whole);
  const Status status = rig->Ask(message, 1 + (*random)() % 40'000, random);
  ASSERT_EQ(status.code(), expected.code())
      << status.message() << " / " << expected.message();
  if (!status.ok()) {
    return;
  }
  ++*accepted;
  EXPECT_EQ(rig->request->id, whole.request.id);
  const batch::SeenBatch seen = rig->Run();
  const wire::RequestRows rows = whole.checker.rows();
  ASSERT_EQ(seen.rows, rows.rows);
  for (std::size_t i = 0; i < rows.inputs.size(); ++i) {
    std::string raw;
    for (const std::string& row : seen.inputs[i]) {
      raw += row;
    }
    const wire::Bytes sent = rows.data[i].tensor->raw;
    ASSERT_TRUE(std::equal(
        raw.begin(), raw.end(), sent.begin(), sent.end(),
        [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }))
        << "input " << i;
  }
}

TEST(InferenceFuzz, AMessageInPortionsIsTheSameAsInOnePiece) {
  Rig rig(ThreeInputs());
  int accepted = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const std::string message = Generator(&random).Make();
    Compare(message, &random, &rig, &accepted);
    if (testing::Test::HasFailure()) {
      return;
    }
  }
  EXPECT_GT(accepted, 500);
  EXPECT_TRUE(rig.model.served->queue->idle());
  EXPECT_EQ(rig.model.counters().queued.get(), 0u);
}

}  // namespace
}  // namespace leeboard::front
