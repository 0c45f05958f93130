"""Our server with its monitor, or without: what is watched is the first rows and after.

    python -m benchmarks.watched MODEL.onnx --ready-file FILE [--monitor FILE.yaml]

Without the file nothing is watched.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runtime.app import serve
from runtime.config import Config, Listen, Monitoring


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model and watch it.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--monitor", type=Path)
    chosen = parser.parse_args()
    config = Config(
        path=chosen.model,
        listen=Listen(grpc_port=0, http_port=0),
        monitoring=Monitoring(is_on=chosen.monitor is not None, file=chosen.monitor),
        ready_file=chosen.ready_file,
    )
    sys.exit(serve(config))


if __name__ == "__main__":
    main()
