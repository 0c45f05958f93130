#include "load/unary.h"

#include <algorithm>
#include <utility>

#include "base/poller.h"
#include "load/connection.h"

namespace leeboard::load {
namespace {

constexpr Nanos kLongest = Nanos{1} << 61;  // A sum with it does not overflow.

class OneCall final : public ExchangeListener {
 public:
  explicit OneCall(const LoadOptions& options)
      : options_(options),
        head_(options.authority, options.method, "", options.headers) {
    shared_.profile = options.profile;
    shared_.head = &head_;
    shared_.listener = this;
  }

  Status Run(const std::string& message, Outcome* outcome, std::string* reply) {
    UniqueFd socket;
    if (Status status = BeginConnect(options_.host, options_.port, &socket);
        !status.ok()) {
      return status;
    }
    connection_ = std::make_unique<Connection>(std::move(socket), &shared_);
    Pump(options_.connect_timeout, [this] { return connection_->is_open(); });
    if (!connection_->is_open()) {
      return Status::Unavailable(connection_->is_over() ? connection_->why()
                                                        : "it did not answer in time");
    }
    exchange_.request = {reinterpret_cast<const std::uint8_t*>(message.data()),
                         message.size()};
    exchange_.keeps_reply = true;
    if (!connection_->Start(&exchange_, MonotonicNow())) {
      return Status::Unavailable("the server takes no calls");
    }
    Pump(options_.timeout, [this] { return ended_; });
    if (!ended_) {
      connection_->Abandon();
      outcome_ = {connection_->is_over() ? kStatusUnavailable : kStatusDeadlineExceeded,
                  connection_->is_over() ? connection_->why()
                                         : "no answer within the time limit",
                  false};
    }
    *outcome = outcome_;
    *reply = std::move(exchange_.reply);
    return {};
  }

  void OnEnded(Exchange* /*exchange*/, Outcome&& outcome) override {
    ended_ = true;
    outcome_ = std::move(outcome);
  }

 private:
  template <typename Done>
  void Pump(Nanos limit, Done done) {
    const Nanos until = MonotonicNow() + std::min(limit, kLongest);
    for (;;) {
      while (shared_.TakeDirty() != nullptr) {
      }
      connection_->Flush();
      const Nanos now = MonotonicNow();
      if (done() || connection_->is_over() || now >= until) {
        return;
      }
      const std::uint32_t write = connection_->wants_write() ? EPOLLOUT : 0U;
      poller_.Set(connection_->fd(), &connection_->source, EPOLLIN | write);
      for (const epoll_event& event : poller_.Wait(until - now)) {
        if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
          connection_->OnReadable();
        }
      }
    }
  }

  const LoadOptions& options_;
  RequestHead head_;
  ConnectionShared shared_;
  Poller poller_;
  Exchange exchange_;
  std::unique_ptr<Connection> connection_;
  bool ended_ = false;
  Outcome outcome_;
};

}  // namespace

Status CallOnce(const LoadOptions& options, const std::string& message,
                Outcome* outcome, std::string* reply) {
  return OneCall(options).Run(message, outcome, reply);
}

}  // namespace leeboard::load
