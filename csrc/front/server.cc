#include "front/server.h"

#include <sys/prctl.h>

#include <algorithm>
#include <utility>

namespace leeboard::front {

Status Server::Start() {
  Status status = OpenListeners();
  if (!status.ok()) {
    return status;
  }
  if (!poller_.valid() || !poller_.Set(commands_.fd(), &mailbox_source_, EPOLLIN)) {
    return Status::ResourceExhausted("no descriptors are left for the I/O thread");
  }
  ListenAgain();
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "leeboard-io");
    // Batch delays and deadlines are asked for in microseconds; the default slack
    // is 50.
    prctl(PR_SET_TIMERSLACK, 1000);
    Run();
  });
  return {};
}

void Server::Stop() {
  if (thread_.joinable()) {
    commands_.Post([this] { stopping_ = true; });
    thread_.join();
  }
}

// All or none: what was opened before a failure is closed by the caller's end.
Status Server::OpenListeners() {
  tls_ = options_.tls;
  std::vector<ListenerOptions> wanted = {
      {options_.host, options_.port, "", tls_ != nullptr}};
  wanted.insert(wanted.end(), options_.also.begin(), options_.also.end());
  for (const ListenerOptions& options : wanted) {
    if (options.tls && tls_ == nullptr) {
      listeners_.clear();
      return Status::InvalidArgument("a listener with TLS needs a certificate");
    }
    std::unique_ptr<Listener> listener;
    Status status = Listener::Open(options, &listener);
    if (!status.ok()) {
      listeners_.clear();
      return status;
    }
    if (listener->port() != 0) {
      ports_.push_back(listener->port());
    }
    listeners_.push_back(std::move(listener));
  }
  return {};
}

void Server::SetTls(std::shared_ptr<const http2::TlsContext> tls) {
  commands_.Post([this, tls = std::move(tls)]() mutable { tls_ = std::move(tls); });
}

void Server::SetTable(std::shared_ptr<const route::Table> table) {
  commands_.Post([this, table = std::move(table)]() mutable {
    const Nanos began = MonotonicNow();
    PutInForce(std::move(table));
    TellWatchers();
    const auto took = static_cast<std::uint64_t>(MonotonicNow() - began);
    counters_.tables.Add();
    counters_.table_ns.Add(took);
    counters_.table_most_ns.Set(std::max(counters_.table_most_ns.get(), took));
  });
}

void Server::ExchangeWatch(std::shared_ptr<Served> served,
                           std::shared_ptr<batch::Watch> fresh) {
  commands_.Post(
      [this, served = std::move(served), fresh = std::move(fresh)]() mutable {
        std::swap(served->watch->watch, fresh);
        if (fresh != nullptr) {
          watched_.Post({served->id, std::move(fresh)});
        }
      });
}

void Server::SetReflection(std::shared_ptr<const Reflection> reflection) {
  commands_.Post([this, reflection = std::move(reflection)]() mutable {
    reflection_ = std::move(reflection);
  });
}

void Server::SetTracing(const TraceOptions& options) {
  if (options.on || options.slow_after != kNever) {
    tracer_.Prepare();
  }
  commands_.Post([this, options] { tracer_.Set(options); });
}

void Server::SetAccess(std::shared_ptr<AccessTable> table) {
  uses_.Adopt(table.get());
  commands_.Post([this, table = std::move(table)] { access_.Set(table); });
}

void Server::AddServed(std::shared_ptr<Served> served) {
  served->id = next_served_.fetch_add(1, std::memory_order_relaxed);
  commands_.Post([this, served = std::move(served)]() mutable {
    served->queue->set_sink(sink());
    served_.push_back(std::move(served));
    look_again_.push_back(kNever);
  });
}

void Server::Retire(std::shared_ptr<Served> served) {
  commands_.Post([this, served = std::move(served)] {
    const bool known =
        std::find(served_.begin(), served_.end(), served) != served_.end();
    if (known && !served->retiring) {
      served->retiring = true;
      ++retiring_;
    }
  });
}

std::uint64_t Server::AddWorker(std::shared_ptr<Served> served,
                                std::unique_ptr<batch::WorkerLink> link) {
  const std::uint64_t id = next_worker_.fetch_add(1, std::memory_order_relaxed);
  // std::function needs a copyable callable, so the link travels in a shared pointer.
  auto parcel = std::make_shared<std::unique_ptr<batch::WorkerLink>>(std::move(link));
  commands_.Post([this, id, served = std::move(served), parcel] {
    auto entry = std::make_unique<WorkerEntry>();
    entry->link = parcel->get();
    entry->link->id = id;
    entry->id = id;
    entry->served = served;
    entry->bell = {Source::Kind::kBell, entry.get()};
    entry->process = {Source::Kind::kProcess, entry.get()};
    poller_.Set(entry->link->front_bell_fd(), &entry->bell, EPOLLIN);
    if (entry->link->life_fd() >= 0) {
      poller_.Set(entry->link->life_fd(), &entry->process, EPOLLIN | EPOLLRDHUP);
    }
    served->queue->AddWorker(std::move(*parcel));
    workers_.push_back(std::move(entry));
  });
  return id;
}

void Server::RemoveWorker(std::uint64_t worker) {
  commands_.Post([this, worker] {
    for (const auto& entry : workers_) {
      entry->lost = entry->lost || entry->id == worker;
    }
  });
}

void Server::EndWorker(std::uint64_t worker, batch::Death death) {
  commands_.Post([this, worker, death] {
    for (const auto& entry : workers_) {
      if (entry->id == worker && !entry->lost) {
        if (!entry->link->broken) {  // Otherwise it is being ended for another reason.
          entry->link->death = death;
        }
        entry->link->broken = true;  // Takes no more batches.
        entry->link->Kill();
      }
    }
  });
}

void Server::FailWaiting(std::shared_ptr<Served> served, std::string reason) {
  commands_.Post([served = std::move(served), reason = std::move(reason)] {
    served->queue->FailAll(Status::Unavailable(reason));
  });
}

std::vector<Notice> Server::TakeNotices() {
  std::vector<Notice> notices = notices_.TakeAll();
  if (handed_.has_untaken()) {
    notices_.Ring();  // The bell is theirs too, and has just been silenced.
  }
  return notices;
}

void Server::Answer(std::uint64_t call, Status status, std::string reply) {
  commands_.Post([this, call, status = std::move(status), reply = std::move(reply)] {
    EndHanded(call, status, reply);
  });
}

void Server::BeginDrain() {
  commands_.Post([this] {
    if (draining_) {
      return;
    }
    draining_ = true;
    FailHanded();
    DrainStreams();
    PauseAccepting();
    for (const auto& listener : listeners_) {
      listener->Close();  // Not destroyed: this pass may hold events of it.
    }
    for (const auto& [connection, entry] : connections_) {
      connection->BeginDrain();
    }
    // Clients that have not yet read the first GOAWAY may still start calls: a round
    // trip.
    constexpr Nanos kRoundTrip = 100'000'000;
    final_goaway_at_ = now_ + kRoundTrip;
  });
}

}  // namespace leeboard::front
