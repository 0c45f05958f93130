"""What the kernel, or a filter before it, does not let a server do."""

from __future__ import annotations

import os


def missing() -> list[str]:
    """Return sentences about what is refused here, and what follows from it."""
    refused = []
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        refused.append(
            f"the kernel refuses pidfds ({error.strerror}): workers start cold, and their "
            "ends are seen by their sockets; Linux 5.3 has them, a seccomp filter may not"
        )
    return refused
