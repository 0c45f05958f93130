// A load generator on grpc-core: unary calls with one prepared message.
//
//   grpc_client --address HOST:PORT --message FILE [--method PATH]
//     [--channels C] [--in-flight N] --count K [--skip W] [--rate R] [--limit-s S]
//     [--expect-prefix FILE] [--expect-size BYTES] [--authority PEM]
//
// With --authority the server must speak TLS with a certificate that it has signed.
//
// Without --rate the loop is closed: N calls are kept in flight over C connections
// until K have been sent. With --rate the loop is open: a call is due every 1/R seconds
// whatever the server does, up to N in flight, and its latency counts from the moment
// it was due, so a stall is charged to every call that it delayed. In the open loop the
// thread polls without sleeping: the wake-up of an idle processor is not the server's
// doing.
//
// With --skip the first W answers are warm-up: the clock and the latencies begin after
// them, and calls go on being sent until K more were answered, so neither the first
// batches nor the last are part of the figure. Those still in flight at the end are
// awaited.
//
// Every status is looked at; a reply that does not begin with the expected bytes or has
// another size counts as wrong. Prints one JSON object. Exit status 0 as long as the
// run itself worked, failed calls included; after S seconds all calls left are
// cancelled.
//
// Thread safety: one thread does everything.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string address;
  std::string method = "/inference.GRPCInferenceService/ModelInfer";
  std::string message;    // The request's bytes, read from the file.
  std::string prefix;     // What every reply must begin with; empty is anything.
  std::string authority;  // A PEM text; empty is no TLS.
  std::int64_t expected_size = -1;
  std::size_t channels = 1;
  std::size_t in_flight = 1;
  std::size_t count = 0;  // Calls that are measured.
  std::size_t skip = 0;   // Calls before them that are not.
  double rate = 0.0;      // Calls a second; 0 is a closed loop.
  double limit_s = 60.0;
};

[[noreturn]] void Refuse(const std::string& reason) {
  std::fprintf(stderr, "grpc_client: %s\n", reason.c_str());
  std::exit(2);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    Refuse("cannot read " + path);
  }
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

double ToNumber(const std::string& flag, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || value < 0) {
    Refuse(flag + " needs a number, got " + text);
  }
  return value;
}

void Set(const std::string& flag, const std::string& value, Options* options) {
  if (flag == "--address") {
    options->address = value;
  } else if (flag == "--method") {
    options->method = value;
  } else if (flag == "--message") {
    options->message = ReadFile(value);
  } else if (flag == "--expect-prefix") {
    options->prefix = ReadFile(value);
  } else if (flag == "--authority") {
    options->authority = ReadFile(value);
  } else if (flag == "--expect-size") {
    options->expected_size = static_cast<std::int64_t>(ToNumber(flag, value));
  } else if (flag == "--channels") {
    options->channels = static_cast<std::size_t>(ToNumber(flag, value));
  } else if (flag == "--in-flight") {
    options->in_flight = static_cast<std::size_t>(ToNumber(flag, value));
  } else if (flag == "--count") {
    options->count = static_cast<std::size_t>(ToNumber(flag, value));
  } else if (flag == "--skip") {
    options->skip = static_cast<std::size_t>(ToNumber(flag, value));
  } else if (flag == "--rate") {
    options->rate = ToNumber(flag, value);
  } else if (flag == "--limit-s") {
    options->limit_s = ToNumber(flag, value);
  } else {
    Refuse("unknown option " + flag);
  }
}

Options Read(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) {
      Refuse(std::string(argv[i]) + " needs a value");
    }
    Set(argv[i], argv[i + 1], &options);
  }
  if (options.address.empty() || options.message.empty() || options.count == 0 ||
      options.channels == 0 || options.in_flight == 0) {
    Refuse("--address, --message and --count are needed; no number may be 0");
  }
  return options;
}

// True when the slices of `reply` begin with `prefix`; nothing is copied.
bool BeginsWith(const grpc::ByteBuffer& reply, std::string_view prefix) {
  std::vector<grpc::Slice> slices;
  if (!reply.Dump(&slices).ok()) {
    return false;
  }
  for (const grpc::Slice& slice : slices) {
    const std::size_t n = std::min(slice.size(), prefix.size());
    if (std::memcmp(slice.begin(), prefix.data(), n) != 0) {
      return false;
    }
    prefix.remove_prefix(n);
    if (prefix.empty()) {
      break;
    }
  }
  return prefix.empty();
}

// One call in flight; reused for the next call when it has ended.
struct Call {
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer reply;
  grpc::Status status;
  Clock::time_point due;
};

struct Tally {
  std::size_t ok = 0;
  std::size_t wrong = 0;
  std::map<int, std::size_t> failed;  // By gRPC status code.
  std::vector<float> latencies_us;    // Of the calls that were answered well.
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), request_(Wrap(options.message)), calls_(options.in_flight) {
    tally_.latencies_us.reserve(options.count);
    for (std::size_t i = 0; i < options.channels; ++i) {
      Connect(i);
    }
    for (Call& call : calls_) {
      idle_.push_back(&call);
    }
  }

  void Run() {
    begin_ = Clock::now();
    end_by_ = begin_ + ToDuration(options_.limit_s);
    if (options_.skip == 0) {
      counting_since_ = begin_;
    }
    while (ended_ < total_) {
      SendDue();
      Await();
    }
  }

  void Print() {
    std::vector<float>& all = tally_.latencies_us;
    std::sort(all.begin(), all.end());
    std::printf("{\"sent\": %zu, \"ok\": %zu, \"wrong\": %zu, \"failed\": %zu, ", sent_,
                tally_.ok, tally_.wrong, Lost() - tally_.wrong);
    std::printf("\"statuses\": {");
    const char* comma = "";
    for (const auto& [code, n] : tally_.failed) {
      std::printf("%s\"%d\": %zu", comma, code, n);
      comma = ", ";
    }
    std::printf("}, \"seconds\": %.6f, \"rate\": %.1f", seconds_,
                seconds_ > 0 ? static_cast<double>(options_.count) / seconds_ : 0.0);
    for (const auto& [name, share] : {std::pair{"p50_us", 0.5},
                                      {"p90_us", 0.9},
                                      {"p99_us", 0.99},
                                      {"p999_us", 0.999},
                                      {"max_us", 1.0}}) {
      std::printf(", \"%s\": %.1f", name, Quantile(share));
    }
    std::printf("}\n");
  }

 private:
  static grpc::ByteBuffer Wrap(const std::string& message) {
    const grpc::Slice slice(message);
    return {&slice, 1};
  }

  static Clock::duration ToDuration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(seconds));
  }

  // Gives each channel a connection of its own; grpc-core would share one otherwise.
  void Connect(std::size_t index) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt("leeboard.channel", static_cast<int>(index));
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    const auto credentials = options_.authority.empty()
                                 ? grpc::InsecureChannelCredentials()
                                 : grpc::SslCredentials({options_.authority, "", ""});
    auto channel = grpc::CreateCustomChannel(options_.address, credentials, arguments);
    if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                   std::chrono::seconds(10))) {
      Refuse("no connection to " + options_.address);
    }
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
  }

  std::size_t Lost() const {
    std::size_t lost = tally_.wrong;
    for (const auto& [code, n] : tally_.failed) {
      lost += n;
    }
    return lost;
  }

  // When call number `sent_` is due; a closed loop sends at once.
  Clock::time_point NextDue() const {
    return options_.rate > 0
               ? begin_ + ToDuration(static_cast<double>(sent_) / options_.rate)
               : Clock::now();
  }

  void SendDue() {
    while (sent_ < total_ && !idle_.empty()) {
      const Clock::time_point due = NextDue();
      if (options_.rate > 0 && due > Clock::now()) {
        return;
      }
      Send(due);
    }
  }

  void Send(Clock::time_point due) {
    Call* call = idle_.back();
    idle_.pop_back();
    call->context.emplace();
    call->reply.Clear();
    call->due = due;
    grpc::GenericStub& stub = *stubs_[sent_ % stubs_.size()];
    ++sent_;
    call->reader =
        stub.PrepareUnaryCall(&*call->context, options_.method, request_, &queue_);
    call->reader->StartCall();
    call->reader->Finish(&call->reply, &call->status, call);
  }

  // Takes what has ended; waits for the first in a closed loop, never in an open one.
  void Await() {
    void* tag = nullptr;
    bool ok = false;
    const auto wait = std::chrono::milliseconds(options_.rate > 0 ? 0 : 100);
    auto until = std::chrono::system_clock::now() + wait;
    while (queue_.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::GOT_EVENT) {
      Take(static_cast<Call*>(tag));
      if (options_.rate <= 0) {
        return;
      }
      SendDue();
    }
    if (Clock::now() > end_by_) {
      CancelAll();
    }
  }

  void Take(Call* call) {
    const Clock::time_point now = Clock::now();
    const auto took = now - call->due;
    if (!call->status.ok()) {
      ++tally_.failed[call->status.error_code()];
    } else if (!IsExpected(call->reply)) {
      ++tally_.wrong;
    } else {
      ++tally_.ok;
      if (IsMeasured()) {
        tally_.latencies_us.push_back(
            std::chrono::duration<float, std::micro>(took).count());
      }
    }
    ++ended_;
    if (ended_ == options_.skip) {
      counting_since_ = now;
    } else if (ended_ == options_.skip + options_.count) {
      seconds_ = std::chrono::duration<double>(now - counting_since_).count();
    }
    call->reader.reset();
    idle_.push_back(call);
  }

  // True for the answer that is being taken, before it is counted.
  bool IsMeasured() const {
    return ended_ >= options_.skip && ended_ < options_.skip + options_.count;
  }

  bool IsExpected(const grpc::ByteBuffer& reply) const {
    if (options_.expected_size >= 0 &&
        reply.Length() != static_cast<std::size_t>(options_.expected_size)) {
      return false;
    }
    return options_.prefix.empty() || BeginsWith(reply, options_.prefix);
  }

  // Past the limit: nothing more is sent, and what is in flight ends as CANCELLED.
  void CancelAll() {
    tally_.failed[grpc::StatusCode::DEADLINE_EXCEEDED] += total_ - sent_;
    ended_ += total_ - sent_;
    sent_ = total_;
    for (Call& call : calls_) {
      if (call.reader) {
        call.context->TryCancel();
      }
    }
  }

  double Quantile(double share) const {
    const std::vector<float>& all = tally_.latencies_us;
    if (all.empty()) {
      return 0.0;
    }
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(all.size()));
    return all[std::min(rank, all.size() - 1)];
  }

  const Options& options_;
  const grpc::ByteBuffer request_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Call> calls_;
  std::vector<Call*> idle_;
  Tally tally_;
  // All calls: warm-up, measured, and what keeps the server busy until the last of
  // those.
  const std::size_t total_ =
      options_.skip + options_.count + (options_.skip > 0 ? options_.in_flight : 0);
  std::size_t sent_ = 0;
  std::size_t ended_ = 0;
  Clock::time_point begin_;
  Clock::time_point end_by_;
  Clock::time_point counting_since_;
  double seconds_ = 0.0;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = Read(argc, argv);
  Load load(options);
  load.Run();
  load.Print();
  return 0;
}
