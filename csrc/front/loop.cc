// The I/O loop: read everything, then pump every queue once, then flush every
// connection once. That order is what makes batches and sends large without waiting for
// anything.

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "front/io_thread.h"

namespace leeboard::front {
namespace {

// With work at a worker the loop looks around at least this often, so that a bell lost
// to a worker that scribbled over its page costs time and nothing else.
constexpr Nanos kLookAround = 100'000'000;
// A step of a TLS handshake may cost half a millisecond, and everybody waits for it.
constexpr std::uint32_t kHandshakesAPass = 4;
constexpr Nanos kAcceptPause = 100'000'000;  // After descriptors ran out.

}  // namespace

IoThread::IoThread(ServerOptions options) : options_(std::move(options)) {
  shared_.limits = options_.limits;
  shared_.handler = this;
  table_ = std::make_shared<const route::Table>();
}

void IoThread::SleepWorkers(bool sleeping) {
  for (const auto& worker : workers_) {
    worker->link->port().SetSleeping(sleeping);
  }
}

bool IoThread::AnyCompletion() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
    return !worker->link->broken && worker->link->port().HasCompletions();
  });
}

Nanos IoThread::WaitTime(Nanos now) {
  if (!unread_.empty() || !shared_.dirty.empty() || !tended_.empty() ||
      AnyCompletion()) {
    return 0;
  }
  Nanos until = std::min({deadlines_.next_time(), final_goaway_at_, accept_again_at_,
                          successions_.next_time()});
  if (!connections_.empty()) {
    until = std::min(until, sweep_at_);
  }
  if (!handed_.empty()) {
    until = std::min(until, handed_.next_deadline());
  }
  bool busy = false;
  for (std::size_t i = 0; i < served_.size(); ++i) {
    if (served_[i]->queue->needs_pump()) {
      return 0;
    }
    until = std::min(until, look_again_[i]);
    busy = busy || !served_[i]->queue->idle();
  }
  if (busy) {
    until = std::min(until, now + kLookAround);
  }
  return until == kNever ? kNever : std::max<Nanos>(until - now, 0);
}

void IoThread::Run() {
  now_ = MonotonicNow();
  while (!stopping_) {
    SleepWorkers(true);
    const auto events = poller_.Wait(WaitTime(MonotonicNow()));
    SleepWorkers(false);
    now_ = MonotonicNow();
    shared_.handshakes_left = kHandshakesAPass;
    for (const epoll_event& event : events) {
      Dispatch(event);
    }
    ReadMore();
    for (const auto& worker : workers_) {
      if (!worker->link->broken && worker->link->port().HasCompletions()) {
        worker->served->queue->Collect(worker->link, now_);
      }
    }
    LoseWorkers();
    ExpireDeadlines();
    ExpireHanded();
    SweepConnections();
    TendStreams();
    successions_.Release(now_);
    PumpQueues();
    FlushDirty();
    CloseDoomed();
    CheckRetired();
    CheckDrained();  // Last: a call is over only when its answer has been flushed.
  }
  Shutdown();
}

void IoThread::Dispatch(const epoll_event& event) {
  auto* source = static_cast<Source*>(static_cast<PollSource*>(event.data.ptr));
  switch (source->kind) {
    case Source::Kind::kListener:
      AcceptAll(static_cast<Listener*>(source->owner));
      return;
    case Source::Kind::kMailbox:
      for (const auto& command : commands_.TakeAll()) {
        command();
      }
      return;
    case Source::Kind::kConnection: {
      auto* entry = static_cast<ConnectionEntry*>(source->owner);
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) {
        ReadFrom(entry);
      }
      if ((event.events & EPOLLOUT) != 0) {
        FlushOne(entry);
      }
      return;
    }
    case Source::Kind::kBell: {
      std::uint64_t rings = 0;
      auto* worker = static_cast<WorkerEntry*>(source->owner);
      [[maybe_unused]] const ssize_t size =
          read(worker->link->front_bell_fd(), &rings, sizeof rings);
      return;
    }
    case Source::Kind::kProcess:
      static_cast<WorkerEntry*>(source->owner)->lost = true;
      return;
  }
}

void IoThread::PauseAccepting() {
  for (const auto& listener : listeners_) {
    if (listener->is_open()) {
      poller_.Remove(listener->fd(), &listener->source);
    }
  }
}

void IoThread::ListenAgain() {
  accept_again_at_ = kNever;
  for (const auto& listener : listeners_) {
    if (listener->is_open()) {
      poller_.Set(listener->fd(), &listener->source, EPOLLIN);
    }
  }
}

void IoThread::AcceptAll(Listener* listener) {
  constexpr int kAtOnce = 64;
  for (int i = 0; i < kAtOnce; ++i) {
    bool exhausted = false;
    http2::Peer peer;
    UniqueFd socket = listener->Accept(&peer, &exhausted);
    if (exhausted) {
      PauseAccepting();
      accept_again_at_ = now_ + kAcceptPause;
    }
    if (!socket.valid()) {
      return;
    }
    if (!Adopt(std::move(socket), std::move(peer), listener->tls())) {
      counters_.refused_connections.Add();
    }
  }
}

// False: there are too many connections, or something ran out.
bool IoThread::Adopt(UniqueFd socket, http2::Peer peer, bool tls) {
  if (connections_.size() >= options_.max_connections || (tls && tls_ == nullptr)) {
    return false;
  }
  auto entry = std::make_unique<ConnectionEntry>();
  entry->connection = http2::Connection::Create(std::move(socket), std::move(peer),
                                                &shared_, tls ? tls_.get() : nullptr);
  if (entry->connection == nullptr) {
    return false;
  }
  http2::Connection* connection = entry->connection.get();
  entry->source = {Source::Kind::kConnection, entry.get()};
  if (!poller_.Set(connection->fd(), &entry->source, EPOLLIN | EPOLLRDHUP)) {
    return false;
  }
  connections_.emplace(connection, std::move(entry));
  counters_.connections.Set(connections_.size());
  return true;
}

void IoThread::ReadFrom(ConnectionEntry* entry) {
  if (entry->doomed) {
    return;
  }
  if (!entry->connection->OnReadable(now_)) {
    entry->doomed = true;
    doomed_.push_back(entry);
  } else {
    ReadAgain(entry);
  }
}

void IoThread::ReadAgain(ConnectionEntry* entry) {
  if (entry->connection->has_more() && !std::exchange(entry->unread, true)) {
    unread_.push_back(entry);
  }
}

void IoThread::ReadMore() {
  for (ConnectionEntry* entry : std::exchange(unread_, {})) {
    entry->unread = false;
    ReadFrom(entry);
  }
}

void IoThread::FlushOne(ConnectionEntry* entry) {
  if (entry->doomed) {
    return;
  }
  if (!entry->connection->Flush(now_)) {
    entry->doomed = true;
    doomed_.push_back(entry);
    return;
  }
  ReadAgain(entry);  // Where it had to write before it could read on (TLS).
  const std::uint32_t write = entry->connection->wants_write() ? EPOLLOUT : 0U;
  const std::uint32_t read =
      entry->connection->wants_read() ? EPOLLIN | EPOLLRDHUP : 0U;
  poller_.Set(entry->connection->fd(), &entry->source, read | write);
}

void IoThread::FlushDirty() {
  // Flushing may make another connection dirty (output memory that came free).
  while (!shared_.dirty.empty()) {
    for (http2::Connection* connection : std::exchange(shared_.dirty, {})) {
      const auto found = connections_.find(connection);
      if (found != connections_.end()) {
        FlushOne(found->second.get());
      }
    }
  }
}

// Once a second: clients that promise and do not keep it.
void IoThread::SweepConnections() {
  constexpr Nanos kSweepEvery = 1'000'000'000;
  if (now_ < sweep_at_) {
    return;
  }
  sweep_at_ = now_ + kSweepEvery;
  SweepStreams();
  for (const auto& [connection, entry] : connections_) {
    if (!connection->Sweep(now_) && !entry->doomed) {
      entry->doomed = true;
      doomed_.push_back(entry.get());
    }
  }
}

void IoThread::CloseDoomed() {
  while (!doomed_.empty()) {
    for (ConnectionEntry* entry : std::exchange(doomed_, {})) {
      http2::Connection* connection = entry->connection.get();
      poller_.Remove(connection->fd(), &entry->source);
      std::erase(unread_, entry);
      connections_.erase(connection);
    }
    counters_.connections.Set(connections_.size());
  }
}

void IoThread::ExpireDeadlines() {
  while (deadlines_.next_time() <= now_) {
    Expire(deadlines_.top());
  }
}

void IoThread::PumpQueues() {
  for (std::size_t i = 0; i < served_.size(); ++i) {
    batch::VersionQueue& queue = *served_[i]->queue;
    queue.Watch(now_);
    if (queue.needs_pump() || look_again_[i] <= now_) {
      look_again_[i] = queue.Pump(now_);
    }
  }
}

void IoThread::CheckDrained() {
  if (accept_again_at_ <= now_) {
    ListenAgain();
  }
  if (!draining_ || drained_) {
    return;
  }
  if (final_goaway_at_ <= now_) {
    final_goaway_at_ = kNever;
    said_goaway_ = true;
    for (const auto& [connection, entry] : connections_) {
      connection->BeginDrain();
    }
  }
  const bool open =
      std::any_of(connections_.begin(), connections_.end(),
                  [](const auto& entry) { return entry.first->open_calls() > 0; });
  if ((said_goaway_ && !open) || connections_.empty()) {
    drained_ = true;
    notices_.Post({Notice::Kind::kDrained, 0, ""});
  }
}

// Tells of versions of which nothing is left, and forgets them. One that the table
// still names may get requests, so it waits for the next table.
void IoThread::CheckRetired() {
  for (std::size_t i = served_.size(); retiring_ > 0 && i > 0; --i) {
    Served* served = served_[i - 1].get();
    const auto& named = table_->all();
    if (!served->retiring || !served->queue->IsUnused() ||
        std::any_of(named.begin(), named.end(), [served](const auto& version) {
          return version->context == served->queue.get();
        })) {
      continue;
    }
    successions_.Forget(served->queue.get());
    notices_.Post({Notice::Kind::kRetired, served->id, ""});
    served_.erase(served_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    look_again_.erase(look_again_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    --retiring_;
  }
}

void IoThread::LoseWorker(WorkerEntry* worker) {
  poller_.Remove(worker->link->front_bell_fd(), &worker->bell);
  if (worker->link->life_fd() >= 0) {
    poller_.Remove(worker->link->life_fd(), &worker->process);
  }
  worker->served->queue->WorkerGone(worker->link, now_);
}

void IoThread::LoseWorkers() {
  for (const auto& worker : workers_) {
    if (worker->lost) {
      LoseWorker(worker.get());
    }
  }
  std::erase_if(workers_, [](const auto& worker) { return worker->lost; });
}

void IoThread::PutInForce(std::shared_ptr<const route::Table> table) {
  successions_.Add(*table_, *table, now_);
  table_ = std::move(table);
}

void IoThread::Shutdown() {
  FailHanded();
  FlushDirty();
  for (const auto& [connection, entry] : connections_) {
    poller_.Remove(connection->fd(), &entry->source);
  }
  connections_.clear();  // Every open call is gone with it.
  counters_.connections.Set(0);
  for (const auto& worker : workers_) {
    worker->lost = true;
  }
  LoseWorkers();
  listeners_.clear();
  served_.clear();
  table_ = std::make_shared<const route::Table>();
}

}  // namespace leeboard::front
