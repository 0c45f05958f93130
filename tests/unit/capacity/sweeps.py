"""Reports and sweeps that no server made, for the tests beside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runtime.capacity.knee import Plan
from runtime.capacity.report import Report
from runtime.capacity.sweep import Sweep, run_sweep

GOOD = Report(
    scenario={}, requests=1000, ok=1000, wrong=0, unsent=0, errors={}, error_messages={},
    duration_s=1.0, answered=1000, throughput_rps=1000.0,
    latency_us={"p50": 100.0, "p99": 500.0}, send_lag_us={}, series=(), client_busy=0.2,
    client_cpu_us_per_request=1.0, client_saturated=False, connections_lost=0, retried=0,
    ended="time", partial=False,
)  # fmt: skip

RATE = Plan("rate", 100.0, 1600.0, 2.0)
CONCURRENCY = Plan("concurrency", 1, 64, 2.0)


def bounded(plan: Plan, value: float, capacity: float) -> dict[str, Any]:
    """What a server does that keeps up to a rate, or takes a millisecond for a request."""
    offered = value if plan.axis == "rate" else 1000 * value
    rps = min(offered, capacity)
    due = round(offered) if plan.axis == "rate" else round(rps)
    return {"throughput_rps": rps, "requests": due, "ok": due}


def swept(plan: Plan, capacity: float) -> Sweep:
    """A whole sweep of such a server."""

    def measure(value: float) -> Report:
        return replace(GOOD, **bounded(plan, value, capacity))

    return run_sweep(plan, measure, lambda step: None)
