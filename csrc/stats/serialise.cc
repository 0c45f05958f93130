// Profiles as bytes: a header, the options, what is closed, a checksum.
//
// Little-endian, as every machine that this builds on. Counts of sketches and registers
// are written sparsely. A reader asks how many bytes are left before it makes room for
// what a header claims, and holds every number to what it must be.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include "stats/profile_state.h"

namespace leeboard::stats {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint32_t kMagic = 0x4650424c;  // "LBPF"
constexpr std::uint16_t kVersion = 1;
constexpr std::uint8_t kHasRange = 1;
constexpr std::uint8_t kHasHistogram = 2;
constexpr std::uint8_t kHasQuantiles = 4;
constexpr std::uint8_t kHasCategories = 8;
constexpr std::uint8_t kHasKnown = 16;
constexpr std::uint8_t kAllFlags = 31;
// What a feature takes at least: counts and moments.
constexpr std::size_t kLeastPerFeature = 64;

// FNV-1a over words of eight bytes: finds damage, not intent.
std::uint64_t Checksum(const std::uint8_t* bytes, std::size_t size) {
  std::uint64_t sum = 0xcbf29ce484222325ULL ^ size;
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + at, std::min<std::size_t>(8, size - at));
    sum = (sum ^ word) * 0x100000001b3ULL;
    sum ^= sum >> 29;
  }
  return sum;
}

class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}

  template <typename T>
  void Put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out_->append(bytes, sizeof(T));
  }
  template <typename T>
  void PutAll(const std::vector<T>& values) {
    if (!values.empty()) {
      out_->append(reinterpret_cast<const char*>(values.data()),
                   values.size() * sizeof(T));
    }
  }

 private:
  std::string* out_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  // Zero after the end, which ok() then tells.
  template <typename T>
  T Get() {
    T value{};
    if (bytes_.size() < sizeof(T)) {
      ok_ = false;
      bytes_ = {};
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  template <typename T>
  void GetAll(std::size_t count, std::vector<T>* out) {
    if (bytes_.size() / sizeof(T) < count) {
      ok_ = false;
      bytes_ = {};
      count = 0;
    }
    out->resize(count);
    if (count > 0) {
      std::memcpy(out->data(), bytes_.data(), count * sizeof(T));
      bytes_ = bytes_.subspan(count * sizeof(T));
    }
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
  bool ok_ = true;
};

Status Damaged(const char* what) {
  return Status::InvalidArgument(std::string("profile bytes: ") + what);
}

void WriteOptions(const ProfileOptions& options, Writer* writer) {
  std::uint8_t flags = 0;
  flags |= options.low.empty() ? 0 : kHasRange;
  flags |= options.histogram_low.empty() ? 0 : kHasHistogram;
  flags |= options.quantiles ? kHasQuantiles : 0;
  flags |= options.categories ? kHasCategories : 0;
  flags |= options.known.empty() ? 0 : kHasKnown;
  writer->Put(static_cast<std::uint8_t>(options.kind));
  writer->Put(flags);
  writer->Put(options.features);
  writer->Put(options.edge_count);
  writer->PutAll(options.edges);
  writer->PutAll(options.low);
  writer->PutAll(options.high);
  writer->PutAll(options.histogram_low);
  writer->PutAll(options.histogram_high);
  for (const auto& known : options.known) {
    writer->Put(static_cast<std::uint32_t>(known.size()));
    writer->PutAll(known);
  }
}

Status ReadOptions(Reader* reader, ProfileOptions* options) {
  const auto kind = reader->Get<std::uint8_t>();
  const auto flags = reader->Get<std::uint8_t>();
  options->kind = static_cast<Kind>(kind);
  options->features = reader->Get<std::uint32_t>();
  options->edge_count = reader->Get<std::uint32_t>();
  if (!reader->ok() || kind >= kKinds || (flags & ~kAllFlags) != 0 ||
      options->edge_count > kMaxEdges ||
      options->features > reader->left() / kLeastPerFeature) {
    return Damaged("the options cannot be");
  }
  const std::size_t features = options->features;
  reader->GetAll(features * options->edge_count, &options->edges);
  if ((flags & kHasRange) != 0) {
    reader->GetAll(features, &options->low);
    reader->GetAll(features, &options->high);
  }
  if ((flags & kHasHistogram) != 0) {
    reader->GetAll(features, &options->histogram_low);
    reader->GetAll(features, &options->histogram_high);
  }
  options->quantiles = (flags & kHasQuantiles) != 0;
  options->categories = (flags & kHasCategories) != 0;
  if ((flags & kHasKnown) != 0) {
    options->known.resize(features);
    for (auto& known : options->known) {
      reader->GetAll(reader->Get<std::uint32_t>(), &known);
    }
  }
  return reader->ok() ? CheckOptions(*options) : Damaged("they end too early");
}

void WriteSketch(const ProfileState& state, Writer* writer) {
  for (std::uint32_t f = 0; f < state.options.features; ++f) {
    const std::uint64_t first = std::uint64_t{f} * kSketchStride;
    std::uint32_t used = 0;
    for (std::uint32_t i = 0; i < kSketchStride; ++i) {
      used += state.SketchCount(first + i) != 0 ? 1 : 0;
    }
    writer->Put(used);
    for (std::uint32_t i = 0; i < kSketchStride; ++i) {
      if (state.SketchCount(first + i) != 0) {
        writer->Put(i);
        writer->Put(state.SketchCount(first + i));
      }
    }
  }
}

Status ReadSketch(Reader* reader, ProfileState* state) {
  const bool wide = state->closed.rows >= kSettleRows;
  if (wide) {
    state->SettleSketch();
  } else {
    state->sketch_rows = state->closed.rows;
  }
  for (std::uint32_t f = 0; f < state->options.features; ++f) {
    const std::uint64_t first = std::uint64_t{f} * kSketchStride;
    const auto used = reader->Get<std::uint32_t>();
    std::uint64_t left = state->closed.rows;
    std::int64_t before = -1;
    for (std::uint32_t i = 0; i < used; ++i) {
      const auto place = reader->Get<std::uint32_t>();
      const auto count = reader->Get<std::uint64_t>();
      if (!reader->ok() || place >= kSketchStride || place <= before || count > left) {
        return Damaged("a sketch cannot be");
      }
      before = place;
      left -= count;
      if (wide) {
        state->closed.sketch[first + place] = count;
      } else {
        state->sketch[first + place] = static_cast<std::uint32_t>(count);
      }
    }
    if (left != 0) {
      return Damaged("a sketch has not as many values as there are rows");
    }
  }
  return {};
}

void WriteCategories(const CategoryCounter& counter, Writer* writer) {
  const std::vector<Category> entries = counter.Entries();
  writer->Put(counter.error());
  writer->Put(static_cast<std::uint32_t>(entries.size()));
  for (const Category& entry : entries) {
    writer->Put(entry.value);
    writer->Put(entry.count);
    writer->Put(static_cast<std::uint8_t>(entry.is_known ? 1 : 0));
  }
  const auto registers = counter.registers();
  writer->PutAll(std::vector<std::uint8_t>(registers.begin(), registers.end()));
}

Status ReadCategories(Reader* reader, std::uint64_t rows, CategoryCounter* counter) {
  std::vector<Category> entries;
  const auto error = reader->Get<std::uint64_t>();
  const auto size = reader->Get<std::uint32_t>();
  std::uint64_t left = rows;
  for (std::uint32_t i = 0; i < size; ++i) {
    Category entry;
    entry.value = reader->Get<std::uint64_t>();
    entry.count = reader->Get<std::uint64_t>();
    entry.is_known = reader->Get<std::uint8_t>() != 0;
    if (!reader->ok() || entry.count > left || i >= 2 * kCategories) {
      return Damaged("categories cannot be");
    }
    left -= entry.count;
    entries.push_back(entry);
  }
  std::vector<std::uint8_t> registers;
  reader->GetAll(CategoryCounter::kRegisters, &registers);
  if (!reader->ok() || error > rows || !counter->Restore(entries, error, registers)) {
    return Damaged("categories cannot be");
  }
  return {};
}

void WriteClosed(const Closed& closed, Writer* writer) {
  writer->Put(closed.rows);
  for (const auto* counts :
       {&closed.count, &closed.nan, &closed.positive, &closed.negative}) {
    writer->PutAll(*counts);
  }
  for (const auto* values : {&closed.mean, &closed.m2, &closed.min, &closed.max}) {
    writer->PutAll(*values);
  }
  for (const auto* counts :
       {&closed.cumulative, &closed.at_least_low, &closed.above, &closed.histogram}) {
    writer->PutAll(*counts);
  }
}

// Whether what was read of one feature can have been counted.
bool IsPossible(const ProfileState& state, std::size_t f) {
  const Closed& closed = state.closed;
  const std::uint64_t count = closed.count[f];
  std::uint64_t left = closed.rows;
  for (const std::uint64_t part :
       {count, closed.nan[f], closed.positive[f], closed.negative[f]}) {
    if (part > left) {
      return false;
    }
    left -= part;
  }
  if (left != 0 || !(closed.m2[f] >= 0.0) || std::isnan(closed.mean[f])) {
    return false;
  }
  if (count > 0 && !(closed.min[f] <= closed.max[f] && std::isfinite(closed.min[f]) &&
                     std::isfinite(closed.max[f]))) {
    return false;
  }
  const std::uint32_t edges = state.options.edge_count;
  std::uint64_t most = count;
  for (std::size_t e = f * edges; e < (f + 1) * edges; ++e) {
    if (closed.cumulative[e] > most) {
      return false;
    }
    most = closed.cumulative[e];
  }
  if (state.has_range() &&
      (closed.at_least_low[f] > count || closed.above[f] > closed.at_least_low[f])) {
    return false;
  }
  left = count;
  for (std::size_t bin = f * kBins; state.has_histogram() && bin < (f + 1) * kBins;
       ++bin) {
    if (closed.histogram[bin] > left) {
      return false;
    }
    left -= closed.histogram[bin];
  }
  return !state.has_histogram() || left == 0;
}

Status ReadClosed(Reader* reader, ProfileState* state) {
  Closed& closed = state->closed;
  closed.rows = reader->Get<std::uint64_t>();
  for (auto* counts :
       {&closed.count, &closed.nan, &closed.positive, &closed.negative}) {
    reader->GetAll(counts->size(), counts);
  }
  for (auto* values : {&closed.mean, &closed.m2, &closed.min, &closed.max}) {
    reader->GetAll(values->size(), values);
  }
  for (auto* counts :
       {&closed.cumulative, &closed.at_least_low, &closed.above, &closed.histogram}) {
    reader->GetAll(counts->size(), counts);
  }
  if (!reader->ok()) {
    return Damaged("they end too early");
  }
  for (std::size_t f = 0; f < state->options.features; ++f) {
    if (!IsPossible(*state, f)) {
      return Damaged("counts or moments cannot be");
    }
    if (state->has_range()) {
      closed.below[f] = closed.count[f] - closed.at_least_low[f];
    }
  }
  return {};
}

}  // namespace

void TensorProfile::Serialise(std::string* out) const {
  state_->Settle();
  const std::size_t start = out->size();
  Writer writer(out);
  writer.Put(kMagic);
  writer.Put(kVersion);
  WriteOptions(state_->options, &writer);
  WriteClosed(state_->closed, &writer);
  if (state_->options.quantiles) {
    WriteSketch(*state_, &writer);
  }
  for (const CategoryCounter& counter : state_->categories) {
    WriteCategories(counter, &writer);
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(out->data()) + start;
  writer.Put(Checksum(bytes, out->size() - start));
}

Status TensorProfile::Parse(std::span<const std::uint8_t> bytes,
                            std::unique_ptr<TensorProfile>* out) {
  std::uint64_t sum = 0;
  if (bytes.size() < sizeof(sum)) {
    return Damaged("they end too early");
  }
  const std::span<const std::uint8_t> body = bytes.first(bytes.size() - sizeof(sum));
  std::memcpy(&sum, bytes.data() + body.size(), sizeof(sum));
  Reader reader(body);
  if (reader.Get<std::uint32_t>() != kMagic) {
    return Damaged("they are not a profile");
  }
  if (const auto version = reader.Get<std::uint16_t>(); version != kVersion) {
    return Damaged("their version is not one that this program reads");
  }
  if (sum != Checksum(body.data(), body.size())) {
    return Damaged("the checksum is wrong");
  }
  ProfileOptions options;
  Status status = ReadOptions(&reader, &options);
  if (!status.ok()) {
    return status;
  }
  auto state = std::make_unique<ProfileState>(std::move(options));
  status = ReadClosed(&reader, state.get());
  if (status.ok() && state->options.quantiles) {
    status = ReadSketch(&reader, state.get());
  }
  for (std::size_t f = 0; status.ok() && f < state->categories.size(); ++f) {
    status = ReadCategories(&reader, state->closed.rows, &state->categories[f]);
  }
  if (status.ok() && reader.left() != 0) {
    status = Damaged("they go on after the end");
  }
  if (status.ok()) {
    state->ShiftToMeans();
    out->reset(new TensorProfile(std::move(state)));
  }
  return status;
}

}  // namespace leeboard::stats
