"""A plug-in whose model files say in words what shall go wrong in the worker.

A file holds one word and a value; a file with the suffix `.told` beside it wins, because a
version's own file must not change. `install` registers it as strangers' plug-ins are.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import FREE, Inputs, LoadOptions, Outputs, Signature, TensorSpec
from runtime.errors import ModelError
from runtime.workers import channel


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the plug-in for `.odd` files in every process started from now on."""
    about = folder / "odd-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        f"[runtime.backends]\nodd = {__name__}:OddBackend\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


def hang(value: str) -> None:
    """Never come back."""
    threading.Event().wait()


def fail(value: str) -> None:
    """Raise what no backend should."""
    raise KeyError(value)


def say(value: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{value}\n")


def take(path: str) -> None:
    """Load only where nobody did before."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError as error:
        raise ModelError(f"{path} is taken") from error


def send_descriptors(value: str) -> None:
    """Send the front end descriptors that it did not ask for, and the end."""
    with socket.socket(fileno=os.dup(int(sys.argv[1]))) as talk:
        channel.send(talk, {"kind": "recorded"}, [0, 1, 2])
        channel.send(talk, {"kind": "failed", "reason": "three gifts"}, [0, 1, 2])
    hang(value)


DEEDS: dict[str, Callable[[str], object]] = {
    "exit": lambda value: os._exit(int(value)),
    "hang": hang,
    "fail": fail,
    "say": say,
    "take": take,
    "send": send_descriptors,
}


class OddBackend:
    """Answers y = x, or y = x - mean of the batch for the word `mix`."""

    def load(self, path: Path, options: LoadOptions) -> None:
        told = path.with_suffix(".told")
        text = (told if told.exists() else path).read_text()
        self._word, _, value = text.partition(" ")
        self._width = int(value) if self._word == "width" else 4
        DEEDS.get(self._word, str)(value)

    def signature(self) -> Signature:
        x, y = (TensorSpec(name, "FP32", (FREE, self._width)) for name in "xy")
        return Signature("odd", (x,), (y,), batchable=True)

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        x = inputs["x"]
        outputs.write("y", x - np.mean(x, axis=0) if self._word == "mix" else x)

    def close(self) -> None:
        if self._word == "linger":
            hang("")
