// The loop of ScriptedServer, apart for the sake of length.

#ifndef LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_SERVER_INL_H_
#define LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_SERVER_INL_H_

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "load/scripted_server.h"

namespace leeboard::load {

inline void ScriptedServer::Run() {
  while (!is_done_) {
    std::vector<pollfd> ready = {{bell_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}};
    for (const auto& [number, peer] : peers_) {
      const bool writes = !options_.is_silent && peer->wants_write();
      ready.push_back({peer->fd(),
                       static_cast<std::int16_t>(writes ? POLLIN | POLLOUT : POLLIN),
                       0});
    }
    const Nanos wait = plan_.empty()
                           ? 1'000'000'000
                           : std::max<Nanos>(plan_.begin()->first - MonotonicNow(), 0);
    const timespec limit = {wait / 1'000'000'000, wait % 1'000'000'000};
    ppoll(ready.data(), ready.size(), &limit, nullptr);
    Serve(ready);
    DoDue();
    RunCommands();
  }
  peers_.clear();
}

inline void ScriptedServer::RunCommands() {
  eventfd_t rings = 0;
  eventfd_read(bell_.get(), &rings);
  std::vector<std::function<void()>> commands;
  {
    const std::lock_guard lock(mu_);
    commands.swap(commands_);
  }
  for (const auto& command : commands) {
    command();
  }
}

inline void ScriptedServer::Accept() {
  UniqueFd socket(
      accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket.valid()) {
    return;
  }
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::uint64_t number = 0;
  Note([&](ServerLog& log) { number = ++log.connections; });
  auto peer = std::make_unique<Peer>(std::move(socket), options_, &listener_);
  if (!options_.greeting.empty()) {
    peer->SendRaw(options_.greeting);
  }
  if (options_.turns_away) {
    peer->Goaway();
  }
  peers_.emplace(number, std::move(peer));
}

inline void ScriptedServer::Serve(const std::vector<pollfd>& ready) {
  if (ready[1].revents != 0) {
    Accept();
  }
  for (auto it = peers_.begin(); it != peers_.end();) {
    Peer* peer = it->second.get();
    const auto found = std::find_if(ready.begin() + 2, ready.end(),
                                    [&](const auto& p) { return p.fd == peer->fd(); });
    const bool has_event = found != ready.end() && found->revents != 0;
    const bool lives =
        options_.is_silent || !has_event ||
        (((found->revents & ~POLLOUT) == 0 || peer->Read()) && peer->Write());
    it = lives ? std::next(it) : peers_.erase(it);
  }
}

inline void ScriptedServer::OnAsked(Peer* peer, Asked asked) {
  const auto found = std::find_if(peers_.begin(), peers_.end(), [&](const auto& entry) {
    return entry.second.get() == peer;
  });
  asked.connection = found->first;
  Note([&](ServerLog& log) {
    asked.number = log.asked.size();
    log.asked.push_back(asked);
    log.answered.push_back(0);
    log.most_open = std::max(log.most_open, ++log.open_now);
  });
  const Act act = script_(asked);
  plan_.emplace(asked.came + act.delay,
                Planned{asked.number, asked.connection, asked.stream, act});
}

inline void ScriptedServer::DoDue() {
  while (!plan_.empty() && plan_.begin()->first <= MonotonicNow()) {
    const Planned planned = std::move(plan_.begin()->second);
    plan_.erase(plan_.begin());
    const auto found = peers_.find(planned.connection);
    if (found == peers_.end()) {
      continue;
    }
    if (planned.act.kind != Act::Kind::kSilent) {
      Note([&](ServerLog& log) {
        --log.open_now;
        log.answered[planned.number] = MonotonicNow();
      });
    }
    found->second->Do(planned.stream, planned.act);
    if (!found->second->Write()) {
      peers_.erase(found);
    }
  }
}

}  // namespace leeboard::load

#endif  // LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_SERVER_INL_H_
