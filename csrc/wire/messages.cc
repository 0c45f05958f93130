#include "wire/messages.h"

#include "wire/proto_reader.h"
#include "wire/proto_writer.h"
#include "wire/text.h"

namespace leeboard::wire {
namespace {

std::size_t DurationSize(const Duration& duration) {
  return VarintFieldSize(duration.count) + VarintFieldSize(duration.ns);
}

// StatisticDuration {count = 1, ns = 2}.
void AppendDuration(std::uint32_t field, const Duration& duration, std::string* out) {
  AppendLength(field, DurationSize(duration), out);
  AppendVarintField(1, duration.count, out);
  AppendVarintField(2, duration.ns, out);
}

// InferStatistics {success = 1, fail = 2, queue = 3, compute_input = 4, compute_infer =
// 5, compute_output = 6}.
void AppendInferStatistics(const ModelStatistics& statistics, std::string* out) {
  AppendDuration(1, statistics.success, out);
  AppendDuration(2, statistics.fail, out);
  AppendDuration(3, statistics.queue, out);
  AppendDuration(4, statistics.compute_input, out);
  AppendDuration(5, statistics.compute_infer, out);
  AppendDuration(6, statistics.compute_output, out);
}

// InferBatchStatistics {batch_size = 1, compute_input = 2, compute_infer = 3,
// compute_output = 4}.
void AppendBatchStatistics(const BatchStatistics& batch, std::string* out) {
  AppendVarintField(1, batch.batch_size, out);
  AppendDuration(2, batch.compute_input, out);
  AppendDuration(3, batch.compute_infer, out);
  AppendDuration(4, batch.compute_output, out);
}

// Appends a submessage that was built on the side. These messages are small and rare,
// so building them twice would save nothing.
void AppendMessage(std::uint32_t field, std::string_view message, std::string* out) {
  AppendLength(field, message.size(), out);
  out->append(message);
}

}  // namespace

Status ParseNameVersion(Bytes message, NameVersion* out) {
  *out = {};
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.tag() != TextTag(1) && reader.tag() != TextTag(2)) {
      continue;
    }
    if (!IsUtf8(reader.text())) {
      return NotUtf8(reader.tag() == TextTag(1) ? "the name" : "the version");
    }
    (reader.tag() == TextTag(1) ? out->name : out->version) = reader.text();
  }
  return reader.ok() ? Status() : Malformed("request", reader.error());
}

Status ParseIndexRequest(Bytes message, IndexRequest* out) {
  *out = {};
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.tag() == TextTag(1)) {
      if (!IsUtf8(reader.text())) {
        return NotUtf8("RepositoryIndexRequest.repository_name");
      }
      out->repository_name = reader.text();
    } else if (reader.tag() == VarintTag(2)) {
      out->ready_only = reader.varint() != 0;
    }
  }
  return reader.ok() ? Status() : Malformed("RepositoryIndexRequest", reader.error());
}

void AppendBool(bool value, std::string* out) {
  AppendVarintField(1, value ? 1 : 0, out);
}

void AppendHealth(Serving status, std::string* out) {
  AppendVarintField(1, static_cast<std::uint64_t>(status), out);
}

void AppendIndexEntry(const IndexEntry& entry, std::string* out) {
  AppendLength(1,
               TextFieldSize(entry.name) + TextFieldSize(entry.version) +
                   TextFieldSize(entry.state) + TextFieldSize(entry.reason),
               out);
  AppendText(1, entry.name, out);
  AppendText(2, entry.version, out);
  AppendText(3, entry.state, out);
  AppendText(4, entry.reason, out);
}

void AppendModelStatistics(const ModelStatistics& statistics, std::string* out) {
  std::string entry;
  AppendText(1, statistics.name, &entry);
  AppendText(2, statistics.version, &entry);
  AppendVarintField(3, statistics.last_inference_ms, &entry);
  AppendVarintField(4, statistics.inference_count, &entry);
  AppendVarintField(5, statistics.execution_count, &entry);
  std::string part;
  AppendInferStatistics(statistics, &part);
  AppendMessage(6, part, &entry);
  for (const BatchStatistics& batch : statistics.batches) {
    part.clear();
    AppendBatchStatistics(batch, &part);
    AppendMessage(7, part, &entry);
  }
  AppendMessage(1, entry, out);
}

}  // namespace leeboard::wire
