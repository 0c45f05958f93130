// Each crash happens in a forked child; the note lies in memory that both share.

#include "shm/crash_note.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <new>

namespace leeboard::shm {
namespace {

class CrashNote : public testing::Test {
 protected:
  using Note = std::atomic<std::uint32_t>;

  CrashNote()
      : note(new (mmap(nullptr, sizeof(Note), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Note(0)) {}
  ~CrashNote() override { munmap(note, sizeof(Note)); }

  // Forks a process that notes its crashes and then does this.
  pid_t Fork(const std::function<void()>& act) {
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const rlimit no_core{0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      NoteCrashes(note);
      act();
      _exit(0);
    }
    return child;
  }
  // The signal that ended it; 0 when it exited.
  static int EndOf(pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  Note* note;
};

// The compiler must not see what these do.
[[gnu::noinline, gnu::no_sanitize("address", "undefined", "thread")]] void WriteTo(
    volatile int* address) {
  *address = 1;
}

[[gnu::noinline, gnu::no_sanitize("address", "undefined", "thread")]] int Recurse(
    volatile char* above) {
  volatile char frame[4096];
  frame[0] = *above;
  // Never so in truth; the compiler would refuse a recursion without an end.
  return frame[0] == 'e' ? 0 : Recurse(frame) + frame[0];
}

TEST_F(CrashNote, EverySignalOfACrashIsNotedAndEndsTheProcess) {
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS, SIGTRAP}) {
    note->store(0);
    EXPECT_EQ(EndOf(Fork([number] { raise(number); })), number);
    EXPECT_EQ(note->load(), static_cast<std::uint32_t>(number));
  }
}

TEST_F(CrashNote, AWriteToNowhereIsNoted) {
  EXPECT_EQ(EndOf(Fork([] { WriteTo(reinterpret_cast<int*>(16)); })), SIGSEGV);
  EXPECT_EQ(note->load(), static_cast<std::uint32_t>(SIGSEGV));
}

TEST_F(CrashNote, AnAbortIsNoted) {
  EXPECT_EQ(EndOf(Fork([] { abort(); })), SIGABRT);
  EXPECT_EQ(note->load(), static_cast<std::uint32_t>(SIGABRT));
}

TEST_F(CrashNote, AStackThatOverflowsIsNoted) {
  EXPECT_EQ(EndOf(Fork([] {
              volatile char top = 0;
              Recurse(&top);
            })),
            SIGSEGV);
  EXPECT_EQ(note->load(), static_cast<std::uint32_t>(SIGSEGV));
}

TEST_F(CrashNote, ASignalFromOutsideIsACrashToo) {
  std::array<int, 2> ready{};
  ASSERT_EQ(pipe(ready.data()), 0);
  const pid_t child = Fork([&ready] {
    [[maybe_unused]] const ssize_t size = write(ready[1], "r", 1);
    for (;;) {
      pause();
    }
  });
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(kill(child, SIGSEGV), 0);
  EXPECT_EQ(EndOf(child), SIGSEGV);
  EXPECT_EQ(note->load(), static_cast<std::uint32_t>(SIGSEGV));
  close(ready[0]);
  close(ready[1]);
}

TEST_F(CrashNote, AKillAndAnExitLeaveNone) {
  EXPECT_EQ(EndOf(Fork([] { raise(SIGKILL); })), SIGKILL);
  EXPECT_EQ(note->load(), 0u);
  EXPECT_EQ(EndOf(Fork([] { raise(SIGTERM); })), SIGTERM);
  EXPECT_EQ(note->load(), 0u);
  EXPECT_EQ(EndOf(Fork([] {})), 0);
  EXPECT_EQ(note->load(), 0u);
}

TEST_F(CrashNote, TheCrashOfAChildIsNotTheWorkers) {
  EXPECT_EQ(EndOf(Fork([] {
              const pid_t grandchild = fork();
              if (grandchild == 0) {
                raise(SIGSEGV);
              }
              _exit(EndOf(grandchild) == SIGSEGV ? 0 : 1);
            })),
            0);
  EXPECT_EQ(note->load(), 0u);
}

}  // namespace
}  // namespace leeboard::shm
