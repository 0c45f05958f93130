"""How a model is watched: what a person may say about it, with defaults that hold.

A file names models and what differs from the defaults::

    models:
      fraud:
        task: binary
        score: {output: probability, column: 1}
        groups: [sex]
        eps: 0.05
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DAY_S = 86_400.0


class Task(StrEnum):
    """What a model is asked for, and so what its labels are held against."""

    NONE = "none"
    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Loss(StrEnum):
    """What counts as harm in one matured pair, between 0 and 1.

    AUTO is ERROR for classes and ABSOLUTE for numbers.
    """

    AUTO = "auto"
    ERROR = "error"
    BRIER = "brier"
    ABSOLUTE = "absolute"


class Control(StrEnum):
    """What is promised of a model's alarms; the time is `false_alarm_days`.

    RUN_LENGTH: so long at least pass on average before a false one. ERROR_OVER_PATIENCE:
    that holds while nothing has moved; where something has, the expected share of false
    ones is at most the time waited over that time, and more that moved is found.
    """

    RUN_LENGTH = "run_length"
    ERROR_OVER_PATIENCE = "error_over_patience"


@dataclass(frozen=True, slots=True)
class Score:
    """Where in the outputs the score is: an output's name and a place in its flat row.

    An empty `output` means the first numeric one. For classes the scores are the whole row.
    """

    output: str = ""
    column: int = 0


@dataclass(frozen=True, slots=True)
class LabelsWatch:
    """How late labels are joined and judged.

    A prediction is matured `maturity_s` after its answer, or as soon as its label is there.
    The first `baseline` matured labels of a version are what later ones are held to.
    `loss_scale` is the absolute error that counts as a whole loss in a regression; 0 takes
    the 95th percentile of the baseline's. `min_coverage` is the share of matured
    predictions with a label below which quality is not judged.
    """

    share: float = 1.0
    maturity_s: float = DAY_S
    retention_s: float = 30 * DAY_S
    baseline: int = 500
    eps: float = 0.03
    loss: Loss = Loss.AUTO
    loss_scale: float = 0.0
    min_coverage: float = 0.2
    min_group: int = 100
    gap: float = 0.1


@dataclass(frozen=True, slots=True)
class ModelWatch:
    """How one model is watched.

    `eps` is the largest effect (Kolmogorov-Smirnov distance on the reference's grid) that
    is no drift. One false alarm of the whole model is expected in `false_alarm_days`, or
    what `control` makes of them.
    `reference_rows` rows after a promotion become the reference where there is none.
    `features` names the values of inputs, in order; inputs with more than `max_features`
    values a row are watched by their row's mean, deviation, least and largest value.
    `classes` names the classes in order of their number, for labels that are texts.
    `reference` and `contract` are files that come before those beside a version: what rows
    look like (`leeboard monitor reference`), and what they must look like.
    """

    is_on: bool = True
    reference: str = ""
    contract: str = ""
    reference_rows: int = 5_000
    eps: float = 0.05
    false_alarm_days: float = 30.0
    control: Control = Control.RUN_LENGTH
    window_rows: int = 10_000
    window_s: float = 3_600.0
    max_features: int = 1_024
    features: tuple[str, ...] = ()
    task: Task = Task.NONE
    score: Score = Score()
    threshold: float = 0.5
    classes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    labels: LabelsWatch = LabelsWatch()


DEFAULT = ModelWatch()
