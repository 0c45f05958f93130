#include "shm/crash_note.h"

#include <signal.h>
#include <unistd.h>

#include <array>

namespace leeboard::shm {
namespace {

constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE,
                                 SIGILL,  SIGSYS, SIGTRAP};

// A signal handler has no arguments of its own; there is one page a process.
std::atomic<std::atomic<std::uint32_t>*> page_note{nullptr};
// A child that the worker forks shares the page, but its crash is not the worker's.
std::atomic<pid_t> noting{0};

// A stack that overflowed cannot run a handler.
std::array<unsigned char, 64 << 10> handler_stack;

void OnCrash(int number) {
  auto* note = page_note.load(std::memory_order_relaxed);
  if (note != nullptr && noting.load(std::memory_order_relaxed) == getpid()) {
    note->store(static_cast<std::uint32_t>(number), std::memory_order_relaxed);
  }
  raise(number);  // SA_RESETHAND: now it ends the process.
}

}  // namespace

void NoteCrashes(std::atomic<std::uint32_t>* note) {
  noting.store(getpid(), std::memory_order_relaxed);
  page_note.store(note, std::memory_order_relaxed);
  stack_t stack{};
  stack.ss_sp = handler_stack.data();
  stack.ss_size = handler_stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action{};
  action.sa_handler = OnCrash;
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
  for (const int number : kCrashes) {
    sigaction(number, &action, nullptr);
  }
}

}  // namespace leeboard::shm
