"""What a process shows can be read as a whole, and is gone when it is closed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runtime.running.window import Window, read_window

SHOW = """
import sys
from runtime.running.window import Window
window = Window("leeboard-test")
window.write(sys.argv[1])
print("shown", flush=True)
sys.stdin.read()
"""


def test_another_process_of_ours_can_be_looked_into() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SHOW, "caf\xe9"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "shown\n"
        assert read_window("leeboard-test", [0, process.pid]) == "caf\xe9"
        assert read_window("leeboard-other", [process.pid]) is None
        process.communicate()
    assert read_window("leeboard-test", [process.pid]) is None


def test_the_last_text_is_shown_and_no_descriptor_is_left() -> None:
    before = len(os.listdir("/proc/self/fd"))
    window = Window("leeboard-test")
    for text in ("a long first text", "second"):
        window.write(text)
        assert read_window("leeboard-test", [os.getpid()]) == text
    window.close()
    window.close()
    assert read_window("leeboard-test", [os.getpid()]) is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_program_that_is_started_does_not_show_it_too() -> None:
    window = Window("leeboard-test")
    window.write("ours")
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False, text=True
    ) as child:
        found = read_window("leeboard-test", [child.pid])
        child.communicate("\n")
    window.close()
    assert found is None


@pytest.mark.parametrize("text", ["", "half \udc80"])
def test_any_text_can_be_shown(text: str) -> None:
    window = Window("leeboard-test")
    window.write(text)
    shown = read_window("leeboard-test", [os.getpid()])
    window.close()
    assert shown == text.encode(errors="backslashreplace").decode()
