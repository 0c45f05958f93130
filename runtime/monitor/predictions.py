"""Answers that were given, as the data plane hands them over for the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row of an answered request.

    `outputs` are the row's numeric outputs by name, flat; `groups` the values of the inputs
    that the model's settings name as group keys. `time_s` is in seconds since 1970.
    """

    model: str
    version: int
    request_id: str
    row: int
    time_s: float
    outputs: Mapping[str, Values]
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What a label names: model, request id and row."""
        return self.model, self.request_id, self.row
