"""Where a server's knee is: which step of a sweep is good, and which step comes next.

Pure. A step is good when all of these hold:

- at most `failed_share` of its requests got no good answer;
- its p99 is within the limit. Without a limit given, that of a rate sweep is ten times the
  p99 of its first step: an open loop has no reason to wait but the server's queue. A
  concurrency sweep has none then, because there every request added waits for those before
  it, by design, long before anything is overloaded;
- a rate sweep: good answers came at `reached_share` of the pace at which requests were due.
  (Due, not asked: Poisson arrivals are a few more or fewer than their rate says.);
- a concurrency sweep: throughput grew by `growth` for each doubling since the best step
  below. More in flight for the same throughput is only a longer queue.

The knee is the highest good step. The ramp multiplies until a step is not good, then
bisects between the last good one and the first bad one above it. One flat step does not end
a ramp of concurrency, two in a row do: a server that batches is often flat between one and
two, and doubles after that.

A step in which the client was the bottleneck ends everything: what was found then is the
client's knee and no measurement of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2, sqrt
from typing import Literal

from runtime.capacity.report import Report
from runtime.errors import ConfigError

Axis = Literal["rate", "concurrency"]
Fault = Literal["", "client", "stopped", "failures", "latency", "rate", "growth"]
End = Literal["knee", "lowest", "highest", "client", "stopped"]

DEFAULT_P99 = 10.0
"""Times the p99 of a rate sweep's first step."""

NARROW = 1.05
"""A good and a bad step closer than this need no step between them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a step is good; the module says what the numbers mean."""

    p99_us: float | None = None
    failed_share: float = 0.001
    reached_share: float = 0.98
    growth: float = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """What is varied, from where to where, and in which steps; checked when made."""

    axis: Axis
    first: float
    last: float
    factor: float
    bisections: int = 3
    rule: Rule = Rule()

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.last:
            raise ConfigError(
                f"--{self.axis} is {self.first:g}:{self.last:g}; "
                "it must be FROM:TO with 0 < FROM <= TO"
            )


@dataclass(frozen=True, slots=True)
class Step:
    """One load, what was measured under it, and what is wrong with it, if anything."""

    value: float
    report: Report
    fault: Fault = ""
    words: str = ""

    @property
    def good(self) -> bool:
        """Whether the server bore it."""
        return not self.fault


def highest_good(steps: Sequence[Step], below: float = float("inf")) -> Step | None:
    """Return the good step with the highest load below a value."""
    good = [step for step in steps if step.good and step.value < below]
    return max(good, key=lambda step: step.value, default=None)


def p99_limit_us(plan: Plan, steps: Sequence[Step]) -> float | None:
    """Return the limit in force: the rule's own, or that made from the first step."""
    if plan.rule.p99_us is not None:
        return plan.rule.p99_us
    if plan.axis == "concurrency" or not steps or not steps[0].report.ok:
        return None
    return DEFAULT_P99 * steps[0].report.latency_us["p99"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A step that is to be judged, and those before it."""

    plan: Plan
    before: Sequence[Step]
    value: float
    report: Report


def judge_client(trial: Trial) -> str:
    """Say that the client was the bottleneck, or nothing."""
    if not trial.report.client_saturated:
        return ""
    return f"the client was the bottleneck, busy {trial.report.client_busy:.0%} of the time"


def judge_end(trial: Trial) -> str:
    """Say that the step was stopped, or that the server went away, or nothing."""
    return "the step ended before its time" if trial.report.partial else ""


def why(report: Report) -> str:
    """Name the most frequent reason why requests got no good answer."""
    reasons = {"never sent": report.unsent, "wrong answers": report.wrong, **report.errors}
    return f"most: {max(reasons, key=lambda reason: reasons[reason])}"


def judge_failures(trial: Trial) -> str:
    """Say how many requests failed, when too many did or none was answered in time."""
    report = trial.report
    if report.failed > trial.plan.rule.failed_share * report.requests:
        return f"{report.failed:,} of {report.requests:,} requests failed, {why(report)}"
    in_time = report.ok and report.throughput_rps > 0
    return "" if in_time else "nothing was answered within the step"


def judge_latency(trial: Trial) -> str:
    """Say that the p99 is above the limit in force, or nothing."""
    limit_us = p99_limit_us(trial.plan, trial.before)
    p99_us = trial.report.latency_us["p99"]
    if limit_us is None or p99_us <= limit_us:
        return ""
    return f"p99 {p99_us / 1e3:,.2f} ms is above {limit_us / 1e3:,.2f} ms"


def judge_rate(trial: Trial) -> str:
    """Say how far answers fell behind what was due, when they did."""
    report, rule = trial.report, trial.plan.rule
    reached = report.throughput_rps * report.duration_s / report.requests
    if trial.plan.axis != "rate" or reached >= rule.reached_share:
        return ""
    return f"good answers came at {reached:.0%} of the pace of requests"


def judge_growth(trial: Trial) -> str:
    """Say that more in flight brought too little, or nothing."""
    base = highest_good(trial.before, below=trial.value)
    if trial.plan.axis != "concurrency" or base is None:
        return ""
    grew = trial.report.throughput_rps / base.report.throughput_rps
    if grew >= (1 + trial.plan.rule.growth) ** log2(trial.value / base.value):
        return ""
    return f"throughput is {grew:.2f} x that of {base.value:g} in flight"


CHECKS: tuple[tuple[Fault, Callable[[Trial], str]], ...] = (
    ("client", judge_client),
    ("stopped", judge_end),
    ("failures", judge_failures),
    ("latency", judge_latency),
    ("rate", judge_rate),
    ("growth", judge_growth),
)
"""In this order; each may rely on those before it having found nothing."""


def judge_step(trial: Trial) -> Step:
    """Return the step with the first fault that is found, or without one."""
    for fault, check in CHECKS:
        words = check(trial)
        if words:
            return Step(trial.value, trial.report, fault, words)
    return Step(trial.value, trial.report)


def ramp_is_over(steps: Sequence[Step]) -> bool:
    """Tell whether the last step ends the ramp: a fault, if flat then twice in a row."""
    if steps[-1].good:
        return False
    return steps[-1].fault != "growth" or [s.fault for s in steps[-2:]] == ["growth"] * 2


def next_value(plan: Plan, steps: Sequence[Step]) -> float | None:
    """Return the load of the next step, or None when the sweep is over.

    Asked twice about the same steps it gives the same answer. `steps` are in the order in
    which they were measured.
    """
    if not steps:
        return plan.first
    if any(step.fault in ("client", "stopped") for step in steps):
        return None
    ramp = ramp_of(plan, steps)
    if not ramp_is_over(ramp) and ramp[-1].value < plan.last:
        return min(ramp[-1].value * plan.factor, plan.last)
    if len(steps) - len(ramp) >= plan.bisections:
        return None
    return middle(plan, steps)


def ramp_of(plan: Plan, steps: Sequence[Step]) -> Sequence[Step]:
    """Return the steps of the ramp: up to the first that ended it, or the last load."""
    n = 1
    while n < len(steps) and steps[n].value > steps[n - 1].value:
        if ramp_is_over(steps[:n]) or steps[n - 1].value >= plan.last:
            break
        n += 1
    return steps[:n]


def middle(plan: Plan, steps: Sequence[Step]) -> float | None:
    """Return the geometric middle between the knee so far and the next bad step above."""
    good = highest_good(steps)
    if good is None:
        return None
    bad = [step.value for step in steps if not step.good and step.value > good.value]
    if not bad or min(bad) <= good.value * NARROW:
        return None
    value = sqrt(good.value * min(bad))
    if plan.axis == "concurrency":
        value = round(value)
    return value if good.value < value < min(bad) else None


def end_of(plan: Plan, steps: Sequence[Step]) -> End:
    """Say why a sweep is over: the knee lies between two steps, or why it was not found.

    `lowest` is when not even the first load was borne, `highest` when the last one was.
    """
    for step in steps:
        if step.fault in ("client", "stopped"):
            return "client" if step.fault == "client" else "stopped"
    good = highest_good(steps)
    if good is None:
        return "lowest"
    return "highest" if good.value >= plan.last else "knee"
