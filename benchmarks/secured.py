"""Our server with one model and TLS, for a benchmark: ``python -m benchmarks.secured``.

Its options are those of a plain server but for the certificate.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runtime.app import serve
from runtime.config import Config, Listen, Tls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("certificate", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("--ready-file", type=Path, required=True)
    chosen = parser.parse_args()
    return serve(
        Config(
            chosen.model,
            Listen(grpc_port=0, http_port=0),
            tls=Tls(chosen.certificate, chosen.key),
            ready_file=chosen.ready_file,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
