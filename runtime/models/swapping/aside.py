"""Copying, hashing and removing a model's files, behind the requests that are served.

A copy of 90 MB takes a quarter of a second of a processor, and its removal some
milliseconds. At the priority of serving, all requests of a busy machine would wait.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

STEP = 10
LOWEST = 19
"""Not the idle class: work that never gets on could hold the interpreter's lock."""

T = TypeVar("T")


def aside(work: Callable[[], T]) -> T:
    """Return what a function returns, or raise what it raises; others come first.

    It runs on a thread of its own that ends with it: every thread may take a lower
    priority, and only some may have their own back.
    """
    done: list[T] = []
    broken: list[BaseException] = []

    def go() -> None:
        task = threading.get_native_id()
        nice = os.getpriority(os.PRIO_PROCESS, task)
        os.setpriority(os.PRIO_PROCESS, task, min(nice + STEP, LOWEST))
        try:
            done.append(work())
        except BaseException as error:  # Raised again where it is waited for.
            broken.append(error)

    thread = threading.Thread(target=go, name="aside", daemon=True)
    thread.start()
    thread.join()
    if broken:
        raise broken[0]
    return done[0]
