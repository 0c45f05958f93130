// Hears the ends of requests and keeps them by the requests' ids. As a slow reader it
// holds on to the outputs instead of copying them.

#ifndef LEEBOARD_TESTS_NATIVE_BATCH_RECORDING_SINK_H_
#define LEEBOARD_TESTS_NATIVE_BATCH_RECORDING_SINK_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "batch/version_queue.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {

struct End {
  int times = 0;
  Status status;
  std::vector<std::string> outputs;  // The request's rows of each.
};

class RecordingSink final : public AnswerSink {
 public:
  explicit RecordingSink(std::vector<wire::TensorSpec> outputs)
      : outputs_(std::move(outputs)) {}

  bool OnPart(Request* request, const Answer& answer) override {
    EXPECT_TRUE(answer.is_part);
    const shm::OutputRecord& record = answer.completion->outputs[0];
    const char* text = reinterpret_cast<const char*>(answer.base) + record.offset;
    parts[request->id].emplace_back(text, record.size);
    if (holds) {
      held_parts.emplace_back(text, parts[request->id].back());
      answer.outputs->AddReference();
      held.push_back(answer.outputs);
    }
    if (on_part) {
      return on_part(request);
    }
    return true;
  }
  void OnAnswer(Request* request, const Answer& answer) override {
    End& end = ends[request->id];
    ++end.times;
    waiting.erase(request->id);
    if (request->queue->options().decoupled) {
      EXPECT_EQ(answer.completion->output_count, 0u);
      return;
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      end.outputs.push_back(Slice(i, answer));
    }
    if (holds) {
      answer.outputs->AddReference();
      held.push_back(answer.outputs);
    }
  }
  void OnFailure(Request* request, const Status& status) override {
    End& end = ends[request->id];
    ++end.times;
    end.status = status;
    waiting.erase(request->id);
  }
  void OnOutputPressure() override {
    ++pressures;
    if (yields) {
      LetGo();
    }
  }
  void OnWorkerBroken(WorkerLink* link, const char* why) override {
    broken.push_back(link);
    reasons.emplace_back(why);
  }
  void OnGuilty(std::uint64_t worker, const std::string& text) override {
    guilty_workers.push_back(worker);
    guilty_texts.push_back(text);
  }

  void LetGo() {
    for (const auto& [text, before] : std::exchange(held_parts, {})) {
      EXPECT_EQ(before.compare(0, before.size(), text, before.size()), 0)
          << "a response was overwritten while it was held";
    }
    for (Outputs* outputs : std::exchange(held, {})) {
      outputs->DropReference();
    }
  }
  // The first output of a request that was answered, or what it failed with.
  [[nodiscard]] std::string Said(const std::string& id) const {
    const auto end = ends.find(id);
    if (end == ends.end()) {
      return "(nothing)";
    }
    return end->second.status.ok() ? end->second.outputs.at(0)
                                   : end->second.status.message();
  }
  [[nodiscard]] Code CodeOf(const std::string& id) const {
    const auto end = ends.find(id);
    return end == ends.end() ? Code::kCancelled : end->second.status.code();
  }

  std::map<std::string, End> ends;
  std::map<std::string, std::vector<std::string>> parts;  // First outputs of responses.
  std::function<bool(Request*)> on_part;                  // What OnPart says.
  std::map<std::string, Request*> waiting;
  std::vector<WorkerLink*> broken;
  std::vector<std::string> reasons;
  std::vector<std::uint64_t> guilty_workers;
  std::vector<std::string> guilty_texts;
  std::vector<Outputs*> held;
  std::vector<std::pair<const char*, std::string>> held_parts;  // As they were.
  bool holds = false;
  bool yields = false;  // Lets go under pressure.
  int pressures = 0;

 private:
  [[nodiscard]] std::string Slice(std::size_t index, const Answer& answer) const {
    const shm::OutputRecord& record = answer.completion->outputs[index];
    const std::uint8_t* data = answer.base + record.offset;
    std::uint64_t begin = record.size / answer.batch_rows * answer.row_begin;
    std::uint64_t size = record.size / answer.batch_rows * answer.rows;
    if (outputs_[index].dtype == wire::DType::kBytes) {
      std::uint64_t elements = 1;
      for (std::uint32_t i = 1; i < record.rank; ++i) {
        elements *= static_cast<std::uint64_t>(record.dims[i]);
      }
      const wire::Bytes all(data, record.size);
      begin = wire::RawBytesPrefix(all, elements * answer.row_begin);
      size = wire::RawBytesPrefix(all.subspan(begin), elements * answer.rows);
    }
    return {reinterpret_cast<const char*>(data) + begin, size};
  }

  std::vector<wire::TensorSpec> outputs_;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_TESTS_NATIVE_BATCH_RECORDING_SINK_H_
