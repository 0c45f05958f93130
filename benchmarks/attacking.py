"""Makes one attack of tests/hostile again and again, in a process of its own.

    python -m benchmarks.attacking HOST:PORT NAME

Prints a line when it is about to begin, attacks until its standard input is closed, and
prints how often it did. An attack that stands still stands for a fifth of a second.
"""

from __future__ import annotations

import sys
import threading

import numpy as np

from runtime.messages import ModelInferRequest
from tests.hostile.attacks import ATTACKS
from tests.hostile.target import Target

WIDE, SMALL = 16_000, 4
STAND_S = 0.2


def request_bytes(model: str, width: int) -> bytes:
    """Return a whole request of one row."""
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name="x", datatype="FP32", shape=(1, width))
    request.raw_input_contents.append(np.ones(width, np.float32).tobytes())
    return bytes(request.SerializeToString())


def main() -> int:
    """Attack until nobody wants it any more."""
    url, name = sys.argv[1:]
    over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait_for_the_end, name="end", daemon=True).start()
    target = Target(
        url,
        request_bytes("wide", WIDE),
        request_bytes("small", SMALL),
        lambda: over.wait(STAND_S),
    )
    print("ready", flush=True)
    rounds = 0
    while not over.is_set():
        ATTACKS[name](target)
        rounds += 1
    print(rounds, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
