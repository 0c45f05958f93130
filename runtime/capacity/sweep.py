"""The loop of a sweep: measure a step, judge it, ask for the next one.

What is a good step and which comes next is decided in `knee`. An interrupt ends the sweep
and loses nothing that was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from runtime.capacity.knee import (
    DEFAULT_P99,
    End,
    Plan,
    Step,
    Trial,
    end_of,
    highest_good,
    judge_step,
    next_value,
    p99_limit_us,
)
from runtime.capacity.report import Report

FORMAT = "leeboard.sweep/1"
FEW = 200
"""Requests of a step below which its p99 is the luck of one or two of them."""

UNITS = {"rate": "requests/s", "concurrency": "in flight"}


@dataclass(frozen=True, slots=True)
class Sweep:
    """All steps in the order of measurement, and why there are no more."""

    plan: Plan
    steps: Sequence[Step]
    end: End

    @property
    def highest(self) -> Step | None:
        """The highest load that the server bore."""
        return highest_good(self.steps)

    @property
    def knee(self) -> Step | None:
        """The same, if the next load up is known not to be borne; else None."""
        return self.highest if self.end == "knee" else None

    @property
    def p99_limit_us(self) -> float | None:
        """The limit of p99 that was in force."""
        return p99_limit_us(self.plan, self.steps)

    def as_json(self) -> dict[str, Any]:
        """Return everything, the reports of all steps included, for a file."""
        steps = [
            {
                "value": step.value,
                "good": step.good,
                "fault": step.fault,
                "words": step.words,
                "report": step.report.as_json(),
            }
            for step in self.steps
        ]
        return {
            "format": FORMAT,
            "plan": asdict(self.plan),
            "p99_limit_us": self.p99_limit_us,
            "knee": self.knee.value if self.knee else None,
            "highest_good": self.highest.value if self.highest else None,
            "ended": self.end,
            "partial": self.end == "stopped",
            "steps": steps,
        }


def run_sweep(
    plan: Plan, measure: Callable[[float], Report], on_step: Callable[[Step], None]
) -> Sweep:
    """Measure step after step until the knee is found.

    `measure` blocks for one step; KeyboardInterrupt out of it ends the sweep as `stopped`.
    """
    steps: list[Step] = []
    stopped = True
    with suppress(KeyboardInterrupt):
        while (value := next_value(plan, steps)) is not None:
            step = judge_step(Trial(plan, tuple(steps), value, measure(value)))
            steps.append(step)
            on_step(step)
        stopped = False
    return Sweep(plan, tuple(steps), "stopped" if stopped else end_of(plan, steps))


def number_text(value: float) -> str:
    """Write a load: whole where it is large, three digits where it is small.

    Examples
    --------
    >>> number_text(1131.4), number_text(0.75)
    ('1,131', '0.75')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def load_text(plan: Plan, value: float) -> str:
    """Write a load with its unit.

    Examples
    --------
    >>> load_text(Plan("rate", 100, 1000, 1.5), 337.5)
    '338 requests/s'
    """
    return f"{number_text(value)} {UNITS[plan.axis]}"


def conclude(found: Sweep) -> str:
    """Say in a sentence where the knee is, or why that is not known."""
    plan, best = found.plan, found.highest
    if best is None:
        so_far = "not even the first step was good" if found.steps else "nothing measured"
    else:
        p99_ms = best.report.latency_us["p99"] / 1e3
        rate = best.report.throughput_rps
        so_far = (
            f"{load_text(plan, best.value)}: {rate:,.0f} answers/s, p99 {p99_ms:,.2f} ms"
        )
    sentences: dict[End, str] = {
        "knee": f"knee: {so_far}",
        "highest": f"no knee up to the last step; {so_far}",
        "lowest": f"no knee: {so_far}",
        "stopped": f"ended early; highest good step so far: {so_far}",
        "client": "the client was the bottleneck, so this is its knee and not the "
        f"server's; highest good step: {so_far}",
    }
    return sentences[found.end]


def notes(found: Sweep) -> list[str]:
    """Return what a reader of the table must know."""
    lines = []
    if found.p99_limit_us is not None:
        given = found.plan.rule.p99_us is not None
        origin = "as given" if given else f"{DEFAULT_P99:g} x that of the first step"
        lines.append(f"limit of p99: {found.p99_limit_us / 1e3:,.2f} ms, {origin}")
    fewest = min((step.report.requests for step in found.steps), default=FEW)
    if fewest < FEW:
        lines.append(
            f"a step had only {fewest} requests, so its p99 says little: raise --duration"
        )
    return lines
