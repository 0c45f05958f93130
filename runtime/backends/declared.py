"""What a person says of a model's tensors, for what its file does not say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Declared:
    """A tensor as its requests carry it.

    `dims` are those of one row where the model batches, else the whole shape; -1 is free,
    None is what the file says. `reshape` is what the model sees in their place. `labels`
    name an output's classes, for the classification extension. An empty datatype is the
    file's.
    """

    name: str
    datatype: str
    dims: tuple[int, ...] | None
    reshape: tuple[int, ...] | None = None
    optional: bool = False
    labels: tuple[str, ...] = ()


class Fill(Enum):
    """What a made warm-up tensor is filled with."""

    ZERO = "zero"
    RANDOM = "random"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class SampleTensor:
    """One input of a warm-up sample; `dims` are one row's where the model batches.

    A file holds one row of them, which all rows of the sample repeat.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]
    fill: Fill
    file: Path | None = None  # Raw little-endian elements, for FILE.


@dataclass(frozen=True, slots=True)
class Sample:
    """A batch to warm a model with: `rows` of it (0: a model that does not batch)."""

    name: str
    rows: int
    tensors: tuple[SampleTensor, ...]
    count: int = 1
