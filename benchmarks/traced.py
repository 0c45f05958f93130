"""Our server with tracing of a share of all requests, up to a rate.

    python -m benchmarks.traced MODEL.onnx --ready-file FILE [--endpoint URL --share S
                                                              --rate R]

Without an endpoint nothing is traced.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runtime.app import serve
from runtime.config import Config, Listen, Tracing


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model and trace requests.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--share", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=Tracing().most_per_s)
    chosen = parser.parse_args()
    tracing = Tracing("none")
    if chosen.endpoint:
        tracing = Tracing(
            "otlp", chosen.endpoint, "http/protobuf", chosen.share, chosen.rate
        )
    config = Config(
        path=chosen.model,
        listen=Listen(grpc_port=0, http_port=0),
        tracing=tracing,
        ready_file=chosen.ready_file,
    )
    sys.exit(serve(config))


if __name__ == "__main__":
    main()
