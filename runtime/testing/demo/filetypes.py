"""Asks magika what a file is: which bytes it wants to see, and what its scores mean.

The model sees the first and the last bytes of a file, whitespace at the two ends left out,
as numbers 0 to 255, and a number of its own where there are too few. How many bytes, and
which label each score belongs to, stands in the model's configuration.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

TEXT = "txt"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Config:
    """What the model was trained with."""

    first: int
    last: int
    block: int
    padding: int
    least: int
    labels: tuple[str, ...]
    thresholds: dict[str, float]
    threshold: float
    renamed: dict[str, str]


@dataclass(frozen=True, slots=True)
class ContentType:
    """A label's meaning."""

    description: str
    is_text: bool


@dataclass(frozen=True, slots=True)
class Guess:
    """The label to tell a person, and the best score, for whichever label it was."""

    label: str
    score: float


def read_config(path: Path) -> Config:
    """Read a model's configuration; raises ValueError for one that is cut differently."""
    given: dict[str, Any] = json.loads(path.read_text())
    if given["mid_size"] or given["use_inputs_at_offsets"]:
        raise ValueError(f"{path} asks for bytes out of the middle of a file")
    return Config(
        first=given["beg_size"],
        last=given["end_size"],
        block=given["block_size"],
        padding=given["padding_token"],
        least=given["min_file_size_for_dl"],
        labels=tuple(given["target_labels_space"]),
        thresholds=given["thresholds"],
        threshold=given["medium_confidence_threshold"],
        renamed=given["overwrite_map"],
    )


def read_content_types(path: Path) -> dict[str, ContentType]:
    """Read what the labels mean."""
    return {
        label: ContentType(about["description"] or label, about["is_text"])
        for label, about in json.loads(path.read_text()).items()
    }


def features(content: bytes, config: Config) -> npt.NDArray[np.int32]:
    """Return one row of the model's input; raises ValueError where there is too little.

    Only the first and the last block of a file count, so whitespace longer than a block
    leaves nothing to see.
    """
    first = content[: config.block].lstrip()[: config.first]
    last = content[-config.block :].rstrip()[-config.last :]
    if len(first) < config.least:
        raise ValueError(f"{len(first)} bytes are too few to guess from")
    row = np.full(config.first + config.last, config.padding, np.int32)
    row[: len(first)] = np.frombuffer(first, np.uint8)
    row[len(row) - len(last) :] = np.frombuffer(last, np.uint8)
    return row


def guess(
    scores: npt.NDArray[np.float32], config: Config, types: dict[str, ContentType]
) -> Guess:
    """Return the best label, or no more than text or unknown where its score is too low."""
    best = int(scores.argmax())
    label, score = config.labels[best], float(scores[best])
    if score < config.thresholds.get(label, config.threshold):
        return Guess(TEXT if types[label].is_text else UNKNOWN, score)
    return Guess(config.renamed.get(label, label), score)
