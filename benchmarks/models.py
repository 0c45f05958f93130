"""The models of the benchmarks, made once into build/benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

OF_TORCH = ("minilm",)
TOKENS = 32


def makers() -> dict[str, Callable[[Path], Path]]:
    """Return what writes each model; imported late, because it takes the onnx package."""
    from runtime.testing.encoder import save_mid
    from runtime.testing.models import save_big, save_mlp, save_wide

    return {
        "mlp": save_mlp,
        "mid": save_mid,
        "wide": save_wide,
        "big": save_big,
        "minilm": save_minilm,
    }


def save_minilm(path: Path, seed: int = 0) -> Path:
    """Write an encoder of MiniLM-L6's size with random weights: INT64 [N, 32] tokens."""
    import torch

    from runtime.testing.demo_models.minilm import build
    from runtime.testing.torch_models import save_export

    class Tokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(seed)
            self.encoder = build()

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = self.encoder(tokens, torch.ones_like(tokens))
            return answer

    tokens = torch.ones(2, TOKENS, dtype=torch.int64)
    return save_export(path, Tokens().eval(), [tokens])


def model(name: str, folder: Path) -> Path:
    """Return the path of a model, writing it if it is not there yet."""
    suffix = ".pt2" if name in OF_TORCH else ".onnx"
    path = folder / f"{name}{suffix}"
    if not path.exists():
        makers()[name](path.with_suffix(f".new{suffix}")).replace(path)
    return path
