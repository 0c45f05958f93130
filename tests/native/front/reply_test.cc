#include "front/reply.h"

#include <gtest/gtest.h>

#include <cstring>

#include "served_model.h"
#include "wire/infer_response.h"

namespace leeboard::front {
namespace {

using wire::DType;

std::string Element(std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string raw(sizeof size, '\0');
  std::memcpy(raw.data(), &size, sizeof size);
  return raw.append(text);
}

// One output of a reply as the client should see it.
struct Expected {
  const char* name;
  DType dtype;
  std::vector<std::int64_t> shape;
  std::string data;
};

std::string Message(std::string_view id, const std::vector<Expected>& outputs) {
  std::vector<wire::OutputTensor> tensors;
  for (const Expected& output : outputs) {
    tensors.push_back({output.name, output.dtype, output.shape, output.data.size()});
  }
  std::string message;
  wire::AppendInferResponseHead({"m", "1", id}, tensors, &message);
  for (const Expected& output : outputs) {
    wire::AppendRawOutputHeader(output.data.size(), &message);
    message += output.data;
  }
  return message;
}

// A reply as it goes over the wire.
std::string Flat(const http2::ReplyBody& reply) {
  std::string message;
  std::size_t at = 0;
  for (const http2::ReplyBody::Cut& cut : reply.cuts) {
    message += reply.text.substr(at, cut.at - at);
    message.append(reinterpret_cast<const char*>(cut.span.data), cut.span.size);
    at = cut.at;
  }
  return message + reply.text.substr(at);
}

class Batch {
 public:
  Batch(const route::Signature& signature, std::uint32_t rows) : model_(signature) {
    EXPECT_TRUE(batch::WorkerLink::Create(1 << 20, &link_).ok());
    outputs = batch::Outputs::Grant(link_.get(), 1000);
    request.queue = model_.served->queue.get();
    request.id = "r1";
    answer.batch_rows = rows;
    answer.completion = &completion;
    answer.outputs = outputs;
  }
  ~Batch() { outputs->DropReference(); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void AddOutput(const std::string& data, std::vector<std::int64_t> dims) {
    shm::OutputRecord& record = completion.outputs[completion.output_count++];
    record.offset = memory_.size();
    record.size = data.size();
    record.rank = static_cast<std::uint32_t>(dims.size());
    std::copy(dims.begin(), dims.end(), record.dims.begin());
    memory_.insert(memory_.end(), data.begin(), data.end());
    memory_.shrink_to_fit();  // So that a read behind the last output is seen.
    answer.base = memory_.data();
  }
  std::uint8_t* memory() { return memory_.data(); }
  http2::ReplyBody Reply(std::uint32_t row_begin, std::uint32_t rows) {
    answer.row_begin = row_begin;
    answer.rows = rows;
    http2::ReplyBody reply;
    const Status status = MakeReply(request, answer, {}, &reply);
    EXPECT_TRUE(status.ok()) << status.message();
    return reply;
  }

  batch::Request request;
  batch::Answer answer;
  shm::Completion completion;
  batch::Outputs* outputs;

 private:
  ServedModel model_;
  std::unique_ptr<batch::WorkerLink> link_;
  std::vector<std::uint8_t> memory_;
};

TEST(Reply, AnOutputMayBeAskedForByClass) {
  Batch batch(Echo({Spec("a", DType::kUint8, {2}), Spec("b", DType::kUint8, {3})}), 3);
  batch.AddOutput("112233", {3, 2});
  batch.AddOutput({"\1\2\3\4\5\6\t\7\10", 9}, {3, 3});
  batch.request.outputs = {1, 0};
  batch.request.classes = {2, 0};
  EXPECT_EQ(Flat(batch.Reply(1, 2)),
            Message("r1", {{"b",
                            DType::kBytes,
                            {2, 2},
                            Element("6:2") + Element("5:1") + Element("9:0") +
                                Element("8:2")},
                           {"a", DType::kUint8, {2, 2}, "2233"}}));
}

TEST(Reply, WithoutBatchingAllValuesAreClasses) {
  Batch batch(Echo({Spec("a", DType::kUint8, {2, 2})}, 0), 1);
  batch.AddOutput({"\1\4\2\3", 4}, {2, 2});
  batch.request.outputs = {0};
  batch.request.classes = {9};
  EXPECT_EQ(Flat(batch.Reply(0, 1)),
            Message("r1", {{"a",
                            DType::kBytes,
                            {4},
                            Element("4:1") + Element("3:3") + Element("2:2") +
                                Element("1:0")}}));
}

TEST(Reply, AClassBesideALargeTensorIsCopied) {
  Batch batch(Echo({Spec("a", DType::kUint8, {-1}), Spec("b", DType::kUint8, {2})}), 1);
  const std::string large(100'000, 'L');
  batch.AddOutput(large, {1, 100'000});
  batch.AddOutput({"\1\2", 2}, {1, 2});
  batch.request.outputs = {0, 1};
  batch.request.classes = {0, 1};
  EXPECT_EQ(Flat(batch.Reply(0, 1)),
            Message("r1", {{"a", DType::kUint8, {1, 100'000}, large},
                           {"b", DType::kBytes, {1, 1}, Element("2:1")}}));
}

TEST(Reply, HasTheRequestsRowsOfEveryOutput) {
  Batch batch(Echo({Spec("a", DType::kUint8, {2}), Spec("b", DType::kInt32, {})}), 3);
  batch.AddOutput("112233", {3, 2});
  batch.AddOutput("AAAABBBBCCCC", {3});
  EXPECT_EQ(Flat(batch.Reply(1, 2)),
            Message("r1", {{"a", DType::kUint8, {2, 2}, "2233"},
                           {"b", DType::kInt32, {2}, "BBBBCCCC"}}));
  EXPECT_EQ(Flat(batch.Reply(0, 1)),
            Message("r1", {{"a", DType::kUint8, {1, 2}, "11"},
                           {"b", DType::kInt32, {1}, "AAAA"}}));
}

TEST(Reply, TextsAreSplitByTheirElements) {
  Batch batch(Echo({Spec("t", DType::kBytes, {2})}), 3);
  const std::string rows[] = {Element("a") + Element("bb"), Element("") + Element("c"),
                              Element("ddd") + Element("")};
  batch.AddOutput(rows[0] + rows[1] + rows[2], {3, 2});
  for (std::uint32_t row = 0; row < 3; ++row) {
    EXPECT_EQ(Flat(batch.Reply(row, 1)),
              Message("r1", {{"t", DType::kBytes, {1, 2}, rows[row]}}));
  }
  EXPECT_EQ(Flat(batch.Reply(1, 2)),
            Message("r1", {{"t", DType::kBytes, {2, 2}, rows[1] + rows[2]}}));
}

TEST(Reply, HasTheRequestedOutputsInTheirOrder) {
  Batch batch(Echo({Spec("a", DType::kUint8, {}), Spec("b", DType::kUint8, {}),
                    Spec("c", DType::kUint8, {})}),
              2);
  batch.AddOutput("12", {2});
  batch.AddOutput("34", {2});
  batch.AddOutput("56", {2});
  batch.request.outputs = {2, 0};
  EXPECT_EQ(Flat(batch.Reply(1, 1)), Message("r1", {{"c", DType::kUint8, {1}, "6"},
                                                    {"a", DType::kUint8, {1}, "2"}}));
}

TEST(Reply, WithoutBatchingItHasTheWholeOutputs) {
  Batch batch(Echo({Spec("a", DType::kUint8, {-1}), Spec("t", DType::kBytes, {})}, 0),
              1);
  batch.AddOutput("abc", {3});
  batch.AddOutput(Element("text"), {});
  EXPECT_EQ(Flat(batch.Reply(0, 1)),
            Message("r1", {{"a", DType::kUint8, {3}, "abc"},
                           {"t", DType::kBytes, {}, Element("text")}}));
}

TEST(Reply, OutputsWithoutElementsHaveAnEntryToo) {
  Batch batch(Echo({Spec("a", DType::kUint8, {-1})}), 2);
  batch.AddOutput("", {2, 0});
  EXPECT_EQ(Flat(batch.Reply(0, 2)), Message("r1", {{"a", DType::kUint8, {2, 0}, ""}}));
}

TEST(Reply, SmallOnesAreCopied) {
  Batch batch(Echo({Spec("a", DType::kUint8, {-1})}), 1);
  batch.AddOutput(std::string(64 << 10, 'a'), {1, 64 << 10});
  const http2::ReplyBody reply = batch.Reply(0, 1);
  EXPECT_TRUE(reply.cuts.empty());
  EXPECT_EQ(reply.memory, nullptr);
}

TEST(Reply, LargeOnesLeaveFromTheWorkersMemory) {
  Batch batch(Echo({Spec("a", DType::kUint8, {-1}), Spec("s", DType::kUint8, {}),
                    Spec("b", DType::kUint8, {-1})}),
              2);
  const std::string a = std::string(70'000, 'a') + std::string(70'000, 'A');
  const std::string b = std::string(5'000, 'b') + std::string(5'000, 'B');
  batch.AddOutput(a, {2, 70'000});
  batch.AddOutput("12", {2});
  batch.AddOutput(b, {2, 5'000});
  const http2::ReplyBody reply = batch.Reply(1, 1);
  ASSERT_EQ(reply.cuts.size(), 2u) << "the small one is copied";
  EXPECT_EQ(reply.memory, batch.outputs);
  EXPECT_EQ(reply.cuts[0].span.data, batch.memory() + 70'000);
  EXPECT_EQ(Flat(reply),
            Message("r1", {{"a", DType::kUint8, {1, 70'000}, a.substr(70'000)},
                           {"s", DType::kUint8, {1}, "2"},
                           {"b", DType::kUint8, {1, 5'000}, b.substr(5'000)}}));
}

TEST(Reply, MoreThanGrpcCanCarryIsRefused) {
  Batch batch(Echo({Spec("a", DType::kUint8, {-1})}, 0), 1);
  batch.AddOutput("", {3LL << 30});
  batch.completion.outputs[0].size = 3ULL << 30;
  batch.answer.rows = 1;
  http2::ReplyBody reply;
  const Status status = MakeReply(batch.request, batch.answer, {}, &reply);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("at most 2147483647"), std::string::npos);
}

// They were well formed when they were checked; the worker writes on.
TEST(Reply, TextsThatChangeAfterTheirCheckAreNotReadBeyondTheirEnd) {
  const std::string text = Element("aaaa") + Element("bb") + Element("cccc");
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const std::uint8_t byte : {0x00, 0x01, 0x7F, 0xFF}) {
      Batch batch(Echo({Spec("t", DType::kBytes, {1})}), 3);
      batch.AddOutput(text, {3, 1});
      batch.memory()[at] = byte;
      for (std::uint32_t row = 0; row < 3; ++row) {
        EXPECT_LT(Flat(batch.Reply(row, 1)).size(), 100u);
      }
    }
  }
}

}  // namespace
}  // namespace leeboard::front
