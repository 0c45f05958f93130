"""What a conversion gives: a version's files, and what they do not say of tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.declared import Declared
from runtime.errors import ConfigError
from runtime.registry.layout import Laid
from runtime.registry.manifest import MODEL_FOLDER

WARMUP = "warmup.npz"
MOST_ROWS = 64
"""Rows of a sample that are kept to warm the model up with."""

LONGEST_CAUSE = 300

Arrays = dict[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True, slots=True)
class Converted:
    """A model's files, its sample by input, and tensors that must be declared for it."""

    laid: Laid
    sample: Mapping[str, Any]
    inputs: tuple[Declared, ...] = ()
    outputs: tuple[Declared, ...] = ()


def as_array(value: object) -> np.ndarray[Any, Any]:
    """Return a tensor, a column of a table or a list as an array of numbers or text."""
    detach = getattr(value, "detach", None)
    if callable(detach):
        value = detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype == object:
        array = array.astype(np.str_)
    return array


def named(sample: object, names: Sequence[str]) -> Arrays:
    """Return a sample by the model's inputs; one that is not a mapping goes by place.

    Raises ConfigError where they do not fit.
    """
    if sample is None:
        return {}
    if isinstance(sample, Mapping):
        arrays = {str(name): as_array(value) for name, value in sample.items()}
        if names and set(arrays) - set(names):
            raise ConfigError(
                f"the sample names {', '.join(arrays)}; the model's inputs are "
                f"{', '.join(names)}"
            )
        return arrays
    values = list(sample) if isinstance(sample, tuple) else [sample]
    if len(values) != len(names):
        inputs = ", ".join(names) or "not known"
        raise ConfigError(
            f"the sample has {len(values)} arrays and the model's inputs are {inputs}; "
            "pass sample={'name': array} with an array for each input"
        )
    return {name: as_array(value) for name, value in zip(names, values, strict=True)}


def with_warmup(laid: Laid, sample: Mapping[str, Any], folder: Path) -> Laid:
    """Return files with a sample among them, in a file that is written to a folder.

    A sample that lies beside the model already stays.
    """
    name = f"{MODEL_FOLDER}/{WARMUP}"
    if not sample or name in laid.files:
        return laid
    path = folder / WARMUP
    kept: Arrays = {key: value[:MOST_ROWS] for key, value in sample.items()}
    np.savez(path, allow_pickle=False, **kept)
    return Laid({**laid.files, name: path}, laid.framework)


def cause(error: BaseException) -> str:
    """Return another package's error in one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = re.sub(r"\s+", " ", lines[0])[:LONGEST_CAUSE] if lines else ""
    return f"{type(error).__name__}: {first}"
