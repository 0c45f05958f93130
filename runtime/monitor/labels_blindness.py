"""What cannot be watched of a version's quality: no labels, too few, or no journal.

Being blind is an alarm of its own: a monitor that sees nothing must not look like one that
sees nothing wrong.
"""

from __future__ import annotations

from runtime.monitor.journal import Standing, State
from runtime.monitor.maturity import Maturity
from runtime.monitor.settings import ModelWatch
from runtime.monitor.signals import Aspect, Blindness, Kind, Subject

LEAST_MATURED = 100
"""Matured predictions, below which missing labels are no news."""


def blindness(
    model: str, version: int, watch: ModelWatch, maturity: Maturity, now_s: float
) -> list[Blindness]:
    """Return whether labels are missing altogether, and whether too few have come. Pure.

    Both are told at every look, blind or not, so that an alarm can end.
    """
    place = maturity.coverage.all
    enough = place.n >= LEAST_MATURED
    least = watch.labels.min_coverage
    none = enough and place.labelled == 0
    few = enough and not none and maturity.coverage.is_low(least)
    share = (
        f"{place.labelled} of {place.n} matured predictions of {model} version {version}"
    )
    return [
        Blindness(
            Subject(model, version, Kind.MONITOR, "labels", Aspect.BLIND),
            now_s,
            none,
            f"{share} have a label: its quality cannot be seen"
            if none
            else f"{share} have a label",
        ),
        Blindness(
            Subject(model, version, Kind.MONITOR, "coverage", Aspect.BLIND),
            now_s,
            few,
            f"only {share} have a label, less than the {least * 100:g} % that quality is "
            "judged from"
            if few
            else f"{share} have a label",
        ),
    ]


def journal_blindness(
    model: str, version: int, standing: Standing, now_s: float
) -> Blindness:
    """Return whether predictions of a version cannot be written down. Pure."""
    is_blind = standing.state in (State.FULL, State.CLOSED)
    words = f"predictions of {model} version {version} are journalled"
    if is_blind:
        why = standing.why or f"it is {standing.state}"
        words = f"predictions of {model} version {version} are not journalled: {why}"
    subject = Subject(model, version, Kind.MONITOR, "journal", Aspect.BLIND)
    return Blindness(subject, now_s, is_blind, words)
