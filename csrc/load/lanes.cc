// The generator's connections: making, keeping and replacing them, and their events.

#include <algorithm>
#include <utility>

#include "load/generator.h"

namespace leeboard::load {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kFirstRetryGap = 100 * kMillisecond;
constexpr Nanos kLastRetryGap = 1'000 * kMillisecond;
// How often Stop is looked for while connections are made.
constexpr Nanos kLook = 50 * kMillisecond;

}  // namespace

Status Generator::Connect() {
  const Nanos now = MonotonicNow();
  for (Lane& lane : lanes_) {
    if (Status status = OpenLane(&lane, now); !status.ok()) {
      return status;
    }
  }
  return AwaitOpen(now + options_.connect_timeout);
}

Status Generator::AwaitOpen(Nanos until) {
  for (;;) {
    FlushDirty();
    std::size_t open = 0;
    for (const Lane& lane : lanes_) {
      if (lane.connection->is_over()) {
        return Status::Unavailable(lane.connection->why());
      }
      open += lane.connection->is_open() ? 1 : 0;
    }
    if (open == lanes_.size()) {
      return {};
    }
    if (stop_.load(std::memory_order_acquire)) {
      return Status::Unavailable("it was stopped before it was connected");
    }
    const Nanos now = MonotonicNow();
    if (now >= until) {
      return Status::Unavailable(
          "it did not answer in time (connections made: " + std::to_string(open) +
          " of " + std::to_string(lanes_.size()) + ")");
    }
    Await(std::min(until - now, kLook));
  }
}

Status Generator::OpenLane(Lane* lane, Nanos now) {
  UniqueFd socket;
  if (Status status = BeginConnect(options_.host, options_.port, &socket);
      !status.ok()) {
    return status;
  }
  lane->connection = std::make_unique<Connection>(std::move(socket), &shared_);
  lane->opened_at = now;
  Register(lane->connection.get());
  return {};
}

void Generator::Register(Connection* connection) {
  const std::uint32_t write = connection->wants_write() ? EPOLLOUT : 0U;
  poller_.Set(connection->fd(), &connection->source, EPOLLIN | write);
}

// The lane's connection is over; what it carried has failed. Another one is tried soon.
void Generator::LoseConnection(Lane* lane, Nanos now) {
  Connection* connection = lane->connection.get();
  const bool had_been_open = connection->has_settings();
  poller_.Remove(connection->fd(), &connection->source);
  connection->Abandon();
  lane->connection.reset();
  connections_lost_ += had_been_open ? 1 : 0;
  lane->retry_gap =
      had_been_open ? kFirstRetryGap
                    : std::clamp(lane->retry_gap * 2, kFirstRetryGap, kLastRetryGap);
  lane->retry_at = now + lane->retry_gap;
}

void Generator::MaintainLane(Lane* lane, Nanos now) {
  if (Connection* connection = lane->connection.get(); connection != nullptr) {
    const bool is_late =
        !connection->has_settings() && now - lane->opened_at > options_.connect_timeout;
    if (connection->is_draining()) {
      // Another one at once, unless the server turns every connection away.
      lane->retry_at = std::max(now, lane->opened_at + kFirstRetryGap);
      lane->retry_gap = 0;
      lane->leaving.push_back(std::move(lane->connection));
    } else if (connection->is_over() || is_late) {
      LoseConnection(lane, now);
    }
  }
  std::erase_if(lane->leaving, [this](const std::unique_ptr<Connection>& leaving) {
    const bool is_done = leaving->is_over() || leaving->in_flight() == 0;
    if (is_done) {
      connections_lost_ += leaving->in_flight() > 0 ? 1 : 0;
      poller_.Remove(leaving->fd(), &leaving->source);
      leaving->Abandon();
    }
    return is_done;
  });
  if (lane->connection == nullptr && now >= lane->retry_at &&
      !OpenLane(lane, now).ok()) {
    lane->retry_gap = kLastRetryGap;
    lane->retry_at = now + kLastRetryGap;
  }
}

void Generator::Maintain(Nanos now) {
  for (Lane& lane : lanes_) {
    MaintainLane(&lane, now);
  }
  is_failing_ = std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.connection == nullptr && lane.retry_gap > 0;
  });
  if (AnyUseful()) {
    down_since_ = 0;
  } else if (down_since_ == 0) {
    down_since_ = now;
  }
}

// A server that takes no request and owes no answer is as good as gone.
bool Generator::AnyUseful() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return !lane.leaving.empty() ||
           (lane.connection != nullptr && lane.connection->is_open() &&
            (lane.connection->has_room() || lane.connection->in_flight() > 0));
  });
}

// The next connection, in turn, that takes a request; null when none does.
Connection* Generator::NextWithRoom() {
  for (std::size_t tried = 0; tried < lanes_.size(); ++tried) {
    Connection* connection = lanes_[next_lane_].connection.get();
    next_lane_ = next_lane_ + 1 == lanes_.size() ? 0 : next_lane_ + 1;
    if (connection != nullptr && connection->has_room()) {
      return connection;
    }
  }
  return nullptr;
}

void Generator::Await(Nanos timeout) {
  const Nanos began = MonotonicNow();
  const auto events = poller_.Wait(timeout);
  poll_waited_ = MonotonicNow() - began;
  for (const epoll_event& event : events) {
    auto* source = static_cast<PollSource*>(event.data.ptr);
    Connection* connection = static_cast<ConnectionSource*>(source)->connection;
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      connection->OnReadable();
    }
    if ((event.events & EPOLLOUT) != 0) {
      FlushOne(connection);
    }
  }
}

void Generator::FlushOne(Connection* connection) {
  connection->Flush();
  Register(connection);
}

void Generator::FlushDirty() {
  while (Connection* connection = shared_.TakeDirty()) {
    FlushOne(connection);
  }
}

}  // namespace leeboard::load
