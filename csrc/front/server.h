// The data plane: one I/O thread that owns every connection, queue and worker link.
//
// The control plane talks to it by posting commands and reads counters; it is never
// waited for and never called. What it should know (a worker that had to be ended, the
// end of a drain) comes back as notices.
//
// Thread safety: every public method on any thread, except that Start and Stop are
// called by the owner.

#ifndef LEEBOARD_FRONT_SERVER_H_
#define LEEBOARD_FRONT_SERVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "front/io_thread.h"

namespace leeboard::front {

class Server final : private IoThread {
 public:
  explicit Server(ServerOptions options) : IoThread(std::move(options)) {}
  ~Server() { Stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds and starts the thread; UNAVAILABLE with the address when it is in use.
  Status Start();
  // Ends the thread: open calls are cut off, waiting requests are dropped. Idempotent.
  void Stop();
  [[nodiscard]] std::uint16_t port() const { return ports_.empty() ? 0 : ports_[0]; }
  // Of all TCP listeners: the first one's, then those of ServerOptions::also.
  [[nodiscard]] const std::vector<std::uint16_t>& ports() const { return ports_; }
  // Connections that come from now on use it, on listeners with TLS.
  void SetTls(std::shared_ptr<const http2::TlsContext> tls);

  void SetTable(std::shared_ptr<const route::Table> table);
  // What server reflection tells; nothing until then.
  void SetReflection(std::shared_ptr<const Reflection> reflection);
  // Who may do what from here on; null: everybody everything. Identities go on with the
  // counters and quotas that their names had before.
  void SetAccess(std::shared_ptr<AccessTable> table);
  // Which requests are recorded from now on; none at first. Any thread that also takes.
  void SetTracing(const TraceOptions& options);

  // Must come before a table or a worker that names it. Chooses its id.
  void AddServed(std::shared_ptr<Served> served);
  // To be called after a table without it was set. What it has taken is still answered;
  // a notice tells when nothing of it is left and its workers may be removed.
  void Retire(std::shared_ptr<Served> served);
  // `pid` is 0 in inline mode. Returns the worker's number, used in notices.
  std::uint64_t AddWorker(std::shared_ptr<Served> served,
                          std::unique_ptr<batch::WorkerLink> link);
  // An inline worker has ended.
  void RemoveWorker(std::uint64_t worker);
  // Kills a worker; what it ran is treated as `death` says.
  void EndWorker(std::uint64_t worker, batch::Death death);
  // Waiting requests are answered UNAVAILABLE with this reason.
  void FailWaiting(std::shared_ptr<Served> served, std::string reason);
  // Stops listening, says GOAWAY, answers new requests UNAVAILABLE; a notice tells the
  // end.
  void BeginDrain();

  [[nodiscard]] int notices_fd() const { return notices_.fd(); }
  std::vector<Notice> TakeNotices();
  // Calls of methods that the control plane answers (control_rpcs.cc), oldest first.
  std::vector<HandedCall> TakeCalls() { return handed_.Take(); }
  // Answers a call that was taken; one that has ended meanwhile hears nothing.
  void Answer(std::uint64_t call, Status status, std::string reply);
  // Requests that are over: sampled and slow ones, oldest first. Nobody is told of
  // them; look now and then.
  std::vector<TraceRecord> TakeTraces() { return tracer_.Take(); }

  // Has `fresh` watch a version from here on; null: nothing. What did before is among
  // those to be taken soon. Nobody is told of it; look now and then.
  void ExchangeWatch(std::shared_ptr<Served> served,
                     std::shared_ptr<batch::Watch> fresh);
  std::vector<Watched> TakeWatched() { return watched_.TakeAll(); }

  [[nodiscard]] const ServerCounters& counters() const { return counters_; }
  [[nodiscard]] const http2::Counters& wire_counters() const {
    return shared_.counters;
  }
  [[nodiscard]] const TraceCounters& trace_counters() const {
    return tracer_.counters();
  }
  [[nodiscard]] const IdentityUses& identity_uses() const { return uses_; }
  [[nodiscard]] std::uint64_t unauthenticated() const {
    return access_.unauthenticated();
  }

 private:
  Status OpenListeners();

  std::vector<std::uint16_t> ports_;
  IdentityUses uses_;
  Mailbox<Watched> watched_;
  std::atomic<std::uint64_t> next_worker_{1};
  std::atomic<std::uint64_t> next_served_{1};
  std::thread thread_;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_SERVER_H_
