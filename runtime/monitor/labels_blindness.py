"""What cannot be seen of a version's quality: no labels, too few or uneven, no journal.

Being blind is an alarm of its own: a monitor that sees nothing must not look like one that
sees nothing wrong. All are told at every look, blind or not, so that an alarm can end.
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
    """Return whether labels are missing, and whether they are for some more than others.

    Pure. Where most labels are missing, nothing is said of whose.
    """
    place, who = maturity.coverage.all, f"{model} version {version}"
    least = watch.labels.min_coverage
    is_few = place.n >= LEAST_MATURED and maturity.coverage.is_low(least)
    told = f"{place.labelled:,} of {place.n:,} matured predictions of {who} have a label"
    words = told
    if is_few:
        words = f"{told}; below {least * 100:g} % its quality is not judged"
    warnings = () if is_few else maturity.coverage.warnings
    uneven = f"labels of {who} have come evenly, as far as can be told"
    if warnings:
        uneven = f"quality of {who} may mislead: {'; '.join(warnings)}"
    return [
        Blindness(_subject(model, version, "labels"), now_s, is_few, words),
        Blindness(_subject(model, version, "uneven labels"), now_s, bool(warnings), uneven),
    ]


def journal(
    model: str, version: int, standing: Standing, is_down: bool, now_s: float
) -> Blindness:
    """Return whether predictions of a version cannot be written down or read. Pure."""
    is_blind = is_down or standing.state in (State.FULL, State.CLOSED)
    words = f"predictions of {model} version {version} are journalled"
    if is_blind:
        why = standing.why or f"the journal is {standing.state}, and does not answer"
        words = f"predictions of {model} version {version} are not journalled: {why}"
    return Blindness(_subject(model, version, "journal"), now_s, is_blind, words)


def _subject(model: str, version: int, name: str) -> Subject:
    return Subject(model, version, Kind.MONITOR, name, Aspect.BLIND)
