"""What the load generator reports against a server that wrote down what it did.

The server's own log says when each answer left, so that a busy machine, which answers
late, changes both sides alike.
"""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import pytest

from runtime.capacity.endpoint import SECOND, Options
from runtime.native.counted import Result
from runtime.native.load import Generator
from tests.integration.scripted_grpc import Reply, Script, ScriptedGrpc

PATIENCE_S = 30.0
RECORD = struct.Struct("=qqqIi")
"""When a request was due, sent and ended; the version that answered, and the code."""

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def run(script: Script, **changes: Any) -> tuple[Result, ScriptedGrpc]:
    """Run to the end against a server with this script."""
    generator, server = generate(script, **changes)
    return generator.result(), server


def generate(script: Script, **changes: Any) -> tuple[Generator, ScriptedGrpc]:
    """Return a generator that has run to its end, and the server with this script."""
    with ScriptedGrpc(script) as server:
        address = f"127.0.0.1:{server.port}"
        made = {"in_flight": 2000, "method": "/inference.GRPCInferenceService/ModelInfer"}
        options = Options("127.0.0.1", server.port, address, **{**made, **changes})
        generator = Generator(options, [b"question"], [])
        generator.start()
        assert generator.wait(PATIENCE_S), "it hangs"
        return generator, server


def logged_latencies(result: Result, server: ScriptedGrpc, rate: float) -> list[float]:
    """What arithmetic says: from when request i was due to when its answer left."""
    return sorted(
        served.answered_ns - (result["began_ns"] + number * SECOND / rate)
        for number, served in enumerate(server.served)
    )


def quantile(ordered: list[float], share: float) -> float:
    """The nearest rank, as the generator defines it."""
    return ordered[math.ceil(share * len(ordered)) - 1]


class Stall:
    """Answers after 200 ms, but nothing between 1.5 s and 2.5 s after the first request."""

    def __init__(self) -> None:
        self._first_ns = 0

    def __call__(self, number: int, came_ns: int) -> Reply:
        """Decide on one request."""
        self._first_ns = self._first_ns or came_ns
        since_s = (came_ns - self._first_ns) / SECOND
        is_stalled = 1.5 < since_s + 0.2 < 2.5
        return Reply(2.5 - since_s if is_stalled else 0.2)


def test_a_stall_shows_in_the_percentiles_as_arithmetic_says() -> None:
    result, server = run(Stall(), rate=400.0, duration_ns=4 * SECOND)
    ordered = logged_latencies(result, server, 400.0)
    assert result["requests"] == result["ok"] == len(ordered) == 1600
    assert (result["held_back"], result["errors"]) == (0, {})
    # A quarter of the requests wait between 1.2 s and 0.2 s, the rest 0.2 s.
    assert quantile(ordered, 0.5) == pytest.approx(0.2 * SECOND, rel=0.2)
    assert quantile(ordered, 0.9) == pytest.approx(0.8 * SECOND, rel=0.2)
    assert quantile(ordered, 1.0) == pytest.approx(1.2 * SECOND, rel=0.2)
    for name, share in SHARES.items():
        expected = quantile(ordered, share)
        assert result["latency_ns"][name] == pytest.approx(expected, rel=0.02), name
    assert result["latency_ns"]["mean"] == pytest.approx(sum(ordered) / 1600, rel=0.02)


def known_mix(number: int, _: int) -> Reply:
    """Every 7th is unavailable, every 11th of the rest a bad argument."""
    if number % 7 == 6:
        return Reply(status=14, message="try%20again")
    if number % 11 == 10:
        return Reply(status=3, message="bad input")
    return Reply()


def test_every_request_has_a_record_that_fits_what_the_server_wrote() -> None:
    generator, server = generate(known_mix, in_flight=5, requests=100, keeps_records=True)
    records = [RECORD.unpack_from(generator.records(), at)
               for at in range(0, len(generator.records()), RECORD.size)]  # fmt: skip
    assert len(records) == len(server.served)
    assert sorted(code for *_, code in records) == sorted(s.status for s in server.served)
    came = sorted(served.came_ns for served in server.served)
    sent = sorted(sent for _, sent, *_ in records)
    assert all(left <= heard for left, heard in zip(sent, came, strict=True))
    assert all(due <= sent <= ended for due, sent, ended, *_ in records)
    assert {version for *_, version, _ in records} == {0}


def test_nothing_is_recorded_unless_it_is_asked_for() -> None:
    generator, _ = generate(known_mix, in_flight=5, requests=10)
    assert generator.records() == b""


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("changes", [
    {"in_flight": 5, "requests": 300},
    {"rate": 500.0, "duration_ns": SECOND // 2},
], ids=["closed", "open"])  # fmt: skip
def test_a_known_mix_of_errors_is_counted_exactly(
    changes: dict[str, Any], packed: bool
) -> None:
    result, server = run(known_mix, packed=packed, **changes)
    sent = [known_mix(number, 0).status for number in range(len(server.served))]
    assert result["requests"] == len(sent) >= 250
    assert result["ok"] == sent.count(0)
    assert result["errors"] == {14: sent.count(14), 3: sent.count(3)}
    assert result["messages"] == {14: "try again", 3: "bad input"}
    assert result["unsent"] == 0


def test_a_known_distribution_of_delays_comes_back_within_one_percent() -> None:
    rng = random.Random(5)
    delays = [rng.uniform(0.2, 1.0) for _ in range(1000)]
    result, server = run(
        lambda number, _: Reply(delays[number]), rate=500.0, duration_ns=2 * SECOND
    )
    ordered = logged_latencies(result, server, 500.0)
    assert result["ok"] == len(ordered) == 1000
    for name, share in SHARES.items():
        expected = quantile(ordered, share)
        assert result["latency_ns"][name] == pytest.approx(expected, rel=0.01), name


def test_the_histogram_holds_what_the_server_answered() -> None:
    result, server = run(
        lambda number, _: Reply(0.05 if number % 4 else 0.2), in_flight=8, requests=40
    )
    assert sum(count for _, count in result["histogram"]) == len(server.served)
    slow = sum(count for bound, count in result["histogram"] if bound > 0.15 * SECOND)
    assert slow >= len(server.served) // 4
    bounds = [bound for bound, _ in result["histogram"]]
    assert bounds == sorted(bounds)
