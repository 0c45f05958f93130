// The data plane: one I/O thread that owns every connection, queue and worker link.
//
// The control plane talks to it by posting commands and reads counters; it is never
// waited for and never called. What it should know (a worker that had to be ended, the
// end of a drain) comes back as notices.
//
// Thread safety: every public method on any thread, except that Start and Stop are
// called by the owner. Private members belong to the I/O thread.

#ifndef LEEBOARD_FRONT_SERVER_H_
#define LEEBOARD_FRONT_SERVER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/poller.h"
#include "batch/version_queue.h"
#include "front/event_source.h"
#include "front/hand_over.h"
#include "front/inference.h"
#include "front/mailbox.h"
#include "front/served.h"
#include "front/server_types.h"
#include "http2/connection.h"
#include "route/table.h"
#include "wire/messages.h"

namespace leeboard::front {

class Server final : public http2::CallHandler, public batch::AnswerSink {
 public:
  // The number of the one method that control_rpcs.cc does not answer.
  static constexpr int kModelInfer = 0;

  explicit Server(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds and starts the thread; UNAVAILABLE with the address when it is in use.
  Status Start();
  // Ends the thread: open calls are cut off, waiting requests are dropped. Idempotent.
  void Stop();
  [[nodiscard]] std::uint16_t port() const { return port_; }

  void SetTable(std::shared_ptr<const route::Table> table);
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
  [[nodiscard]] const ServerCounters& counters() const { return counters_; }
  [[nodiscard]] const http2::Counters& wire_counters() const {
    return shared_.counters;
  }

  // http2::CallHandler
  void OnStart(http2::Call* call) override;
  void OnMessage(http2::Call* call, std::uint32_t size) override;
  void OnBytes(http2::Call* call, std::span<const std::uint8_t> bytes) override;
  void OnEnd(http2::Call* call) override;
  void OnGone(http2::Call* call) override;
  // batch::AnswerSink
  void OnAnswer(batch::Request* request, const batch::Answer& answer) override;
  void OnFailure(batch::Request* request, const Status& status) override;
  void OnOutputPressure() override;
  void OnWorkerBroken(batch::WorkerLink* link, const char* why) override;
  void OnGuilty(std::uint64_t worker, const std::string& text) override;

 private:
  struct ConnectionEntry {
    Source source;
    std::unique_ptr<http2::Connection> connection;
    bool doomed = false;
  };
  struct WorkerEntry {
    Source bell;
    Source process;
    std::shared_ptr<Served> served;
    batch::WorkerLink* link = nullptr;
    std::uint64_t id = 0;
    bool lost = false;  // Dead; taken out once the events at hand have been looked at.
  };
  // A call's state; pooled.
  struct CallState {
    Inference inference;
    batch::Request* request = nullptr;
    std::uint64_t handed = 0;  // Its number, once it was handed over.
    std::string message;       // Of a method other than ModelInfer.
    std::uint32_t size = 0;
    int method = 0;
  };

  // loop.cc
  void Run();
  Nanos WaitTime(Nanos now);
  void Dispatch(const epoll_event& event);
  void AcceptAll();
  void ReadFrom(ConnectionEntry* entry);
  void ReadMore();
  void ExpireDeadlines();
  void PumpQueues();
  void FlushDirty();
  void FlushOne(ConnectionEntry* entry);
  void SweepConnections();
  void CloseDoomed();
  void CheckDrained();
  void CheckRetired();
  void LoseWorker(WorkerEntry* worker);
  void LoseWorkers();
  void SleepWorkers(bool sleeping);
  [[nodiscard]] bool AnyCompletion() const;
  void Shutdown();

  // calls.cc
  void Complete(http2::Call* call, CallState* state);
  void SubmitInference(http2::Call* call, CallState* state);
  void Refuse(http2::Call* call, CallState* state, const Status& status);
  void Release(http2::Call* call);
  void Expire(batch::Request* request);
  void OutOfPatience(batch::Request* request);
  void HandOverCall(http2::Call* call, CallState* state);
  void EndHanded(std::uint64_t id, const Status& status, std::string reply);
  void ExpireHanded();
  void FailHanded();
  [[nodiscard]] Place place() const { return {table_.get(), draining_}; }

  // control_rpcs.cc
  Status AnswerControl(int method, wire::Bytes message, std::string* reply) const;
  Status Statistics(const wire::NameVersion& wanted, std::string* reply) const;
  void Index(const wire::IndexRequest& wanted, std::string* reply) const;
  Status Describe(const wire::NameVersion& wanted, std::string route::Version::* text,
                  std::string* reply) const;
  [[nodiscard]] bool Ready() const;
  static int MethodOf(std::string_view path);
  static std::string_view HandedName(int method);  // Empty: it is not handed over.

  ServerOptions options_;
  std::uint16_t port_ = 0;
  ServerCounters counters_;
  Mailbox<std::function<void()>> commands_;
  Mailbox<Notice> notices_;
  HandOver handed_;
  std::atomic<std::uint64_t> next_worker_{1};
  std::atomic<std::uint64_t> next_served_{1};
  std::thread thread_;

  Poller poller_;
  UniqueFd listener_;
  Source listener_source_{Source::Kind::kListener, nullptr};
  Source mailbox_source_{Source::Kind::kMailbox, nullptr};
  Nanos now_ = 0;
  bool stopping_ = false;
  bool draining_ = false;
  bool drained_ = false;
  bool said_goaway_ = false;
  Nanos final_goaway_at_ = kNever;
  Nanos accept_again_at_ = kNever;
  Nanos sweep_at_ = 0;
  std::shared_ptr<const route::Table> table_;
  http2::Shared shared_;
  Scratch scratch_;
  std::unordered_map<http2::Connection*, std::unique_ptr<ConnectionEntry>> connections_;
  std::vector<ConnectionEntry*> unread_;
  std::vector<ConnectionEntry*> doomed_;
  std::vector<std::shared_ptr<Served>> served_;
  std::vector<Nanos> look_again_;  // By served.
  std::size_t retiring_ = 0;       // Of served_.
  std::vector<std::unique_ptr<WorkerEntry>> workers_;
  std::vector<std::unique_ptr<CallState>> free_states_;
  IndexedHeap<batch::Request> deadlines_;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_SERVER_H_
