"""What the kernel refuses is said once, with what follows from it."""

from __future__ import annotations

import errno
import os

import pytest

from runtime.workers.kernel import missing
from runtime.workers.launch import open_pidfd


def refuse(_pid: int, _flags: int = 0) -> int:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def test_a_kernel_with_pidfds_lacks_nothing() -> None:
    before = set(os.listdir("/proc/self/fd"))
    assert missing() == []
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_kernel_without_pidfds_starts_workers_cold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "pidfd_open", refuse)
    (sentence,) = missing()
    assert sentence.startswith("the kernel refuses pidfds (Function not implemented)")
    assert "workers start cold" in sentence
    assert open_pidfd(os.getpid()) == -1
