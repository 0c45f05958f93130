// A dying worker's last word: the signal that ends it, left in its control page.
//
// The front end must know at once whether a worker was killed or crashed, and the exit
// status may take its way through another process. A handler runs for the signals of a
// crash, stores the number and lets the signal do what it does. SIGKILL leaves no note,
// and neither does a worker that simply exits.
//
// Thread safety: one call a process; the handler is async-signal-safe.

#ifndef LEEBOARD_SHM_CRASH_NOTE_H_
#define LEEBOARD_SHM_CRASH_NOTE_H_

#include <atomic>
#include <cstdint>

namespace leeboard::shm {

// From now on a crash of this process is noted in `note`, which must stay mapped.
void NoteCrashes(std::atomic<std::uint32_t>* note);

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_CRASH_NOTE_H_
