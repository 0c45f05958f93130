// The generator's connections: making, keeping and replacing them, and their events.

#include <algorithm>
#include <utility>

#include "load/generator.h"

namespace leeboard::load {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kFirstRetryGap = 100 * kMillisecond;
constexpr Nanos kLastRetryGap = 1'000 * kMillisecond;

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
  const auto is_open = [](const Lane& lane) { return lane.connection->is_open(); };
  while (!std::all_of(lanes_.begin(), lanes_.end(), is_open)) {
    FlushDirty();
    const Nanos now = MonotonicNow();
    if (now >= until) {
      const auto open = std::count_if(lanes_.begin(), lanes_.end(), is_open);
      return Status::Unavailable(
          "it did not answer in time (connections made: " + std::to_string(open) +
          " of " + std::to_string(lanes_.size()) + ")");
    }
    Await(until - now);
    for (const Lane& lane : lanes_) {
      if (lane.connection->is_over()) {
        return Status::Unavailable(lane.connection->why());
      }
    }
  }
  return {};
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
  if (lane->leaving != nullptr &&
      (lane->leaving->is_over() || lane->leaving->in_flight() == 0)) {
    poller_.Remove(lane->leaving->fd(), &lane->leaving->source);
    lane->leaving->Abandon();
    lane->leaving.reset();
  }
  if (lane->connection != nullptr) {
    const bool is_late = !lane->connection->has_settings() &&
                         now - lane->opened_at > options_.connect_timeout;
    if (lane->connection->is_over() || is_late) {
      LoseConnection(lane, now);
    } else if (lane->connection->is_draining() && lane->leaving == nullptr) {
      lane->leaving = std::move(lane->connection);
      lane->retry_at = now;
    }
  }
  if (lane->connection == nullptr && now >= lane->retry_at &&
      !OpenLane(lane, now).ok()) {
    lane->retry_at = now + kLastRetryGap;
  }
}

void Generator::Maintain(Nanos now) {
  for (Lane& lane : lanes_) {
    MaintainLane(&lane, now);
  }
  is_failing_ = std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.connection == nullptr;
  });
  if (AnyOpen()) {
    down_since_ = 0;
  } else if (down_since_ == 0) {
    down_since_ = now;
  }
}

bool Generator::AnyOpen() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.connection != nullptr && lane.connection->is_open();
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
  // A flush marks nothing dirty, but is asked again until that is certain.
  while (!shared_.dirty.empty()) {
    Connection* connection = shared_.dirty.back();
    shared_.dirty.pop_back();
    FlushOne(connection);
  }
}

}  // namespace leeboard::load
