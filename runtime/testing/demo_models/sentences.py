"""Sentences in pairs, near and far, and how near MiniLM's vectors say they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from runtime.testing.demo_models.wordpiece import Ids

ALLOWED = 1e-4
"""How far a served vector's values may be from those of the file run bare."""

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences, and whether they say the same."""

    one: str
    other: str
    is_paraphrase: bool


PAIRS = (
    Pair("How do I reset my password?", "I forgot my login and cannot sign in.", True),
    Pair("The cat sleeps on the sofa.", "A kitten naps on the couch.", True),
    Pair("The ship was blown off course.", "Wind pushed the vessel sideways.", True),
    Pair("The cat sleeps on the sofa.", "Stock markets fell sharply on Monday.", False),
    Pair("How do I reset my password?", "Wind pushed the vessel sideways.", False),
    Pair("A kitten naps on the couch.", "The ship was blown off course.", False),
)


def similarities(pairs: Sequence[Pair], vectors: dict[str, Vectors]) -> list[float]:
    """Return each pair's similarity: the product of two vectors of length 1."""
    return [float(vectors[pair.one] @ vectors[pair.other]) for pair in pairs]


def mistakes(pairs: Sequence[Pair], near: Sequence[float]) -> list[bool]:
    """Tell of each pair whether it is on the wrong side of any pair of the other kind.

    Examples
    --------
    >>> same, other = Pair("a", "b", True), Pair("a", "c", False)
    >>> mistakes([same, other], [0.7, 0.1]), mistakes([same, other], [0.1, 0.7])
    ([False, False], [True, True])
    """
    least = min(n for pair, n in zip(pairs, near, strict=True) if pair.is_paraphrase)
    most = max(n for pair, n in zip(pairs, near, strict=True) if not pair.is_paraphrase)
    return [
        number <= most if pair.is_paraphrase else number >= least
        for pair, number in zip(pairs, near, strict=True)
    ]


def run_bare(weights: Path, ids: Ids, mask: Ids) -> Vectors:
    """Return what the file answers in this process, without a server: FP32 [N, 384]."""
    import torch
    from safetensors.torch import load_file

    from runtime.testing.demo_models import minilm

    torch.set_num_threads(1)
    module = minilm.build().eval()
    module.load_state_dict(load_file(weights), strict=True)
    with torch.inference_mode():
        made: Vectors = module(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    return made
