// The I/O thread of a server: the loop, and what it does with calls.
//
// Server (server.h) is its only user: it starts the loop and reaches into it by
// commands, which run on the thread itself.
//
// Thread safety: everything belongs to the thread that runs Run(), except what says
// otherwise of itself: mailboxes, the hand-over, counters.

#ifndef LEEBOARD_FRONT_IO_THREAD_H_
#define LEEBOARD_FRONT_IO_THREAD_H_

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/indexed_heap.h"
#include "base/poller.h"
#include "batch/answer_sink.h"
#include "front/access.h"
#include "front/control_rpcs.h"
#include "front/entries.h"
#include "front/event_source.h"
#include "front/hand_over.h"
#include "front/inference.h"
#include "front/listener.h"
#include "front/mailbox.h"
#include "front/reflection.h"
#include "front/served.h"
#include "front/server_types.h"
#include "front/successions.h"
#include "front/tracer.h"
#include "http2/connection.h"
#include "route/table.h"

namespace leeboard::front {

class IoThread : private http2::CallHandler,
                 private batch::AnswerSink,
                 private StreamHost {
 public:
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

 protected:
  explicit IoThread(ServerOptions options);
  ~IoThread() = default;

  // loop.cc
  void Run();  // Until stopping_.
  void PauseAccepting();
  void ListenAgain();
  [[nodiscard]] batch::AnswerSink* sink() { return this; }
  void PutInForce(std::shared_ptr<const route::Table> table);
  // handed_calls.cc
  void EndHanded(std::uint64_t id, const Status& status, std::string reply);
  void FailHanded();
  // streams.cc
  void TellWatchers();
  void DrainStreams();

  ServerOptions options_;
  ServerCounters counters_;
  Mailbox<std::function<void()>> commands_;
  Mailbox<Notice> notices_;
  HandOver handed_;
  Access access_;
  Tracer tracer_;
  Poller poller_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::shared_ptr<const http2::TlsContext> tls_;
  Source mailbox_source_{Source::Kind::kMailbox, nullptr};
  Nanos now_ = 0;
  bool stopping_ = false;
  bool draining_ = false;
  Nanos final_goaway_at_ = kNever;
  std::shared_ptr<const route::Table> table_;
  std::shared_ptr<const Reflection> reflection_;
  http2::Shared shared_;
  std::unordered_map<http2::Connection*, std::unique_ptr<ConnectionEntry>> connections_;
  std::vector<std::shared_ptr<Served>> served_;
  std::vector<Nanos> look_again_;  // By served.
  std::size_t retiring_ = 0;       // Of served_.
  std::vector<std::unique_ptr<WorkerEntry>> workers_;

 private:
  // http2::CallHandler
  void OnStart(http2::Call* call) override;
  void OnMessage(http2::Call* call, std::uint32_t size) override;
  void OnBytes(http2::Call* call, std::span<const std::uint8_t> bytes) override;
  void OnEnd(http2::Call* call) override;
  void OnGone(http2::Call* call) override;
  void OnSent(http2::Call* call) override;
  // batch::AnswerSink
  bool OnPart(batch::Request* request, const batch::Answer& answer) override;
  void OnAnswer(batch::Request* request, const batch::Answer& answer) override;
  void OnFailure(batch::Request* request, const Status& status) override;
  void OnOutputPressure() override;
  void OnWorkerBroken(batch::WorkerLink* link, const char* why) override;
  void OnGuilty(std::uint64_t worker, const std::string& text) override;
  // StreamHost (streams.cc)
  void OnArriving(StreamMessage* message, http2::Call* call) override;
  Status Feed(StreamMessage* message, http2::Call* call, wire::Bytes bytes,
              Inference::Step* step) override;
  Status Submit(StreamMessage* message, http2::Call* call) override;
  void Forget(batch::Request* request) override;
  void Expel(batch::Request* request, const Status& status) override;
  void WantTend(InferStream* stream) override;

  // loop.cc
  Nanos WaitTime(Nanos now);
  void Dispatch(const epoll_event& event);
  void AcceptAll(Listener* listener);
  bool Adopt(UniqueFd socket, http2::Peer peer, bool tls);
  void ReadFrom(ConnectionEntry* entry);
  void ReadMore();
  void ReadAgain(ConnectionEntry* entry);
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
  Status Enqueue(Inference* inference, http2::Call* call, batch::Request** holder,
                 StreamMessage* message);
  void Refuse(http2::Call* call, CallState* state, const Status& status);
  void Release(http2::Call* call);
  void Deny(http2::Call* call, CallState* state, const Status& status);
  void NoteRefusal(const http2::Call& call, const CallState& state,
                   const Status& status);
  void Expire(batch::Request* request);
  void OutOfPatience(batch::Request* request);
  void EndRequest(batch::Request* request, const Status& status);
  void CountRefusal(http2::Call* call, const Trace& trace, const Inference& inference,
                    const Status& status);
  [[nodiscard]] Place place(const CallState& state) const {
    return {table_.get(), draining_, state.stream != nullptr,
            state.access.identity.get()};
  }
  [[nodiscard]] SmallMethods small_methods() const { return {*table_, draining_}; }

  // handed_calls.cc
  void HandOverCall(http2::Call* call, CallState* state);
  void ExpireHanded();

  // streams.cc
  void BeginStream(http2::Call* call, CallState* state);
  void OnStreamed(http2::Call* call, CallState* state);
  void EndStream(http2::Call* call, const Status& status);
  void Watch(http2::Call* call, CallState* state);
  void TendStreams();
  void SweepStreams();

  // trace_calls.cc: a request's end, while its call, and what it was, are still there.
  void BeginTrace(http2::Call* call, Trace* trace);
  void EndTrace(const batch::Request& request, const batch::Answer* answer, Code code);
  void EndRefused(http2::Call* call, const Trace& trace, const Inference& inference,
                  Code code);

  RefusalLog refusals_;
  Successions successions_;
  bool drained_ = false;
  bool said_goaway_ = false;
  Nanos accept_again_at_ = kNever;
  Nanos sweep_at_ = 0;
  Scratch scratch_;
  std::vector<ConnectionEntry*> unread_;
  std::vector<ConnectionEntry*> doomed_;
  std::vector<std::unique_ptr<CallState>> free_states_;
  IndexedHeap<batch::Request> deadlines_;
  std::unordered_set<http2::Call*> streams_;
  std::vector<InferStream*> tended_;                     // By the next TendStreams.
  std::vector<std::unique_ptr<InferStream>> abandoned_;  // Freed at its end.
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_IO_THREAD_H_
