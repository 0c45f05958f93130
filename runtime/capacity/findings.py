"""What a run's counts mean: the report, who was the bottleneck, what a reader must know.

Pure functions of what the generator and the watch saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, cast

from runtime.capacity.endpoint import code_name
from runtime.capacity.inputs import Questions
from runtime.capacity.report import Report, ServerUse
from runtime.capacity.scenario import Ask, Load

if TYPE_CHECKING:
    from runtime.native.counted import Result

BUSY = 0.9
"""Share of the time above which the client's thread is the bottleneck."""

REACHED = 0.98
LATE_US = 1_000.0
MICROSECOND = 1_000
SILENT_S = 1.0
"""A server whose connections broke and that was silent for so long is gone."""

NOISE = 3.0
"""Standard deviations by which a Poisson count may miss its mean."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen beside the generator's own counts."""

    use: ServerUse | None = None
    notes: tuple[str, ...] = ()


def as_microseconds(times_ns: Mapping[str, float]) -> dict[str, float]:
    """Return nanoseconds as microseconds."""
    return {name: value / MICROSECOND for name, value in times_ns.items()}


def describe(ask: Ask, load: Load, questions: Questions) -> dict[str, Any]:
    """Return what was asked and how, option by option, for the report.

    Of headers only the names: values may be secrets.
    """
    sizes = [len(message) for message in questions.messages]
    return {
        "target": ask.target,
        "model": ask.model,
        "version": ask.version,
        "batch": ask.batch,
        "data": str(ask.data) if ask.data else None,
        "golden": bool(questions.goldens),
        "shapes": {name: list(shape) for name, shape in ask.shapes.items()},
        "headers": [name for name, _ in ask.headers],
        "seed": ask.seed,
        "messages": len(sizes),
        "message_bytes": round(sum(sizes) / len(sizes)),
        "loop": "open" if load.rate else "closed",
        "rate": load.rate or None,
        "arrivals": load.arrivals if load.rate else None,
        "concurrency": load.concurrency or None,
        "max_in_flight": load.in_flight,
        "connections": load.wanted_connections,
        "profile": load.profile,
        "duration_s": load.duration_s,
        "warmup_s": load.warmup_s,
        "requests": load.requests or None,
        "warmup_requests": load.warmup_requests or None,
        "timeout_s": load.timeout_s,
        "tells_deadline": load.tells_deadline,
    }


def sent_short(load: Load, result: Result) -> bool:
    """Whether an open loop sent fewer requests than it was asked to, beyond chance."""
    wanted = load.rate * result["seconds"]
    sent = result["requests"] - result["unsent"]
    noise = NOISE * sqrt(wanted) if load.arrivals == "poisson" else 1.0
    return sent < REACHED * wanted and wanted - sent > noise


def is_saturated(load: Load, result: Result) -> bool:
    """Whether the client was the bottleneck.

    Its thread had no time left, or, in the open loop, requests that nothing held back
    left late and some did not leave at all.
    """
    if result["busy_share"] > BUSY:
        return True
    is_late = result["lag_ns"].get("p99", 0.0) > LATE_US * MICROSECOND
    return is_late and load.rate > 0 and (result["unsent"] > 0 or sent_short(load, result))


def client_notes(load: Load, result: Result) -> Iterable[str]:
    """Say who kept the client from sending what it was asked to."""
    saturated = is_saturated(load, result)
    if saturated and result["busy_share"] > BUSY:
        yield (
            f"the client's core was the bottleneck (busy {result['busy_share']:.0%} of the "
            "time): this is not a measurement of the server"
        )
    elif saturated:
        late_ms = result["lag_ns"]["p99"] / MICROSECOND / 1_000
        yield (
            f"the client sent late (p99 {late_ms:.1f} ms): this is not a measurement of "
            "the server"
        )
    if load.rate and sent_short(load, result):
        sent = result["requests"] - result["unsent"]
        yield f"{sent} of {result['requests']} requests that were due were sent"
    held = max(result["held_back"], result["unsent"])
    if load.rate and held and not saturated and not result["connections_lost"]:
        yield (
            f"{held} requests were due and had to wait for others to end: the server "
            f"answers more slowly than they come, or takes fewer than {load.in_flight} "
            "(--max-in-flight) at a time"
        )


def last_good_s(result: Result) -> float:
    """Return when, in the measured part, the last good second ended; 0 for none."""
    return max((s["second"] + 1.0 for s in result["series"] if s["ok"]), default=0.0)


def went_away(result: Result) -> bool:
    """Whether the server was gone at the end, though the time may not have been over."""
    if result["ended"] == "lost":
        return True
    silent_s = result["seconds"] - last_good_s(result)
    return result["connections_lost"] > 0 and silent_s >= SILENT_S


def is_partial(result: Result) -> bool:
    """Whether less was measured than asked for."""
    return result["ended"] == "stopped" or went_away(result)


def course_notes(ask: Ask, load: Load, result: Result) -> Iterable[str]:
    """Say how a run ended before its time, and what became of connections."""
    measured_s, good_s = result["seconds"], last_good_s(result)
    if went_away(result):
        after = f"after about {good_s:.0f} s" if good_s > 0 else "before it answered"
        yield f"{ask.target} went away {after}; the run is partial"
    elif result["connections_lost"]:
        yield f"{result['connections_lost']} connections were lost"
    if result["ended"] == "stopped":
        wanted = f"{load.requests} requests" if load.requests else f"{load.duration_s:g} s"
        yield f"stopped after {measured_s:.1f} s of {wanted}; the run is partial"
    if result["retried"]:
        yield f"{result['retried']} requests were sent again: the server had not begun them"


def answer_notes(result: Result) -> Iterable[str]:
    """Say what was wrong with the answers."""
    if result["wrong"]:
        yield f"{result['wrong']} answers are not what --golden says"
    if result["requests"] and not result["ok"] and result["errors"]:
        code = max(result["errors"], key=lambda code: result["errors"][code])
        words = result["messages"].get(code, "")
        yield f"no request was answered well; {code_name(code)}: {words}"


def make_report(
    ask: Ask, load: Load, questions: Questions, result: Result, seen: Seen
) -> Report:
    """Return the report of a run."""
    seconds, answered = result["seconds"], result["answered"]
    notes = (
        *questions.notes,
        *course_notes(ask, load, result),
        *client_notes(load, result),
        *answer_notes(result),
        *seen.notes,
    )
    return Report(
        scenario=describe(ask, load, questions),
        requests=result["requests"],
        ok=result["ok"],
        wrong=result["wrong"],
        unsent=result["unsent"],
        errors={code_name(code): count for code, count in result["errors"].items()},
        error_messages={code_name(code): m for code, m in result["messages"].items()},
        duration_s=seconds,
        answered=answered,
        throughput_rps=result["answered_ok"] / seconds if seconds else 0.0,
        latency_us=as_microseconds(result["latency_ns"]),
        send_lag_us=as_microseconds(result["lag_ns"]),
        series=[cast(dict[str, float], second) for second in result["series"]],
        client_busy=result["busy_share"],
        client_cpu_us_per_request=result["cpu_ns"] / MICROSECOND / answered
        if answered
        else 0.0,
        client_saturated=is_saturated(load, result),
        connections_lost=result["connections_lost"],
        retried=result["retried"],
        ended=result["ended"],
        partial=is_partial(result),
        server=seen.use,
        notes=notes,
        histogram_ns=result["histogram"],
    )


def refusals(report: Report, max_errors: float) -> list[str]:
    """Return why a script must notice this run; empty for one that is well.

    `max_errors` is the share of requests that may fail.
    """
    reasons = []
    if report.partial:
        reasons.append("the run is partial")
    if not report.requests:
        reasons.append("nothing was measured")
    elif report.failed > max_errors * report.requests:
        reasons.append(f"{report.failed} of {report.requests} requests failed")
    if report.client_saturated and report.scenario["loop"] == "open":
        reasons.append("the client could not send the rate")
    return reasons
