"""Compiles protos/*.proto into runtime/protos/inference.binpb, which is committed.

python protos/generate.py          writes the file
python protos/generate.py --check  exits 1 when the committed file is another one

The file is a FileDescriptorSet without comments, so the same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
TARGET = SOURCES.parent / "runtime" / "protos" / "inference.binpb"
NAMES = (
    "model_config.proto",
    "inference.proto",
    "health.proto",
    "control.proto",
    "reflection.proto",
)


def compiled() -> bytes:
    """Return the descriptor set of all our messages."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set.binpb")
        arguments = [
            "protoc",
            f"--proto_path={SOURCES}",
            f"--descriptor_set_out={out}",
            "--include_imports",
            *NAMES,
        ]
        if protoc.main(arguments) != 0:
            sys.exit("protos: protoc refused the sources (see above)")
        return out.read_bytes()


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    wanted = compiled()
    if options.check:
        same = TARGET.exists() and TARGET.read_bytes() == wanted
        if not same:
            print(f"protos: {TARGET.name} is not what protos/ makes; run `make protos`")
        return 0 if same else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
