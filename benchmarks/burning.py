"""Our server with a thread in the front process that burns its processor on demand.

    python -m benchmarks.burning MODEL.onnx --ready-file FILE

Lines on standard input choose what the thread does: `python` works on dicts and JSON and so
holds the GIL whenever it runs; `native` computes a key derivation in C, as busy but without
the GIL; `off` waits. Both stay in the processor's nearest cache. The promise is that
requests cannot tell one from the other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
import threading
from pathlib import Path

from runtime.app import serve
from runtime.config import Config, Listen

ROUNDS = 20_000
"""Of the key derivation, about ten milliseconds."""

WAIT_S = 0.05


def work_in_python() -> None:
    """Hold the GIL for a few milliseconds of what a control plane does."""
    for number in range(100):
        report = {f"feature_{i}": {"mean": i * number, "alarms": [i]} for i in range(20)}
        json.loads(json.dumps(report))


def work_in_c() -> None:
    """Compute about as long with the GIL released."""
    hashlib.pbkdf2_hmac("sha256", b"leeboard", b"benchmark", ROUNDS)


class Burner:
    """The burning thread; `listen` reads what it shall do until the input ends."""

    def __init__(self) -> None:
        self._mode = "off"
        self._changed = threading.Event()
        for name, target in (("burner", self._burn), ("burner-orders", self._listen)):
            threading.Thread(target=target, name=name, daemon=True).start()

    def _burn(self) -> None:
        while True:
            if self._mode == "python":
                work_in_python()
            elif self._mode == "native":
                work_in_c()
            else:
                self._changed.wait(WAIT_S)

    def _listen(self) -> None:
        for line in sys.stdin:
            self._mode = line.strip()
            self._changed.set()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model beside a busy thread.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--ready-file", type=Path, required=True)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    Burner()
    listen = Listen(grpc_port=0, http_port=0)
    sys.exit(serve(Config(path=chosen.model, listen=listen, ready_file=chosen.ready_file)))


if __name__ == "__main__":
    main()
