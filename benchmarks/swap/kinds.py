"""Models whose versions give different answers: files, questions, and right answers.

A version is the same network with other random weights, so that every number of an answer
tells which version gave it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.load.question import TORCH_TYPES, sample, save_arrays
from benchmarks.models import save_minilm
from runtime.capacity.knee import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 16
"""Different questions, each a row, so that an answer in another's place is wrong."""

SMALL_KNEE = Plan("rate", 4_000.0, 100_000.0, 1.5, bisections=1)
LARGE_KNEE = Plan("rate", 40.0, 1_000.0, 1.4, bisections=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One model in one format: how a version is written, and where its knee is sought.

    `knee_s` is how long each rate is tried.
    """

    name: str
    suffix: str
    save: Callable[[Path, int], object]
    knee: Plan
    knee_s: float

    @property
    def model(self) -> str:
        """The name under which it is served."""
        return self.name.replace("-", "_")


def save_small(path: Path, seed: int) -> object:
    """Write dense layers as ONNX."""
    from runtime.testing.models import save_mlp

    return save_mlp(path, seed=seed)


def save_middle(path: Path, seed: int) -> object:
    """Write the six-layer encoder as ONNX."""
    from runtime.testing.encoder import save_mid

    return save_mid(path, seed=seed)


def save_small_torch(path: Path, seed: int) -> object:
    """Write dense layers as an exported PyTorch program."""
    import torch

    from runtime.testing.torch_models import WIDTHS, make_mlp, save_export

    return save_export(path, make_mlp(seed=seed), [torch.zeros(2, WIDTHS[0])])


KINDS = {
    kind.name: kind
    for kind in (
        Kind("mlp-onnx", "onnx", save_small, SMALL_KNEE, 1.0),
        Kind("mlp-torch", "pt2", save_small_torch, SMALL_KNEE, 1.0),
        Kind("mid-onnx", "onnx", save_middle, LARGE_KNEE, 2.0),
        Kind("mid-torch", "pt2", save_minilm, LARGE_KNEE, 2.0),
    )
}


@dataclass(frozen=True, slots=True)
class Made:
    """The versions' files in order, the questions, and each version's answers to them."""

    kind: Kind
    files: tuple[Path, ...]
    data: Path
    goldens: tuple[Path, ...] = field(default=())


def make(kind: Kind, versions: int, folder: Path) -> Made:
    """Return so many versions of a model, written unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for seed in range(1, versions + 1):
        path = folder / f"{kind.name}-{seed}.{kind.suffix}"
        if not path.exists():
            new = path.with_suffix(f".new.{kind.suffix}")
            kind.save(new, seed)
            new.replace(path)
        files.append(path)
    answering = answers_of_torch if kind.suffix == "pt2" else answers_of_onnx
    data = folder / f"{kind.name}.data.npz"
    goldens = []
    for path in files:
        asked, answered = answering(path)
        save_arrays(data, asked)
        golden = path.with_suffix(".golden.npz")
        save_arrays(golden, answered)
        goldens.append(golden)
    return Made(kind, tuple(files), data, tuple(goldens))


Arrays = dict[str, "NDArray[Any]"]


def answers_of_onnx(path: Path) -> tuple[Arrays, Arrays]:
    """Return the questions and ONNX Runtime's answers, each row asked alone."""
    from benchmarks.peers.session import open_session, row_dims

    session = open_session(path)
    tensor, output = session.get_inputs()[0], session.get_outputs()[0].name
    rows = sample(tensor.type, [ROWS, *row_dims(tensor)])
    one = [session.run([output], {tensor.name: row[np.newaxis]})[0] for row in rows]
    return {tensor.name: rows}, {output: np.concatenate(one)}


def answers_of_torch(path: Path) -> tuple[Arrays, Arrays]:
    """Return the questions and PyTorch's answers, each row asked alone."""
    import torch

    from benchmarks.peers.torch_bare import open_backend, open_bare

    backend = open_backend(path)
    signature = backend.signature()
    backend.close()
    spec, output = signature.inputs[0], signature.outputs[0].name
    rows = sample(TORCH_TYPES[spec.datatype], [ROWS, *spec.shape[1:]])
    bare = open_bare(path)
    with torch.inference_mode():
        one = [bare(torch.from_numpy(row[np.newaxis])).numpy() for row in rows]
    return {spec.name: rows}, {output: np.concatenate(one)}
