"""The four models of the benchmarks, made once into build/benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def makers() -> dict[str, Callable[[Path], Path]]:
    """Return what writes each model; imported late, because it takes the onnx package."""
    from runtime.testing.encoder import save_mid
    from runtime.testing.models import save_big, save_mlp, save_wide

    return {"mlp": save_mlp, "mid": save_mid, "wide": save_wide, "big": save_big}


def model(name: str, folder: Path) -> Path:
    """Return the path of a model, writing it if it is not there yet."""
    path = folder / f"{name}.onnx"
    if not path.exists():
        makers()[name](path.with_suffix(".new.onnx")).replace(path)
    return path
